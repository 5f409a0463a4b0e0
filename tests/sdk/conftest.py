"""Sites for AWS's device SDKs on both brokers, and SDK threads that end with the tests."""

import gc
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from awscrt import io
from crt import WAYS, NewWire, Way, Wire, wire
from mosquitto_server import BINARY, HINT, PASSWD
from python_v2 import CLIENTS, Device, NewDevice
from site_under_test import Site
from two_brokers import BROKERS, open_site


@pytest.fixture(scope="session", autouse=True)
def sdk_threads(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let the SDK's threads end before the interpreter does. A failed test keeps what it used."""
    yield
    group = io.EventLoopGroup.get_or_create_static_default()
    io.ClientBootstrap.release_static_default()
    io.DefaultHostResolver.release_static_default()
    io.EventLoopGroup.release_static_default()
    ended = group.shutdown_event
    del group
    gc.collect()  # connections and their callbacks hold each other
    assert ended.wait(15) or request.session.testsfailed, "threads of the SDK go on"


@pytest.fixture(params=BROKERS)
async def site(
    request: pytest.FixtureRequest, tmp_path: Path, requirement: Callable[..., None]
) -> AsyncIterator[Site]:
    """A server with the things ``t1`` and ``t2``, once on each broker."""
    if request.param == "mosquitto":
        requirement("mosquitto with mosquitto_passwd", BINARY and PASSWD, HINT)
    async with open_site(request.param, tmp_path, "t1", "t2") as opened:
        yield opened


@pytest.fixture(params=WAYS, ids=str)
def way(request: pytest.FixtureRequest) -> Way:
    """MQTT 3.1.1 and 5, by password and by certificate."""
    found: Way = request.param
    return found


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> str:
    """The SDK's older and newer jobs client."""
    return str(request.param)


@pytest.fixture
async def new_wire(site: Site) -> AsyncIterator[NewWire]:
    """Give ``new_wire(thing, way)``: a connection that is not open yet, and closed when the test ends."""
    async with AsyncExitStack() as stack:

        def new(thing: str, way: Way, *, through: int | None = None, **options: Any) -> Wire:
            made = wire(site if through is None else site.behind(through), thing, way, **options)
            stack.push_async_callback(made.close)
            return made

        yield new


@pytest.fixture
def new_device(new_wire: NewWire) -> NewDevice:
    """Give ``await new_device(client, way, thing)``: connected until the test ends."""

    async def new(client: str, way: Way, thing: str, **options: Any) -> Device:
        made = new_wire(thing, way, **options)
        await made.open()
        return CLIENTS[client](made, thing)

    return new
