"""A real standby: asked what may be old while it follows, passed over while it does not, and taking over."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from postgres_server import BINARIES, HINT, PostgresServer
from sites import PostgresDatabase
from sqlalchemy import Connection, text
from standby_server import Standby, both
from structlog.testing import capture_logs
from test_storage_postgres import found, insert, until_served

from domain.errors import NotFound, Unavailable
from storage import postgres, reach, replica, things
from storage.store import Store

LAG = 2.0
#: Not what a power cut would lose, but all that a killed server would.
KEEPS = {"synchronous_commit": "on"}
TURNS = (
    "the replica is passed over, the primary answers",
    "the replica is asked what may be some seconds old",
)


@pytest.fixture(scope="module")
def primary(requirement: Callable[..., None]) -> Iterator[PostgresServer]:
    requirement("PostgreSQL 15 or newer", BINARIES, HINT)
    server = PostgresServer(settings=KEEPS)
    yield server
    server.close()


@pytest.fixture(scope="module")
def standby(primary: PostgresServer) -> Iterator[Standby]:
    server = Standby(primary)
    yield server
    server.close()


@pytest.fixture
def site(primary: PostgresServer, standby: Standby, tmp_path: Path) -> PostgresDatabase:
    site = PostgresDatabase(primary, tmp_path)
    standby.catch_up()
    return site


@pytest.fixture
def database(site: PostgresDatabase) -> str:
    return site.url.rpartition("/")[2]


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replica, "_EVERY", 0.2)
    monkeypatch.setattr(replica, "_AT_LEAST", 0.2)


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    with capture_logs() as lines:
        yield lines


@pytest.fixture
async def store(site: PostgresDatabase, standby: Standby, database: str) -> AsyncIterator[Store]:
    store = opened(site.url, standby.url(database), site.folder)
    await until(lambda: store.asks_replica)
    yield store
    await store.close()


def opened(url: str, replica_url: str, folder: Path) -> Store:
    return Store.connect(url, data_dir=folder, standby=(replica_url, LAG))


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 - another thread looks
            await asyncio.sleep(0.02)


async def until_refused(store: Store, why: str) -> None:
    while True:
        with pytest.raises(Unavailable) as refusal:
            await store.write(insert, "lost")
        if why in str(refusal.value):
            return
        await asyncio.sleep(0.05)


def port(connection: Connection) -> int:
    return int(connection.execute(text("SELECT current_setting('port')")).scalar_one())


def turns(logged: list[Any]) -> list[str]:
    return [line["event"] for line in logged if line["event"] in TURNS]


async def test_what_may_be_old_is_asked_there_and_nothing_else_is(
    store: Store, primary: PostgresServer, standby: Standby
) -> None:
    assert await store.browse(port) == standby.port
    assert await store.read(port) == primary.port
    assert await store.write(port) == primary.port


async def test_it_says_what_it_knew_while_that_is_not_too_long_ago_and_then_the_primary_does(
    store: Store, standby: Standby, logged: list[Any]
) -> None:
    standby.hold_back()
    try:
        await store.write(insert, "new")
        assert await store.read(found) == ["new"]
        assert await store.browse(found) == []
        # Some call meets the bound, at which it is answered as the ones after it.
        await until(lambda: not store.asks_replica)
        assert await store.browse(found) == ["new"]
        assert logged[0]["why"] == f"it is more than {LAG:g} s behind"
        assert [await store.browse(found) for _ in range(5)] == [["new"]] * 5
    finally:
        standby.go_on()
    await until(lambda: store.asks_replica)
    assert await store.browse(found) == ["new"]
    assert turns(logged) == list(TURNS), "a line for each turn, none for each call"


async def test_a_primary_where_nothing_happens_has_no_replica_that_lags(
    store: Store, primary: PostgresServer, standby: Standby, logged: list[Any]
) -> None:
    standby.catch_up()
    positions = "SELECT pg_current_wal_flush_lsn()"
    with psycopg.connect(primary.url("postgres"), autocommit=True) as connection:
        before = connection.execute(positions).fetchone()
        seen = store._database.replica._samples
        begun = seen[-1][0]
        await until(lambda: seen[0][0] > begun)
        assert connection.execute(positions).fetchone() == before
    assert store.asks_replica
    assert await store.browse(port) == standby.port
    assert turns(logged) == []


async def test_what_it_does_not_know_yet_the_primary_is_asked_for(store: Store, standby: Standby) -> None:
    standby.hold_back()
    try:
        await store.write(insert, "new")
        assert (await store.browse(things.get, "new")).thing_name == "new"
        with pytest.raises(NotFound):
            await store.browse(things.get, "none")
    finally:
        standby.go_on()
    assert store.asks_replica


async def test_a_query_that_it_gives_up_the_primary_answers(
    store: Store, site: PostgresDatabase, standby: Standby, logged: list[Any]
) -> None:
    asked = []

    def slow(connection: Connection) -> int:
        asked.append(port(connection))
        if asked[-1] == standby.port:
            list(connection.execute(text("SELECT * FROM things")))
            others.execute("LOCK TABLE things IN ACCESS EXCLUSIVE MODE")
            others.commit()
            connection.execute(text("SELECT count(*), pg_sleep(30) FROM things"))
        return asked[-1]

    with psycopg.connect(site.url) as others:
        assert await store.browse(slow) == site.server.port
    assert asked == [standby.port, site.server.port]
    assert store.asks_replica, "it is well otherwise"
    assert [line["event"] for line in logged] == ["the replica gave up a query, the primary answered"]


async def test_while_it_is_stopped_the_primary_answers(
    store: Store, primary: PostgresServer, standby: Standby, logged: list[Any]
) -> None:
    standby.stop(how=signal.SIGINT)
    try:
        assert [await store.browse(port) for _ in range(5)] == [primary.port] * 5
        assert store.ready
        assert store.asks_replica is False
    finally:
        standby.start()
    await until(lambda: store.asks_replica)
    assert await store.browse(port) == standby.port
    assert turns(logged) == list(TURNS)


async def test_while_it_is_frozen_the_primary_answers(
    store: Store, primary: PostgresServer, standby: Standby, logged: list[Any]
) -> None:
    standby.freeze()
    try:
        assert await asyncio.gather(*(store.browse(port) for _ in range(5))) == [primary.port] * 5
        assert store.asks_replica is False
    finally:
        standby.thaw()
    await until(lambda: store.asks_replica)
    assert await store.browse(port) == standby.port
    assert turns(logged) == list(TURNS)


async def test_what_is_no_standby_or_one_of_another_database_is_passed_over(
    site: PostgresDatabase, postgres_server: PostgresServer, logged: list[Any]
) -> None:
    for url, why in (
        (site.url, "it is no standby"),
        (postgres_server.url("postgres"), "it is no standby"),
        ("postgresql://postgres@127.0.0.1:1/none", "connection"),
    ):
        store = opened(site.url, url, site.folder)
        with suppress(TimeoutError):
            await until(lambda: any(line["event"] == TURNS[0] for line in logged))
        assert await store.browse(port) == site.server.port
        assert store.asks_replica is False
        assert store.ready
        assert why in logged[0]["why"]
        logged.clear()
        await store.close()


async def test_a_page_begun_there_goes_on_at_the_primary(store: Store, standby: Standby) -> None:
    for number in range(6):
        await store.write(insert, f"t{number}")
    standby.catch_up()
    page = await store.browse(things.page, max_results=4)
    assert [thing.thing_name for thing in page.items] == ["t0", "t1", "t2", "t3"]
    rest = await store.read(things.page, max_results=4, next_token=page.next_token)
    assert [thing.thing_name for thing in rest.items] == ["t4", "t5"]


async def test_one_that_cannot_write_is_no_primary_and_is_left_when_there_is_one(
    site: PostgresDatabase, primary: PostgresServer, standby: Standby, database: str
) -> None:
    with pytest.raises(Unavailable, match="the database is read-only"):
        Store.connect(standby.url(database), data_dir=site.folder)
    store = Store.connect(both(primary, standby, database, "any"), data_dir=site.folder)
    await store.write(insert, "before")
    standby.catch_up()
    primary.stop(how=signal.SIGINT)
    try:
        await asyncio.wait_for(until_refused(store, "read-only"), 60)
    finally:
        primary.start()
    await asyncio.wait_for(until_served(store, "after"), 60)
    assert await store.write(port) == primary.port
    assert await store.write(found) == ["before", "after"]
    await store.close()


# --- the standby takes over ---


@pytest.mark.parametrize("how", ["killed", "frozen"])
async def test_a_standby_that_takes_over_is_found_and_has_all_that_was_accepted(
    requirement: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    requirement("PostgreSQL 15 or newer", BINARIES, HINT)
    monkeypatch.setattr(postgres, "PATIENCE", 0.5)
    monkeypatch.setitem(reach.CONNECT, "connect_timeout", 2)
    old = PostgresServer(settings=KEEPS)
    new = None
    store = None
    try:
        name = PostgresDatabase(old, tmp_path).url.rpartition("/")[2]
        new = Standby(old)
        old.admin("ALTER SYSTEM SET synchronous_standby_names = '*'")
        old.admin("SELECT pg_reload_conf()")
        store = opened(both(old, new, name), new.url(name), tmp_path)
        await until(lambda: store.asks_replica)
        accepted: list[str] = []

        async def write_on(which: str) -> None:
            for number in range(10_000):
                with suppress(Unavailable):
                    await store.write(insert, f"{which}{number}")
                    accepted.append(f"{which}{number}")
                await asyncio.sleep(0.01)

        writing = [asyncio.create_task(write_on(which)) for which in "ab"]
        await until(lambda: len(accepted) > 50)
        if how == "killed":
            old.stop(how=signal.SIGKILL)
        else:
            old.freeze()

        new.promote()
        before = len(accepted)
        await until(lambda: len(accepted) > before + 20)
        for task in writing:
            task.cancel()
        await asyncio.gather(*writing, return_exceptions=True)
        assert await store.read(port) == new.port
        assert set(accepted) <= set(await store.read(found))
        assert await store.browse(port) == new.port
        await until(lambda: store.asks_replica is False)
        assert store.ready
    finally:
        if store is not None:
            await store.close()
        if old.process is not None:
            # It would wait for the standby that it has lost.
            old.thaw()
            old.stop(how=signal.SIGKILL)
        old.close()
        if new is not None:
            new.close()
