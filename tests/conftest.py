"""What all tests share: how a requirement that is not there is handled, and the tools of the broker tests."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from footing import FOOTINGS, Footing
from longest import first
from postgres_server import BINARIES, HINT, PostgresServer
from sites import BOTH, MakeSite, MakeSiteOf, PostgresDatabase, SqliteFile

#: More would wait for the longest files, and stress a machine that has other things to do.
MOST_WORKERS = 5

# Devices and brokers to test against are used from several folders; there are no test packages.
sys.path.insert(0, str(Path(__file__).parent / "broker"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more process than there are cores: half the time is spent on waiting for brokers and clocks."""
    return min((os.cpu_count() or 1) + 1, MOST_WORKERS)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Order the files of a run side by side; one alone keeps the order it was asked for."""
    if hasattr(config, "workerinput"):
        first(items)


@pytest.fixture(scope="session")
def requirement() -> Callable[[str, object, str], None]:
    """Give ``requirement(name, present, hint)``: missing things skip a test here and fail it in CI."""

    def check(name: str, present: object, hint: str) -> None:
        if present:
            return
        reason = f"needs {name}, which is not here: {hint}"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)

    return check


@pytest.fixture(scope="session")
def postgres_server(requirement: Callable[..., None]) -> Iterator[PostgresServer]:
    """One for all tests of this process; it forgets what a power cut would lose."""
    requirement("PostgreSQL 15 or newer", BINARIES, HINT)
    server = PostgresServer()
    yield server
    server.close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Let a module say on what its tests run."""
    wanted = getattr(metafunc.module, "DIALECTS", None)
    if wanted is not None and "dialect" in metafunc.fixturenames:
        metafunc.parametrize("dialect", wanted, scope="module")


@pytest.fixture(scope="module", params=BOTH)
def dialect(request: pytest.FixtureRequest) -> str:
    """Have a test run on both."""
    return str(request.param)


@pytest.fixture(scope="session")
def make_site_of(request: pytest.FixtureRequest) -> MakeSiteOf:
    """Give ``make_site_of(dialect)(folder)``: a new database; the server is started for the first of them."""

    def make(dialect: str) -> MakeSite:
        if dialect == "sqlite":
            return lambda folder: SqliteFile(folder, durable=False)
        server = request.getfixturevalue("postgres_server")
        return lambda folder: PostgresDatabase(server, folder)

    return make


@pytest.fixture(scope="module")
def make_site(dialect: str, make_site_of: MakeSiteOf) -> MakeSite:
    """Give ``make_site(folder)``: a new database, on either."""
    return make_site_of(dialect)


@pytest.fixture(scope="module", params=FOOTINGS, ids=str)
def footing(request: pytest.FixtureRequest, requirement: Callable[..., None]) -> Footing:
    """Have a test run on each."""
    import mosquitto_server

    found: Footing = request.param
    if found.broker == "mosquitto":
        there = mosquitto_server.BINARY and mosquitto_server.PASSWD
        requirement("mosquitto with mosquitto_passwd", there, mosquitto_server.HINT)
    return found
