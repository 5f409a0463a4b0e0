"""The store: one writer, whole transactions or none, signals after the commit, limits, full disks."""

import asyncio
import gc
import sqlite3
import threading
from pathlib import Path

import pytest
from sites import Site
from sqlalchemy import Connection, text

from domain.errors import NotFound, Unavailable
from storage.signals import Signal, raise_after_commit
from storage.store import MAX_WAITING, Store

INSERT = text("INSERT INTO things (name, thing_id, created_at) VALUES (:name, 'x', 0)")


def insert(connection: Connection, name: str) -> str:
    connection.execute(INSERT, {"name": name})
    raise_after_commit(connection, Signal.MARKS)
    return name


def insert_and_fail(connection: Connection, name: str) -> None:
    insert(connection, name)
    raise NotFound("changed my mind")


def found(connection: Connection) -> list[str]:
    return list(connection.execute(text("SELECT name FROM things ORDER BY id")).scalars())


async def test_a_write_returns_the_verbs_value_and_a_read_begun_after_it_sees_it(real_store: Store) -> None:
    assert await real_store.write(insert, "a") == "a"
    assert await real_store.read(found) == ["a"]


async def test_a_verb_that_raises_leaves_nothing_and_signals_nothing(real_store: Store) -> None:
    woken: list[str] = []
    real_store.listen(Signal.MARKS, lambda: woken.append("x"))
    with pytest.raises(NotFound, match="changed my mind"):
        await real_store.write(insert_and_fail, "a")
    assert await real_store.read(found) == []
    await real_store.write(lambda _: None)
    assert woken == []


async def test_writers_never_run_together_and_go_in_order_where_there_is_one(
    real_store: Store, real_site: Site
) -> None:
    inside: list[int] = []
    most = 0

    def verb(connection: Connection, number: int) -> None:
        nonlocal most
        inside.append(number)
        most = max(most, len(inside))
        insert(connection, f"t{number}")
        inside.remove(number)

    await asyncio.gather(*(real_store.write(verb, number) for number in range(100)))
    assert most == 1
    names, wanted = await real_store.read(found), [f"t{number}" for number in range(100)]
    assert sorted(names) == sorted(wanted)
    if real_site.name == "sqlite":
        assert names == wanted


async def test_a_listener_is_woken_after_the_commit_and_after_the_caller(real_store: Store) -> None:
    order: list[str] = []
    woken = asyncio.Event()

    def wake() -> None:
        order.append("listener")
        woken.set()

    real_store.listen(Signal.MARKS, wake)
    real_store.listen(Signal.AGENDA, lambda: order.append("wrong listener"))
    await real_store.write(insert, "a")
    order.append("caller")
    await asyncio.wait_for(woken.wait(), 10)
    assert order == ["caller", "listener"]
    assert await real_store.read(found) == ["a"]


async def test_a_cancelled_caller_does_not_undo_the_write_nor_its_signal(real_store: Store) -> None:
    woken, entered, go_on = asyncio.Event(), threading.Event(), threading.Event()
    real_store.listen(Signal.MARKS, woken.set)

    def slow(connection: Connection) -> None:
        entered.set()
        assert go_on.wait(10)
        insert(connection, "a")

    caller = asyncio.create_task(real_store.write(slow))
    await asyncio.to_thread(entered.wait, 10)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    go_on.set()
    await asyncio.wait_for(woken.wait(), 10)
    assert await real_store.read(found) == ["a"]


async def test_of_what_fails_when_its_caller_has_left_nothing_is_said(real_store: Store) -> None:
    complaints, entered, go_on = [], threading.Event(), threading.Event()
    asyncio.get_running_loop().set_exception_handler(lambda _loop, what: complaints.append(what))

    def fails(_connection: Connection) -> None:
        entered.set()
        assert go_on.wait(10)
        raise NotFound("too late")

    caller = asyncio.create_task(real_store.read(fails))
    await asyncio.to_thread(entered.wait, 10)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    del caller
    go_on.set()
    await real_store.close()
    gc.collect()
    assert complaints == []


async def test_readers_go_on_while_a_writer_works_and_see_only_what_is_committed(real_store: Store) -> None:
    entered, go_on = threading.Event(), threading.Event()

    def slow(connection: Connection) -> None:
        insert(connection, "a")
        entered.set()
        assert go_on.wait(10)

    writing = asyncio.create_task(real_store.write(slow))
    await asyncio.to_thread(entered.wait, 10)
    assert await real_store.read(found) == []
    go_on.set()
    await writing
    assert await real_store.read(found) == ["a"]


async def test_one_read_is_one_snapshot(real_store: Store) -> None:
    looked, go_on = threading.Event(), threading.Event()

    def look_twice(connection: Connection) -> tuple[list[str], list[str]]:
        before = found(connection)
        looked.set()
        assert go_on.wait(10)
        return before, found(connection)

    reading = asyncio.create_task(real_store.read(look_twice))
    await asyncio.to_thread(looked.wait, 10)
    await real_store.write(insert, "a")
    go_on.set()
    assert await reading == ([], [])


async def test_a_reader_cannot_write(real_store: Store) -> None:
    with pytest.raises(Unavailable, match="read-only"):
        await real_store.read(insert, "a")


async def test_the_call_beyond_the_limit_is_refused_at_once_and_the_others_are_served(
    real_store: Store,
) -> None:
    entered, go_on = threading.Event(), threading.Event()

    def hold(_: Connection) -> None:
        entered.set()
        assert go_on.wait(60)

    first = asyncio.create_task(real_store.write(hold))
    await asyncio.to_thread(entered.wait, 10)
    others = [asyncio.create_task(real_store.write(lambda _: 1)) for _ in range(MAX_WAITING - 1)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match=f"{MAX_WAITING} calls wait"):
        await real_store.write(lambda _: 1)
    with pytest.raises(Unavailable, match=f"{MAX_WAITING} calls wait"):
        await real_store.read(found)
    go_on.set()
    await first
    assert sum(await asyncio.gather(*others)) == MAX_WAITING - 1
    assert await real_store.write(lambda _: 2) == 2


async def test_closing_finishes_what_was_begun_and_closing_twice_is_no_error(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    assert store.ready
    entered, go_on = threading.Event(), threading.Event()

    def slow(connection: Connection) -> None:
        entered.set()
        assert go_on.wait(10)
        insert(connection, "a")

    writing = asyncio.create_task(store.write(slow))
    await asyncio.to_thread(entered.wait, 10)
    closing = asyncio.create_task(store.close())
    await asyncio.sleep(0)
    assert not store.ready
    with pytest.raises(Unavailable, match="closed"):
        await store.write(insert, "b")
    go_on.set()
    await closing
    await writing
    await store.close()
    again = Store.open(tmp_path)
    assert await again.read(found) == ["a"]
    await again.close()


async def test_a_full_disk_refuses_the_write_keeps_reads_and_needs_no_restart(file_store: Store) -> None:
    def limit(connection: Connection, pages: int) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}").close()

    def much(connection: Connection) -> None:
        connection.execute(INSERT, [{"name": f"{number:0>120}"} for number in range(5000)])

    await file_store.write(insert, "before")
    await file_store.write(limit, 60)
    with pytest.raises(Unavailable, match="the disk is full"):
        await file_store.write(much)
    assert await file_store.read(found) == ["before"]
    assert file_store.ready
    await file_store.write(limit, 1_000_000)
    await file_store.write(insert, "after")
    assert await file_store.read(found) == ["before", "after"]


async def test_a_lock_held_by_somebody_else_refuses_the_write_and_reads_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The wait is five seconds; its length is not what is tested.
    monkeypatch.setattr("storage.sqlite._PRAGMAS", ("PRAGMA journal_mode=WAL", "PRAGMA busy_timeout=50"))
    store = Store.open(tmp_path)
    other = sqlite3.connect(tmp_path / "thingjobs.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="locked by another process"):
        await store.write(insert, "a")
    assert await store.read(found) == []
    other.execute("ROLLBACK")
    other.close()
    await store.write(insert, "b")
    assert await store.read(found) == ["b"]
    await store.close()


async def test_what_is_no_trouble_of_the_disk_is_not_called_unavailable(real_store: Store) -> None:
    with pytest.raises(Exception, match=r"no such table|does not exist"):
        await real_store.write(lambda connection: connection.execute(text("SELECT * FROM nowhere")))
    assert real_store.ready


def pragma(connection: Connection, name: str) -> object:
    return connection.exec_driver_sql(f"PRAGMA {name}").scalar()


async def test_every_commit_is_on_disk_before_it_is_answered(file_store: Store) -> None:
    assert await file_store.write(pragma, "synchronous") == 2
    assert await file_store.write(pragma, "journal_mode") == "wal"
    assert await file_store.write(pragma, "foreign_keys") == 1


async def test_a_directory_may_be_called_anything(tmp_path: Path) -> None:
    for name in ("a b", "100%", "what?mode=memory", "#1", "ü"):
        store = Store.open(tmp_path / name)
        await store.write(insert, "a")
        await store.close()
        assert (tmp_path / name / "thingjobs.sqlite3").stat().st_size > 0
