"""PgBouncer in transaction mode, with few connections for all: races, retries, and what goes away behind."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from bouncer import BOUNCER, BOUNCER_HINT, Bounced, Bouncer
from invariants import check
from postgres_server import BINARIES, HINT, PostgresServer
from structlog.testing import capture_logs
from sync_store import SyncStore
from test_storage_postgres import (  # noqa: F401 - the same tests, on what is below
    found,
    insert,
    test_a_deadlock_is_one_no_caller_hears_of,
    test_a_lock_that_is_not_given_and_a_statement_that_does_not_end_are_given_up,
    test_a_name_taken_since_one_looked_is_seen_when_looking_again,
    test_a_process_that_stands_still_in_a_transaction_does_not_hold_up_the_others,
    test_a_transaction_leaves_nothing_in_its_session,
    test_a_verb_runs_alone_unless_it_may_run_beside_others,
    test_what_is_wrong_however_often_it_is_tried_is_no_trouble_of_the_server,
    test_who_works_for_long_is_not_taken_for_one_whose_server_has_gone,
    until_ready,
    until_served,
)
from test_storage_races import (  # noqa: F401 - the same races
    both,
    test_a_reader_of_the_log_never_misses_what_commits_late,
    test_counters_are_the_rows_whoever_writes,
    test_of_all_who_saw_the_same_version_one_advances_it,
    test_of_one_exclusive_group_one_runs_whoever_asks,
    test_the_same_job_asked_for_many_times_is_made_once_and_returned_to_all,
    test_things_that_many_jobs_name_first_are_registered_once,
    test_two_notifiers_tell_each_thing_once,
    test_what_one_notifier_has_claimed_no_other_one_tells,
)

from cli.database import url_of
from cli.settings import load
from storage import leases, postgres, reach
from storage.signals import Signal
from storage.store import Store

DEAF = "a bouncer is in the way: other processes are not heard, looking every few seconds"


@pytest.fixture(scope="module")
def bouncer(postgres_server: PostgresServer, requirement: Callable[..., None]) -> Iterator[Bouncer]:
    requirement("PgBouncer", BOUNCER, BOUNCER_HINT)
    bouncer = Bouncer(postgres_server)
    yield bouncer
    bouncer.close()


@pytest.fixture
def site(bouncer: Bouncer, tmp_path: Path) -> Iterator[Bounced]:
    site = Bounced(bouncer, tmp_path)
    yield site
    looker = SyncStore(site)
    check(looker)
    looker.close()


@pytest.fixture
async def store(site: Bounced) -> AsyncIterator[Store]:
    store = site.store()
    yield store
    await store.close()


@pytest.fixture
async def other(site: Bounced, store: Store) -> AsyncIterator[Store]:
    other = site.store()
    yield other
    await other.close()


@pytest.fixture
def own_bouncer(requirement: Callable[..., None]) -> Iterator[Bouncer]:
    """One that may be killed, in front of a server that may be."""
    requirement("PostgreSQL 15 or newer", BINARIES, HINT)
    requirement("PgBouncer", BOUNCER, BOUNCER_HINT)
    server = PostgresServer(settings={"synchronous_commit": "on"})
    bouncer = Bouncer(server)
    yield bouncer
    bouncer.close()
    server.close()


async def test_whose_lease_was_overtaken_does_nothing(store: Store, other: Store) -> None:
    minute = timedelta(minutes=1)
    first = await store.write(leases.take, "duty", holder="a", span=timedelta(0))
    second = await other.write(leases.take, "duty", holder="b", span=minute)
    assert await store.write(leases.take, "duty", holder="a", span=minute) is None
    with pytest.raises(leases.Deposed):
        await store.write(leases.fenced(insert, first), "late")
    await other.write(leases.fenced(insert, second), "in time")
    assert await store.read(found) == ["in time"]


# --- what can be heard through it ---


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    with capture_logs() as lines:
        yield lines


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 - another thread works
            await asyncio.sleep(0.02)


async def test_nothing_is_heard_through_it_which_is_said_once_and_does_no_harm(
    store: Store, other: Store, bouncer: Bouncer, logged: list[Any]
) -> None:
    woken: list[int] = []
    other.listen(Signal.MARKS, lambda: woken.append(1))
    await until(lambda: logged)
    lost = bouncer.log().count("when not linked")
    for number in range(20):
        await store.write(insert, f"t{number}")
    assert len(await other.read(found)) == 20
    assert woken == []
    assert [line["event"] for line in logged] == [DEAF]
    assert bouncer.log().count("when not linked") == lost, "no connection of the pool was left listening"


async def test_by_the_server_itself_it_is_heard(store: Store, site: Bounced, logged: list[Any]) -> None:
    other = Store.connect(site.url, data_dir=site.folder, direct=site.direct)
    woken, rung = asyncio.Event(), 0
    other.listen(Signal.MARKS, woken.set)
    while not woken.is_set():  # it may not have been listening when the first one rang
        await store.write(insert, f"t{rung}")
        rung += 1
        with suppress(TimeoutError):
            await asyncio.wait_for(woken.wait(), 0.2)
    await other.close()
    assert logged == []


# --- what goes away ---


async def test_a_bouncer_that_was_restarted_is_found_without_a_word(
    own_bouncer: Bouncer, tmp_path: Path
) -> None:
    store = Bounced(own_bouncer, tmp_path).store()
    await asyncio.gather(*(store.write(insert, f"t{n}") for n in range(20)))
    own_bouncer.stop()
    own_bouncer.start()
    await store.write(insert, "after")
    assert len(await store.read(found)) == 21
    await store.close()


async def test_a_server_that_was_restarted_behind_it_is_found_again(
    own_bouncer: Bouncer, tmp_path: Path
) -> None:
    store = Bounced(own_bouncer, tmp_path).store()
    await store.write(insert, "before")
    own_bouncer.server.stop(how=signal.SIGKILL)
    lost = [asyncio.create_task(store.write(insert, f"lost{n}")) for n in range(3)]
    await until(lambda: not store.ready)
    own_bouncer.server.start()
    # Nobody calls, as nobody does who asks first whether a process is ready.
    await asyncio.wait_for(until_ready(store), 60)
    await asyncio.gather(*lost, return_exceptions=True)
    await asyncio.wait_for(until_served(store, "after"), 60)
    assert {"before", "after"} <= set(await store.read(found))
    await store.close()


@pytest.mark.parametrize("asks", ["through it", "past it"])
async def test_a_server_that_is_frozen_behind_it_is_given_up_and_found_again(
    own_bouncer: Bouncer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asks: str
) -> None:
    monkeypatch.setattr(postgres, "PATIENCE", 0.5)
    monkeypatch.setattr(reach, "_ANSWER_WITHIN", 1.0)
    monkeypatch.setitem(reach.CONNECT, "connect_timeout", 2)
    site = Bounced(own_bouncer, tmp_path)
    store = Store.connect(site.url, data_dir=tmp_path, direct=site.direct if asks == "past it" else None)
    await store.write(insert, "before")
    own_bouncer.server.freeze()
    with pytest.raises(postgres.Unavailable, match="no connection"):
        await store.write(insert, "lost")
    assert not store.ready
    own_bouncer.server.thaw()
    await asyncio.wait_for(until_served(store, "after"), 60)
    assert {"before", "after"} <= set(await store.read(found))
    await store.close()


# --- what is done to the database as a whole ---


def test_commands_on_the_database_go_past_it_where_they_can(tmp_path: Path) -> None:
    (tmp_path / "direct").write_text("postgresql://me@db/name\n")
    (tmp_path / "direct").chmod(0o600)
    settings = load(
        database_url="postgresql://me@bouncer/name",
        database_direct_url_file=tmp_path / "direct",
        database_password="p",
    )
    assert url_of(settings) == "postgresql://me@db/name?password=p"


def test_an_upgrade_works_through_it_too(bouncer: Bouncer, tmp_path: Path) -> None:
    name = bouncer.server.new_database(template=None)
    postgres.upgrade(bouncer.url(name))
    with psycopg.connect(bouncer.url(name)) as connection:
        assert connection.execute("SELECT count(*) FROM jobs").fetchone() == (0,)
