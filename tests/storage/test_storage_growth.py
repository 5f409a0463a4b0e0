"""No verb grows with the table: its plans search by index, and ten times the rows cost no more steps."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import latching_walk
import pytest
from growing import Crowd
from lifecycle_reader import switch
from sites import SqliteFile
from sqlalchemy import event
from sync_store import AUTO

from domain.errors import Conflict
from domain.execution import Status
from domain.job import JobStatus, TargetSelection
from domain.registry import AWS_LIMITS
from storage import (
    agenda,
    billing_groups,
    departures,
    descriptions,
    events,
    execution_lists,
    executions,
    groups,
    hierarchy,
    history,
    jobs,
    marks,
    members,
    places,
    rollouts,
    summaries,
    sweeps,
    templates,
    thing_types,
    things,
    tokens,
)  # fmt: skip
from storage.departures import Departure, Kind
from storage.summaries import Asked

SMALL, LARGE = 200, 2000

#: Their entries are what is to be done, not what exists.
WORK_LISTS = (
    "ix_things_dirty", "ix_jobs_look_at", "ix_executions_due", "ix_things_sweep", "ix_thing_groups_sweep",
    # As many as there are dynamic groups: whoever is new or changes is held against each.
    "ix_thing_groups_query",
)  # fmt: skip
TABLES = (
    "executions", "execution_events", "things", "jobs", "job_targets", "group_members", "thing_groups",
    "waiting", "tokens", "templates", "job_values", "lifecycle_notes",
)  # fmt: skip


OWN = '{"who":"${thingjobs:thing:name}","v":"${thingjobs:value:v}"}'


WALKS: dict[str, Callable[[Crowd], Any]] = {
    "a device asks for its work": lambda s: s.ask("t20", "start-next"),
    "a device lists its work": lambda s: s.ask("t21", "get"),
    "a device looks at one": lambda s: s.ask("t21", "wide/get"),
    "a device looks at the next": lambda s: s.ask("t21", "$next/get"),
    "a device reports": lambda s: s.ask("t22", "wide/update", {"status": "SUCCEEDED", "clientToken": "x"}),
    "many devices report": lambda s: s.ask_all(
        *[(f"t{n}", "wide/update", {"status": "IN_PROGRESS"}) for n in range(30, 50)]
    ),
    "nothing is to be told": lambda s: s.do(marks.dirty, limit=500, at=s.now),
    "things are told": lambda s: (
        s.do(marks.mark, [5, 6, 7]),
        s.tell(),
    ),
    "things have come": lambda s: s.do(marks.unbegun, ["t60", "t61"], at=s.now),
    "the broker forgot, one piece": lambda s: (
        s.do(marks.forget_announcements, after=0, limit=20),
        s.do(marks.forget_announcements, after=50, limit=20),
        s.tell(),
    ),
    "the clock looks": lambda s: (s.do(agenda.due, at=s.now), s.do(agenda.next_look)),
    "nothing is too old": lambda s: s.do(history.due, history.Kept(timedelta(days=1)), at=s.now),
    "the oldest transitions go": lambda s: (
        s.later(days=2),
        keep(s, history.Kind.FORGET, history.Kind.CLOSE),
    ),
    "a job that is too old goes": lambda s: (s.later(days=2), keep(s, history.Kind.DELETE)),
    "a timer fires": lambda s: (s.later(minutes=5), s.expire()),
    "a token is checked": lambda s: s.do(tokens.verify, s.token),
    "tokens were revoked": lambda s: (s.do(tokens.revoke, "t5", at=s.now), s.do(tokens.revoked_since, s.now)),
    "the feed goes on": lambda s: s.do(events.after, 50, limit=20),
    "lifecycle events are published": lambda s: s.publish(),
    "a small job is deleted, and that is told": lambda s: s.do(jobs.delete, "j4", force=True, at=s.now),
    "an execution is shown": lambda s: s.do(executions.get, "wide", "t3"),
    "executions of a job": lambda s: s.middle(executions.page_for_job, "wide"),
    "executions of a job, by status": lambda s: s.middle(
        executions.page_for_job, "ended", status=Status.SUCCEEDED
    ),
    "executions of a job, by a status none has": lambda s: s.middle(
        executions.page_for_job, "wide", status=Status.FAILED
    ),
    "executions of a thing": lambda s: s.middle(executions.page_for_thing, "t3"),
    "executions of a thing, by status": lambda s: s.middle(
        executions.page_for_thing, "t3", status=Status.FAILED
    ),
    "an execution is canceled": lambda s: s.do(executions.cancel, "wide", "t80", at=s.now),
    "an execution is deleted": lambda s: s.do(executions.delete, "wide", "t81", at=s.now),
    "a job is shown": lambda s: (s.do(jobs.get, "j1"), s.do(jobs.document, "wide")),
    "jobs": lambda s: s.middle(jobs.page),
    "jobs, by status": lambda s: s.middle(jobs.page, status=JobStatus.IN_PROGRESS),
    "jobs, by a status few have": lambda s: s.middle(jobs.page, status=JobStatus.COMPLETED),
    "jobs, by selection": lambda s: s.middle(jobs.page, target_selection=TargetSelection.SNAPSHOT),
    "jobs, by a selection and a status": lambda s: s.middle(
        jobs.page, status=JobStatus.IN_PROGRESS, target_selection=TargetSelection.CONTINUOUS
    ),
    "jobs, by a selection few have": lambda s: s.middle(
        jobs.page, target_selection=TargetSelection.CONTINUOUS
    ),
    "jobs as the contract lists them": lambda s: s.middle(summaries.page, Asked()),
    "jobs, of a group": lambda s: s.middle(summaries.page, Asked(group_name="half")),
    "jobs, of a namespace": lambda s: s.middle(summaries.page, Asked(namespace_id="edge")),
    "a job is described": lambda s: s.do(descriptions.describe, "following"),
    "executions of one job on a thing": lambda s: s.middle(execution_lists.on_thing, "t3", job_id="wide"),
    "a job is made": lambda s: s.create("new", "t3", "t4", "newcomer"),
    "a job is made for a group": lambda s: s.create("newer", "thinggroup/few"),
    "a job gives each thing its own document": lambda s: (
        s.create("own", "t3", "t4", document=OWN, values={name: {"v": name} for name in ("t3", "t4")}),
        s.ask("t3", "own/get"),
        s.tell(),
    ),
    "versions of a template": lambda s: (
        s.do(templates.create, template_id="x1", document="{}", description="", again=True, at=s.now),
        s.middle(templates.versions, "x1"),
        s.do(templates.delete, "x1", version=1),
    ),
    "targets are added": lambda s: s.do(jobs.associate, "following", ["t90"], policy=AUTO, at=s.now),
    "a small job is canceled": lambda s: s.do(jobs.cancel, "j2", at=s.now),
    "a small job is deleted": lambda s: s.do(jobs.delete, "j3", force=True, at=s.now),
    "a piece of a sweep": lambda s: s.do(sweeps.go_on, s.job_key("wide"), limit=20, at=s.now),
    "a thing is shown": lambda s: s.do(things.get, "t3"),
    "things": lambda s: s.middle(things.page),
    "things, by prefix": lambda s: s.middle(things.page, name_prefix="t1"),
    "things, by type": lambda s: s.middle(things.page, thing_type="pump"),
    "things, by billing group": lambda s: s.middle(billing_groups.members, "plant"),
    "a type is not deleted": lambda s: keep_type(s, "pump"),
    "a billing group is deleted": lambda s: s.do(billing_groups.delete, "plant"),
    "groups inside one": lambda s: s.middle(hierarchy.page, parent="few", recursive=True),
    "the way down to a group": lambda s: s.do(hierarchy.placed, "inside"),
    "a thing changes places": lambda s: s.do(
        places.change, "t7", into=["g5"], out_of=["few"], limits=AWS_LIMITS, policy=AUTO, at=s.now
    ),
    "a thing is changed": lambda s: s.do(things.update, "t3", attributes={"a": "b"}, at=s.now),
    "a thing is deleted": lambda s: s.do(things.delete, "t99", at=s.now),
    "groups": lambda s: s.middle(groups.page),
    "groups, by prefix": lambda s: s.middle(groups.page, name_prefix="g1"),
    "members": lambda s: s.middle(members.of_group, "all"),
    "groups of a thing": lambda s: s.middle(members.of_thing, "t7"),
    "a thing joins": lambda s: s.do(groups.add, "few", ["t50", "t51"], policy=AUTO, at=s.now),
    "a thing leaves": lambda s: s.do(groups.remove, "few", ["t7"], at=s.now),
    "a group is deleted": lambda s: s.do(groups.delete, "g4", at=s.now),
    "a piece of a group that goes": lambda s: depart(s, Kind.GROUP, s.do(groups.key_of, "all")),
    "a piece of what leavers have left": lambda s: depart(s, Kind.LEAVERS, 0),
    "a piece of what a deleted thing has left": lambda s: depart(s, Kind.THING, s.do(things.key_of, "t1")),
    "templates": lambda s: s.middle(templates.page),
    "a piece of a rollout": lambda s: s.do(rollouts.release, s.job_key("waits"), limit=20, at=s.now),
    "a piece of latching": lambda s: latching_walk.piece(s, at_once=True),
    "a piece of latching for a job that waits": lambda s: latching_walk.piece(s, at_once=False),
}


def keep(store: Crowd, *kinds: history.Kind) -> None:
    """Do a small piece of what a day of history asks for."""
    due = store.do(history.due, history.Kept(timedelta(days=1)), at=store.now)
    assert due in [history.Piece(kind) for kind in kinds]
    if due.kind is history.Kind.CLOSE:
        return  # No rollback would open a partition again.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(history, "CHUNK", 20)
        store.do(history.go_on, due, history.Kept(timedelta(days=1)), at=store.now)


def keep_type(store: Crowd, name: str) -> None:
    """Try to delete a type that things have."""
    store.do(thing_types.deprecate, name, at=store.now)
    with pytest.raises(Conflict, match="is still that of the thing"):
        store.do(thing_types.delete, name)


def depart(store: Crowd, kind: Kind, key: int) -> None:
    """Look for what departs, and do a small piece of it."""
    assert Departure(kind, key) in store.do(departures.due)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(departures, "CHUNK", 20)
        assert store.do(departures.go_on, Departure(kind, key), at=store.now)


#: What a walk needs before it is looked at.
BEFORE: dict[str, Callable[[Crowd], Any]] = {
    "lifecycle events are published": lambda s: (
        switch(s),
        s.do(lambda c: c.exec_driver_sql("UPDATE positions SET position = 0")),
    ),
    "a small job is deleted, and that is told": switch,
    "a job that is too old goes": lambda s: s.do(forget, s.job_key("j5")),
    "a piece of a sweep": lambda s: s.do(sweep_later, s.job_key("wide")),
    "a piece of a rollout": lambda s: (s.create("waits", "t1"), s.do(wait, s.job_key("waits"))),
    "a piece of latching": latching_walk.begin,
    "a piece of latching for a job that waits": latching_walk.begin,
    "a piece of a group that goes": lambda s: (follow(s), mark(s, "thing_groups", "DELETE")),
    "a piece of what leavers have left": lambda s: (
        follow(s),
        s.do(lambda c: c.exec_driver_sql("DELETE FROM group_members")),
        mark(s, "things", "LEAVE"),
    ),
    "a piece of what a deleted thing has left": lambda s: (
        [s.create(f"one{n}", "t1", document=json.dumps({"one": n})) for n in range(30)],
        mark(s, "things", "DELETE"),
    ),
}


def follow(store: Crowd) -> None:
    """Let a continuous job follow the large group, and release it."""
    store.create("follows", "thinggroup/all", continuous=True)
    store.finish_rollout("follows")


def mark(store: Crowd, table: str, word: str) -> None:
    """Put the large group, the thing of many jobs, or everybody who has left down as departing."""
    where = {"DELETE": "name IN ('all', 't1')", "LEAVE": "true"}[word]
    store.do(lambda c: c.exec_driver_sql(f"UPDATE {table} SET sweep = '{word}' WHERE {where}"))


def forget(connection, job: int) -> None:
    """As if it had ended, and no transition were left."""
    connection.exec_driver_sql("DELETE FROM execution_events")
    connection.exec_driver_sql(f"DELETE FROM executions WHERE job = {job}")
    connection.exec_driver_sql(
        f"UPDATE jobs SET status = 'CANCELED', queued = 0, last_updated_at = 0 WHERE id = {job}"
    )


def sweep_later(connection, job: int) -> None:
    connection.exec_driver_sql(f"UPDATE jobs SET sweep = 'CANCEL', status = 'CANCELED' WHERE id = {job}")


def wait(connection, job: int) -> None:
    connection.exec_driver_sql(
        f"INSERT INTO waiting (job, thing) SELECT {job}, id FROM things WHERE name NOT IN ('t1', 'busy')"
    )
    connection.exec_driver_sql(f"UPDATE jobs SET waiting = (SELECT count(*) FROM waiting) WHERE id = {job}")


@pytest.fixture(scope="module")
def crowds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Crowd, Crowd]]:
    folder = tmp_path_factory.mktemp("crowds")
    small, large = (SqliteFile(folder / str(size), durable=False) for size in (SMALL, LARGE))
    pair = Crowd(small, SMALL), Crowd(large, LARGE)
    yield pair
    for store in pair:
        store.close()


def tried(store: Crowd, walk: Callable[[Crowd], Any], before: Callable[[Crowd], Any]) -> tuple[int, list]:
    """Run it without leaving a trace; return how many steps the database took and the statements."""
    statements: list[tuple[str, Any]] = []
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    def note(_c, _cursor, statement: str, parameters, _context, many) -> None:
        statements.append((statement, parameters[0] if many else parameters))

    now = store.now
    with store.writer.connect() as connection:
        transaction = connection.begin()
        # All verbs of the walk share this transaction.
        store.do = lambda verb, *args, **kwargs: verb(connection, *args, **kwargs)  # type: ignore[method-assign]
        before(store)
        raw = connection.connection.driver_connection
        raw.set_progress_handler(count, 10)
        event.listen(connection, "before_cursor_execute", note)
        try:
            walk(store)
        finally:
            raw.set_progress_handler(None, 0)
            del store.do
            store.now = now
            transaction.rollback()
    return steps, statements


@pytest.mark.parametrize("name", WALKS)
def test_ten_times_the_rows_cost_no_more_steps(crowds: tuple[Crowd, Crowd], name: str) -> None:
    few, many = (tried(store, WALKS[name], BEFORE.get(name, lambda _: None))[0] for store in crowds)
    assert few > 0
    assert many <= 1.5 * few + 20, (few, many)


@pytest.mark.parametrize("name", WALKS)
def test_every_plan_searches_by_index(crowds: tuple[Crowd, Crowd], name: str) -> None:
    store = crowds[1]
    _, statements = tried(store, WALKS[name], BEFORE.get(name, lambda _: None))
    assert statements
    for statement, parameters in statements:
        lines = plan(store, statement, parameters)
        for line in lines:
            scanned = re.match(r"SCAN (\w+)", line)
            if scanned is None or scanned[1] not in aliases(statement):
                continue
            walks_a_list = "LIMIT" in statement and not any("TEMP B-TREE FOR ORDER" in p for p in lines)
            assert walks_a_list or any(index in line for index in WORK_LISTS), (line, statement)


def plan(store: Crowd, statement: str, parameters: Any) -> list[str]:
    if statement.split(None, 1)[0] not in ("SELECT", "WITH", "UPDATE", "INSERT", "DELETE"):
        return []
    with store.writer.begin() as connection:
        return [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]


def aliases(statement: str) -> set[str]:
    """Return by which names the statement speaks of our tables."""
    found = set(TABLES)
    for table, alias in re.findall(r"(?:FROM|JOIN|INTO|UPDATE)\s+(\w+)(?:\s+(?:AS\s+)?(\w+))?", statement):
        if table in TABLES and alias:
            found.add(alias)
    return found
