"""A PostgreSQL server that may be killed or frozen and loses nothing, for those who have a Mosquitto too."""

from collections.abc import Callable, Iterator

import pytest
from mosquitto_server import BINARY as MOSQUITTO
from mosquitto_server import HINT as MOSQUITTO_HINT
from mosquitto_server import PASSWD
from postgres_server import BINARIES, HINT, PostgresServer


@pytest.fixture(scope="session")
def one_durable_server(requirement: Callable[..., None]) -> Iterator[PostgresServer]:
    requirement("PostgreSQL 15 or newer", BINARIES, HINT)
    requirement("mosquitto with mosquitto_passwd", MOSQUITTO and PASSWD, MOSQUITTO_HINT)
    server = PostgresServer(durable=True)
    yield server
    server.close()


@pytest.fixture
def durable_server(one_durable_server: PostgresServer) -> Iterator[PostgresServer]:
    """Whatever a test has done to it, the next one finds it at work."""
    yield one_durable_server
    if one_durable_server.process is not None:
        one_durable_server.thaw()
    if one_durable_server.process is None or not one_durable_server.lasts:
        one_durable_server.stop()
        one_durable_server.start()
