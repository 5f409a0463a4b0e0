"""What is there before a measurement begins: things, tokens, jobs with executions, a million in seconds.

One of each is made by the store's own verbs; the others are copies of its rows, whole sets at a time.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    FromClause,
    String,
    Table,
    cast,
    func,
    insert,
    literal,
    select,
    text,
    true,
)
from sqlalchemy import update as change
from sqlalchemy.sql import ColumnElement

from agent.fleet import thing_names
from domain.job import NewJob, TargetSelection
from storage import groups, jobs, pacing, targets, tokens
from storage import tables as t
from storage.policy import Policy
from storage.store import Store
from storage.thing_tables import group_members, things

GROUP = "all"
#: What a job is made of beside its row.
_OF_A_JOB = (t.job_targets, t.job_acts, t.executions, t.execution_events)


async def seed(data: Path, count: int, *, with_tokens: bool = False, with_jobs: int = 0) -> dict[str, str]:
    """Register ``count`` things in one group; return their tokens if asked for."""
    store = Store.open(data)
    try:
        names = await register(store, count)
        if with_jobs:
            await sow(store, with_jobs)
        return await store.write(issue, names) if with_tokens else {}
    finally:
        await store.close()


async def register(store: Store, count: int, prefix: str = "t") -> list[str]:
    """Register ``count`` things in the group of all; return their names."""
    names = thing_names(prefix, count)
    await store.write(_register, prefix, names)
    return names


def _register(connection: Connection, prefix: str, names: Sequence[str]) -> None:
    without_limits(connection)
    if not targets.group_keys(connection, [GROUP]):
        groups.create(connection, GROUP, at=now())
    first = targets.register(connection, names[:1], at=now())[names[0]]
    groups.add(connection, GROUP, names[:1], policy=Policy(), at=now())
    width = len(names[0]) - len(prefix) - 1
    number = _numbers(2, len(names))
    copied(
        connection,
        things,
        {
            "name": literal(f"{prefix}-") + _padded(number.c.k, width),
            "thing_id": func.substr(things.c.thing_id, 1, 24, type_=String()) + _padded(number.c.k, 12),
        },
        things.c.id == first,
        number,
    )
    member = things.alias()
    is_new = (group_members.c.thing == first) & (member.c.id > first)
    copied(connection, group_members, {"thing": member.c.id}, is_new, member)
    _look_at_statistics(connection)


async def sow(store: Store, count: int, **more: Any) -> None:
    """Create ``count`` jobs for the group of all, with an execution queued for each thing in each.

    Nobody is left to be told of them. ``more`` is what their ``NewJob`` has beside.
    """
    await store.write(_sow, count, more)


def _sow(connection: Connection, count: int, more: Mapping[str, Any]) -> None:
    without_limits(connection)
    every = connection.execute(select(things.c.id, things.c.name).order_by(things.c.id)).all()
    new = NewJob(
        targets=(every[0].name,),
        target_selection=TargetSelection.SNAPSHOT,
        job_id=job_id(0),
        document='{"operation":"echo"}',
        **more,
    )
    jobs.create(connection, new, policy=Policy(), at=now())
    job = jobs.key_of(connection, job_id(0))
    while pacing.act(connection, job, at=now()):
        pass
    thing = things.alias()
    is_new = thing.c.id > every[0].id
    for table in (t.executions, t.execution_events):
        copied(connection, table, {"thing": thing.c.id}, (table.c.job == job) & is_new, thing)
    group = targets.group_keys(connection, [GROUP])[GROUP]
    aims = {"text": f"thinggroup/{GROUP}", "thing": None, "group": group}
    connection.execute(change(t.job_targets).where(t.job_targets.c.job == job).values(aims))
    counters = {"queued": len(every), "released": len(every), "minute_released": len(every)}
    connection.execute(change(t.jobs).where(t.jobs.c.id == job).values(counters))
    _copy_jobs(connection, job, count)
    # As if they had been told: otherwise a server would begin with that.
    connection.execute(change(things).values(notify_seq=count, notified_seq=count))
    _look_at_statistics(connection)


def _copy_jobs(connection: Connection, job: int, count: int) -> None:
    number = _numbers(1, count - 1)
    # As many digits as ``job_id`` gives them.
    copied(
        connection, t.jobs, {"job_id": literal("job-") + _padded(number.c.k, 3)}, t.jobs.c.id == job, number
    )
    other = t.jobs.alias()
    for table in _OF_A_JOB:
        # Of what was done only its creation: what came later has its place among the transitions.
        stays = t.job_acts.c.act == "CREATE" if table is t.job_acts else true()
        is_its = (table.c.job == job) & (other.c.id > job) & stays
        copied(connection, table, {"job": other.c.id}, is_its, other)


def copied(
    connection: Connection,
    table: Table,
    replaced: Mapping[str, ColumnElement[Any]],
    condition: ColumnElement[bool],
    beside: FromClause,
) -> None:
    """Insert again what rows there are with ``beside`` under a condition, with other values in places."""
    columns = [column for column in table.columns if column.name != "id"]
    values = [replaced.get(column.name, column) for column in columns]
    rows = select(*values).select_from(table.join(beside, true())).where(condition)
    connection.execute(insert(table).from_select(columns, rows))


def _numbers(first: int, last: int) -> Any:
    """Return a table whose column ``k`` counts from one to the other."""
    series = select(literal(first, BigInteger).label("k")).where(literal(first) <= last).cte(recursive=True)
    return series.union_all(select(series.c.k + 1).where(series.c.k < last))


def _padded(number: ColumnElement[int], width: int) -> ColumnElement[str]:
    return func.substr(cast(number + literal(10**width, BigInteger), String), 2, type_=String())


def without_limits(connection: Connection) -> None:
    """Let this transaction's statements take their time: a million rows are no request of anybody's."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL statement_timeout = 0"))


def _look_at_statistics(connection: Connection) -> None:
    """Plan for the tables as they are now; a server that fills up slowly does so by itself."""
    connection.execute(text("ANALYZE"))


def job_id(number: int) -> str:
    return f"job-{number:03}"


async def roll_out(store: Store, name: str) -> None:
    new = NewJob(
        targets=(f"thinggroup/{GROUP}",),
        target_selection=TargetSelection.SNAPSHOT,
        job_id=name,
        document='{"operation":"echo"}',
    )
    await store.write(jobs.create, new, policy=Policy(), at=now())
    key = await store.read(jobs.key_of, name)
    while await store.write(pacing.act, key, at=now()):
        pass


def issue(connection: Connection, names: Sequence[str]) -> dict[str, str]:
    return {name: tokens.issue(connection, name, at=now()) for name in names}


def now() -> datetime:
    return datetime.now(UTC)
