"""PostgreSQL behind the store: retried when others are in the way, refused while it is gone, found again."""

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import psycopg
import pytest
from postgres_server import BINARIES, HINT, PostgresServer
from sites import PostgresDatabase
from sqlalchemy import Connection, text

from domain.errors import InvalidRequest, Unavailable
from storage import postgres, reach
from storage.beside import beside
from storage.breaker import FIRST_WAIT, LONGEST_WAIT, Breaker
from storage.signals import Signal, raise_after_commit
from storage.store import Store

INSERT = text("INSERT INTO things (name, thing_id, created_at) VALUES (:name, 'x', 0)")
TOUCH = text("UPDATE things SET version = version + 1 WHERE name = :name")


def insert(connection: Connection, name: str) -> None:
    connection.execute(INSERT, {"name": name})
    raise_after_commit(connection, Signal.MARKS)


def found(connection: Connection) -> list[str]:
    return list(connection.execute(text("SELECT name FROM things ORDER BY id")).scalars())


@pytest.fixture
def site(postgres_server: PostgresServer, tmp_path: Path) -> Iterator[PostgresDatabase]:
    site = PostgresDatabase(postgres_server, tmp_path)
    yield site
    site.drop()


@pytest.fixture
async def store(site: PostgresDatabase) -> AsyncIterator[Store]:
    store = site.store()
    yield store
    await store.close()


@pytest.fixture
async def other(site: PostgresDatabase, store: Store) -> AsyncIterator[Store]:
    """Another process, as far as the server can tell."""
    other = site.store()
    yield other
    await other.close()


@pytest.fixture
def own_server(requirement: Callable[..., None]) -> Iterator[PostgresServer]:
    """One that may be killed, and that loses nothing by that."""
    requirement("PostgreSQL 15 or newer", BINARIES, HINT)
    server = PostgresServer(durable=True)
    yield server
    server.close()


# --- others in the way ---


async def test_a_deadlock_is_one_no_caller_hears_of(store: Store, other: Store) -> None:
    for name in "ab":
        await store.write(insert, name)
    both, runs = threading.Barrier(2), []

    @beside
    def cross(connection: Connection, first: str, second: str) -> None:
        connection.execute(TOUCH, {"name": first})
        runs.append(first)
        if len(runs) <= 2:
            both.wait(10)
        connection.execute(TOUCH, {"name": second})

    await asyncio.gather(store.write(cross, "a", "b"), other.write(cross, "b", "a"))
    assert len(runs) == 3
    assert await store.read(lambda c: list(c.execute(text("SELECT version FROM things")).scalars())) == [3, 3]


async def test_a_name_taken_since_one_looked_is_seen_when_looking_again(store: Store, other: Store) -> None:
    both, looks = threading.Barrier(2), []

    @beside
    def make(connection: Connection) -> bool:
        there = found(connection)
        looks.append(there)
        if len(looks) <= 2:
            both.wait(10)
        if not there:
            insert(connection, "a")
        return bool(there)

    assert sorted(await asyncio.gather(store.write(make), other.write(make))) == [False, True]
    assert looks == [[], [], ["a"]]


async def test_what_is_wrong_however_often_it_is_tried_is_no_trouble_of_the_server(store: Store) -> None:
    runs = []

    def twice(connection: Connection) -> None:
        runs.append(1)
        insert(connection, "a")
        insert(connection, "a")

    with pytest.raises(Exception, match="duplicate key"):
        await store.write(twice)
    assert len(runs) == postgres.ATTEMPTS
    assert store.ready


async def test_a_verb_runs_alone_unless_it_may_run_beside_others(store: Store, other: Store) -> None:
    inside: list[int] = []
    most = {True: 0, False: 0}

    def verb(connection: Connection, *, marked: bool) -> None:
        inside.append(1)
        most[marked] = max(most[marked], len(inside))
        connection.execute(text("SELECT pg_sleep(0.01)"))
        inside.pop()

    for marked, each in ((False, verb), (True, beside(partial(verb)))):
        await asyncio.gather(*(s.write(each, marked=marked) for s in (store, other) * 10))
    assert most[False] == 1
    assert most[True] > 1


async def test_a_lock_that_is_not_given_and_a_statement_that_does_not_end_are_given_up(
    store: Store, site: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(reach.LIMITS, "lock_timeout", 50)
    with psycopg.connect(site.url) as connection:
        connection.execute("LOCK TABLE things")
        with pytest.raises(Unavailable, match="locked by other writers"):
            await store.write(insert, "a")
    await store.write(insert, "a")
    monkeypatch.setitem(reach.LIMITS, "statement_timeout", 50)
    with pytest.raises(Unavailable, match="took too long"):
        await store.write(lambda c: c.execute(text("SELECT pg_sleep(60)")))
    with pytest.raises(Unavailable, match="took too long"):
        await store.read(lambda c: c.execute(text("SELECT pg_sleep(60)")))
    assert await store.read(found) == ["a"]


async def test_a_transaction_leaves_nothing_in_its_session(store: Store) -> None:
    for number in range(20):
        await store.write(insert, f"t{number}")

    def state(connection: Connection) -> tuple[object, ...]:
        asked = (
            "SELECT current_setting('lock_timeout'), (SELECT count(*) FROM pg_prepared_statements), "
            "(SELECT count(*) FROM pg_locks WHERE locktype = 'advisory')"
        )
        return tuple(connection.execute(text(asked)).one())

    assert await store.read(state) == ("0", 0, 0)


async def test_who_works_for_long_is_not_taken_for_one_whose_server_has_gone(
    site: PostgresDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "PATIENCE", 0.1)
    store = site.store()
    slow = text("SELECT pg_sleep(1.5)")
    await store.write(lambda connection: connection.execute(slow) and insert(connection, "a"))
    assert await store.read(found) == ["a"]
    await store.close()
    monkeypatch.setattr(postgres, "AT_MOST", 0.1)
    store = site.store()
    with pytest.raises(Unavailable, match="no connection"):
        await store.read(lambda connection: connection.execute(text("SELECT pg_sleep(60)")))
    await store.close()


async def test_a_process_that_stands_still_in_a_transaction_does_not_hold_up_the_others(
    store: Store, other: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(reach.LIMITS, "idle_in_transaction_session_timeout", 100)
    entered, go_on = threading.Event(), threading.Event()

    def stand_still(connection: Connection) -> None:
        insert(connection, "a")
        entered.set()
        assert go_on.wait(60)
        insert(connection, "b")

    standing = asyncio.create_task(store.write(stand_still))
    await asyncio.to_thread(entered.wait, 60)
    await other.write(insert, "c")
    assert not standing.done()
    go_on.set()
    # Nothing of it had been committed: it is done once more, and from the beginning.
    await standing
    assert await other.read(found) == ["c", "a", "b"]


# --- other processes ---


async def test_what_one_process_commits_wakes_the_listeners_of_another(store: Store, other: Store) -> None:
    woken, own = asyncio.Event(), []
    other.listen(Signal.MARKS, woken.set)
    store.listen(Signal.MARKS, lambda: own.append(1))
    rung = 0
    while not woken.is_set():  # it may not have been listening when the first one rang
        await store.write(insert, f"t{rung}")
        rung += 1
        with suppress(TimeoutError):
            await asyncio.wait_for(woken.wait(), 0.2)
    assert len(own) == rung, "nobody is woken twice by his own"


# --- a server that goes away ---


async def until_served(store: Store, name: str) -> None:
    while True:
        try:
            await store.write(insert, name)
        except Unavailable:
            await asyncio.sleep(0.05)
        else:
            return


async def until_ready(store: Store) -> None:
    while not store.ready:  # noqa: ASYNC110 - what is watched is a property
        await asyncio.sleep(0.05)


async def test_a_killed_server_refuses_calls_costs_no_threads_and_is_found_again(
    own_server: PostgresServer, tmp_path: Path
) -> None:
    site = PostgresDatabase(own_server, tmp_path)
    store = site.store()
    await store.write(insert, "before")
    own_server.stop()
    for _ in range(2):
        with pytest.raises(Unavailable):
            await store.write(insert, "lost")
    assert not store.ready
    with pytest.raises(Unavailable, match="out of reach"):
        await store.read(found)
    own_server.start()
    # Nobody calls, as nobody does who asks first whether a process is ready.
    await asyncio.wait_for(until_ready(store), 60)
    await store.write(insert, "after")
    assert await store.read(found) == ["before", "after"]
    await store.close()


async def test_connections_that_a_restart_has_ended_are_replaced_without_a_word(
    own_server: PostgresServer, tmp_path: Path
) -> None:
    store = PostgresDatabase(own_server, tmp_path).store()
    await asyncio.gather(*(store.write(insert, f"t{n}") for n in range(20)))
    own_server.stop(how=signal.SIGINT)
    own_server.start()
    await store.write(insert, "after")
    assert len(await store.read(found)) == 21
    await store.close()


async def test_a_frozen_server_is_given_up_and_found_again(
    own_server: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "PATIENCE", 0.5)
    monkeypatch.setitem(reach.CONNECT, "connect_timeout", 2)
    store = PostgresDatabase(own_server, tmp_path).store()
    await store.write(insert, "before")
    own_server.freeze()
    with pytest.raises(Unavailable, match="no connection"):
        await store.write(insert, "lost")
    assert not store.ready
    own_server.thaw()
    await asyncio.wait_for(until_served(store, "after"), 60)
    assert await store.read(found) == ["before", "after"]
    await store.close()


def test_a_server_that_is_not_there_and_a_url_that_is_none_are_named(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be used: there is no connection"):
        Store.connect("postgresql://nobody@127.0.0.1:1/none", data_dir=tmp_path)
    for url in ("mysql://host/x", "sqlite:///x"):
        with pytest.raises(InvalidRequest, match="not with postgresql"):
            Store.connect(url, data_dir=tmp_path)
    with pytest.raises(InvalidRequest, match="URL is none"):
        Store.connect("what?", data_dir=tmp_path)


# --- the breaker ---


class Gone(Exception):
    """Nothing a server has said."""


def test_the_breaker_lets_one_call_through_at_a_time_and_ever_more_rarely() -> None:
    now = 0.0
    breaker = Breaker(lambda: now)

    def lose() -> None:
        error = postgres.DBAPIError("x", None, Gone(), connection_invalidated=True)
        with pytest.raises(postgres.DBAPIError), breaker.watch():
            raise error

    def admitted() -> bool:
        try:
            breaker.admit()
        except Unavailable:
            return False
        return True

    assert admitted()
    lose()
    waits = []
    for _ in range(8):
        before = now
        while not admitted():
            now += FIRST_WAIT / 4
        assert not admitted(), "the next one waits for what the first one finds"
        waits.append(now - before)
        lose()
    assert waits == sorted(waits)
    assert waits[0] == pytest.approx(FIRST_WAIT, abs=FIRST_WAIT / 4)
    assert waits[-1] == pytest.approx(LONGEST_WAIT, abs=FIRST_WAIT / 4)
    with breaker.watch():
        pass
    assert admitted()
    assert admitted()


def test_many_calls_that_fail_together_are_one_failure() -> None:
    now = 0.0
    breaker = Breaker(lambda: now)
    for _ in range(50):
        with pytest.raises(postgres.DBAPIError), breaker.watch():
            raise postgres.DBAPIError("x", None, Gone(), connection_invalidated=True)
    now = FIRST_WAIT * 2.1
    breaker.admit()
