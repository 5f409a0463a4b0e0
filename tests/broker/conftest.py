"""Brokers for the tests of the links, started per test and gone after it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from devices import Device
from engine import Engine
from footing import Footing
from mosquitto_server import BINARY, DISPATCHER, HINT, PASSWD, MosquittoServer, secret
from sites import MakeSite, MakeSiteOf
from whole import Whole, whole

from broker.mqtt import ExternalLink
from domain.topics import Topics
from storage.store import Store

StartMosquitto = Callable[..., Awaitable[MosquittoServer]]
Begin = Callable[..., Awaitable[ExternalLink]]


@pytest.fixture
async def start_mosquitto(tmp_path: Path, requirement: Callable[..., None]) -> AsyncIterator[StartMosquitto]:
    """Give ``await start_mosquitto(things, **settings)``: a running server with these users."""
    async with AsyncExitStack() as stack:

        async def start(
            things: Iterable[str] = (), *, acl: str | None = None, more: str = "", **settings: str
        ) -> MosquittoServer:
            requirement("mosquitto with mosquitto_passwd", BINARY and PASSWD, HINT)
            server = MosquittoServer(
                tmp_path / "mosquitto", users=things, settings=settings, acl=acl, more=more
            )
            stack.push_async_callback(server.kill)
            await server.start()
            return server

        yield start


@pytest.fixture
def mqtt_version() -> str:
    """What the links speak; where the difference matters, a module says both."""
    return "auto"


@pytest.fixture
def external_link(mqtt_version: str) -> Callable[[MosquittoServer], ExternalLink]:
    """Give a link to this server that is not started yet; always the same client id, as a dispatcher has."""

    def make(server: MosquittoServer, **options: Any) -> ExternalLink:
        return ExternalLink(
            host="127.0.0.1",
            client_id=DISPATCHER,
            username=DISPATCHER,
            password=secret(DISPATCHER),
            **{"port": server.port, "topics": Topics(), "mqtt_version": mqtt_version, **options},
        )

    return make


@pytest.fixture
async def begin(external_link: Callable[..., ExternalLink]) -> AsyncIterator[Begin]:
    """Give ``await begin(server, door)``: a started link, closed after the test."""
    async with AsyncExitStack() as stack:

        async def start(server: MosquittoServer, door: Any, **options: Any) -> ExternalLink:
            link = external_link(server, **options)
            stack.push_async_callback(link.close)
            await link.start(door)
            return link

        yield start


@pytest.fixture
async def connect() -> AsyncIterator[Callable[..., Awaitable[Device]]]:
    """Give ``await connect(server, *filters)``: alice, connected and subscribed."""
    async with AsyncExitStack() as stack:

        async def device(
            server: MosquittoServer, *filters: str, user: str = "alice", **options: Any
        ) -> Device:
            made = Device(server.port, user, password=secret(user), **options)
            await made.connect()
            stack.push_async_callback(made.close)
            if filters:
                await made.subscribe(*filters)
            return made

        yield device


@pytest.fixture
async def server(footing: Footing, make_site_of: MakeSiteOf, tmp_path: Path) -> AsyncIterator[Whole]:
    """The whole server, once on each footing, with the things ``t1`` and ``t2``."""
    site = make_site_of(footing.database)(tmp_path / "data")
    async with whole(footing.broker, tmp_path, "t1", "t2", site=site) as running:
        yield running
    site.drop()


@pytest.fixture
async def store(make_site: MakeSite, tmp_path: Path) -> AsyncIterator[Store]:
    """A real store on a database of its own."""
    site = make_site(tmp_path / "data")
    store = site.store()
    yield store
    await store.close()
    site.drop()


@pytest.fixture
def engine(store: Store) -> Engine:
    return Engine(store)
