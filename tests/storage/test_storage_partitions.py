"""Partitions of the log of transitions: there before they are needed, gone without anybody waiting."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from alembic import command
from invariants import check
from old_jobs import AHEAD, KEPT, SPAN, begins, divide, ended, keep, left, live, piece
from postgres_server import PostgresServer
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import DBAPIError
from sync_store import START, SyncStore

from domain.acts import Act
from storage import acts, events, history, partitions, positions, reach, schema, timeline
from storage.breaker import state_of
from storage.history import Kept, Kind
from storage.timeline import Asked

pytestmark = pytest.mark.parametrize("dialect", ["postgresql"], scope="module")
REST = "SELECT count(*) FROM execution_events_rest"
LOCKED = "55P03"


@pytest.fixture
def cut(store: SyncStore) -> SyncStore:
    divide(store)
    keep(store)
    return store


def bounds(store: SyncStore) -> list[tuple[int | None, int]]:
    return [(partition.low, partition.high) for partition in store.do(partitions.found)]


@contextmanager
def reading(store: SyncStore) -> Iterator[None]:
    """Somebody reads the log, and takes time."""
    with psycopg.connect(store.site.url) as reader:
        reader.execute("SELECT count(*) FROM execution_events")
        yield


def test_they_lie_ready_and_no_two_alike(cut: SyncStore) -> None:
    assert bounds(cut) == [(None, 10), (10, 20), (20, 30)]
    ended(cut, "j", "t0", "t1", "t2", "t3")
    assert cut.rows("SELECT max(id) FROM execution_events") == [(12,)]
    assert keep(cut) == [Kind.PROVIDE]
    assert bounds(cut) == [(None, 10), (10, 20), (20, 30), (30, 40)]
    assert cut.rows("SELECT count(*) FROM execution_events_0") == [(9,)]
    assert cut.rows(REST) == [(0,)]


def test_the_migration_leaves_as_many_as_the_clock_wants(store: SyncStore) -> None:
    assert piece(store, Kept()) is None
    assert len(bounds(store)) == 1 + partitions.AHEAD


def test_what_finds_none_is_kept_and_gets_one(cut: SyncStore) -> None:
    ended(cut, "j", *(f"t{number}" for number in range(15)))
    assert cut.rows(REST) == [(16,)]
    check(cut)
    assert keep(cut) == [Kind.PROVIDE]
    assert cut.rows(REST) == [(0,)]
    assert bounds(cut)[:4] == [(None, 10), (10, 20), (20, 30), (30, 50)]
    assert len(bounds(cut)) == 4 + AHEAD
    assert cut.rows("SELECT count(*) FROM execution_events") == [(45,)]
    ended(cut, "k", "t0")
    assert cut.rows(REST) == [(0,)]
    cut.do(partitions.provide, span=SPAN, ahead=AHEAD)
    assert len(live(cut, 35)) > 4
    assert left(cut, "jobs") == []


def test_one_that_is_not_full_is_closed_in_time(cut: SyncStore) -> None:
    ended(cut, "j", "t0")
    assert set(live(cut, 3)) == set()
    assert live(cut, 1) == [Kind.CLOSE]
    ended(cut, "k", "t0")
    assert cut.rows("SELECT min(id) FROM execution_events WHERE job > 1") == [(SPAN,)]
    assert begins(cut) is None
    live(cut, 27)
    assert left(cut, "jobs") == ["k"]
    assert begins(cut) == (3, 1772366400000)


def test_a_reader_makes_nobody_wait(cut: SyncStore) -> None:
    ended(cut, "j", "t0")
    live(cut, 29)
    cut.later(days=5)
    dropping = cut.do(history.due, KEPT, at=cut.now)
    assert dropping.kind is Kind.DROP
    with reading(cut), pytest.raises(DBAPIError) as refused:
        cut.do(history.go_on, dropping, KEPT, at=cut.now)
    assert state_of(refused.value) == LOCKED
    with reading(cut):
        ended(cut, "meanwhile", "t1")
    assert Kind.DROP in keep(cut)
    assert left(cut, "jobs") == ["meanwhile"]


def test_none_goes_that_has_grown_since_it_was_looked_at(cut: SyncStore) -> None:
    ended(cut, "j", "t0")
    live(cut, 29)
    cut.later(days=5)
    dropping = cut.do(history.due, KEPT, at=cut.now)
    # As of a transaction that was under way.
    cut.site.script("UPDATE execution_events SET id = id + 1 WHERE id = 3")
    cut.do(history.go_on, dropping, KEPT, at=cut.now)
    assert cut.rows("SELECT count(*) FROM execution_events") == [(3,)]
    keep(cut)
    assert left(cut, "jobs") == []


def test_empty_ones_that_are_passed_go(cut: SyncStore) -> None:
    """As after a database with a history that had begun late was copied."""
    cut.do(partitions.provide, upto=100, span=SPAN, ahead=AHEAD)
    cut.do(lambda c: c.execute(text("SELECT setval('execution_events_id_seq', 100)")))
    ended(cut, "j", "t0")
    assert keep(cut).count(Kind.DROP) == 10
    assert bounds(cut)[0] == (100, 110)
    assert begins(cut) is None


#: Executions of a job that were made, done and deleted, one after the other: what they leave.
PAST = """
    INSERT INTO execution_events (at, job, thing, number, version, from_status, to_status, cause)
    SELECT 1772366400000, 1, t.id, n, v.version, v.before, v.after, 'DEVICE'
    FROM generate_series(1, 200) n, things t, (VALUES (1, NULL, 'QUEUED'), (2, 'QUEUED', 'IN_PROGRESS'),
    (3, 'IN_PROGRESS', 'SUCCEEDED')) v (version, before, after) WHERE t.name LIKE 'p%'
    ORDER BY n, t.id, v.version
"""


@pytest.fixture
def long(store: SyncStore) -> SyncStore:
    """Fifty partitions with something in each, and as the planner knows them after a while."""
    divide(store, 100)
    store.create("j", *(f"p{number}" for number in range(8)))
    store.do(partitions.provide, upto=4900, span=100, ahead=AHEAD)
    store.do(lambda c: c.exec_driver_sql("DELETE FROM executions"))
    store.do(lambda c: c.exec_driver_sql("UPDATE jobs SET queued = 0, status = 'CANCELED'"))
    store.site.script(PAST)
    store.site.script("ANALYZE")
    assert store.rows("SELECT count(DISTINCT tableoid) FROM execution_events") == [(49,)]
    return store


def plans(store: SyncStore, verb: Callable[..., Any], *args: Any, **kwargs: Any) -> Iterator[dict[str, Any]]:
    """Yield how the server carries out what a verb says about the log."""
    said: list[tuple[str, Any]] = []
    with store.writer.connect() as connection:
        event.listen(connection, "before_cursor_execute", lambda *all_: said.append((all_[2], all_[3])))
        verb(connection, *args, **kwargs)
        connection.rollback()
        asked = [(statement, values) for statement, values in said if "execution_events" in statement]
        for statement, values in asked:
            explain = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}"
            [[[found]]] = connection.exec_driver_sql(explain, values).all()
            yield found["Plan"]
            connection.rollback()


def parts(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what a plan does with partitions that are not empty."""
    if plan.get("Relation Name", "").startswith("execution_events_") and plan["Actual Loops"]:
        yield plan
    for below in plan.get("Plans", ()):
        yield from parts(below)


def pages(plan: dict[str, Any]) -> int:
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def test_the_feed_looks_at_what_is_behind_its_cursor(long: SyncStore) -> None:
    [plan] = plans(long, events.after, 4700, limit=20)
    looked = {part["Relation Name"] for part in parts(plan)}
    assert len(looked) <= 3 + AHEAD + 1
    assert pages(plan) <= 60


#: What is asked of all partitions: a probe of an index for each.
EVERYWHERE: dict[str, Callable[[Connection], Any]] = {
    "an act's place": lambda c: acts.note(c, 1, Act.PAUSE, at=START),
    "a job on a thing": lambda c: timeline.page_for_thing(c, "j", "p3", Asked(max_results=20)),
    "a job, newest first": lambda c: timeline.page_for_job(c, "j", Asked(newest_first=True, max_results=20)),
    "a job without any": lambda c: c.exec_driver_sql("SELECT 1 FROM execution_events WHERE job = 7 LIMIT 1"),
}


def test_what_is_asked_of_all_is_a_probe_of_each(long: SyncStore) -> None:
    for name, verb in EVERYWHERE.items():
        for plan in plans(long, verb):
            for part in parts(plan):
                # An empty one is read whole: that is nothing.
                assert part["Node Type"] != "Seq Scan" or not part["Actual Rows"], (name, part)
            assert pages(plan) <= 4 * 55, (name, plan)


def test_an_act_is_placed_without_a_look_at_what_is_before_the_last_one(long: SyncStore) -> None:
    long.do(lambda c: c.exec_driver_sql("UPDATE job_acts SET event = 4700 WHERE act = 'RELEASE'"))
    [plan] = [plan for plan in plans(long, acts.note, 1, Act.PAUSE, at=START) if list(parts(plan))]
    assert len(list(parts(plan))) <= 3 + AHEAD + 1
    assert [part for plan in plans(long, positions.newest) for part in parts(plan)] == []


def test_a_table_with_rows_in_it_becomes_the_first_partition(
    postgres_server: PostgresServer, dialect: str
) -> None:
    del dialect
    url = postgres_server.url(postgres_server.new_database(template=None))
    engine = reach.writer(url)
    with engine.begin() as connection:
        command.upgrade(schema.config(connection), "0008")
        connection.exec_driver_sql(
            "INSERT INTO execution_events (at, job, thing, number, version, to_status, cause) "
            "SELECT 7, 1, n, 1, 1, 'QUEUED', 'RELEASE' FROM generate_series(1, 1000) n"
        )
        connection.exec_driver_sql("SELECT setval('execution_events_id_seq', 7000000)")
        connection.exec_driver_sql("UPDATE execution_events SET id = id + 6000000")
    schema.upgrade(engine)
    with engine.begin() as connection:
        first, *rest = partitions.found(connection)
        assert (first.low, first.high, len(rest)) == (None, 10_000_000, partitions.AHEAD)
        assert partitions.ends(connection, first) == (6_001_000, 7)
        # As a program of the version before writes.
        new = connection.exec_driver_sql(
            "INSERT INTO execution_events (at, job, thing, number, version, to_status, cause) "
            "VALUES (8, 1, 1, 2, 1, 'QUEUED', 'RELEASE') RETURNING id, actor, status_details"
        )
        assert new.one() == (7_000_001, "", "{}")
        partitions.drop(connection, first)
        assert partitions.last(connection) == 7_000_001
    engine.dispose()
