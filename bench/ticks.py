"""Measures i, j, k: the clock with very many jobs and executions, when much is due and when nothing is."""

import asyncio
import json
import time
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from statistics import median, quantiles

from sqlalchemy import Connection, text

from bench.footings import NO_POSTGRES, site
from bench.options import Bench
from bench.processes import Failed
from bench.rows import Goal, Row, Skipped
from bench.seed import job_id, now, register, sow, without_limits
from broker.scheduler import Scheduler
from domain.messages import Request, parse_request
from domain.pacing import checked
from domain.topics import DEFAULT_ROOT, Operation, Topics
from storage import device
from storage.millis import to_millis
from storage.store import Store

#: A part of all executions runs; of those due, each round takes another part.
RUNNING, DUE = 10, 100
TOPICS = Topics(DEFAULT_ROOT)
#: Criteria that are never met: a job with any is looked at again whenever an execution of it ends.
WATCHED = {
    "criteriaList": [
        {
            "failureType": "TIMED_OUT",
            "action": "CANCEL",
            "thresholdPercentage": 100,
            "minNumberOfExecutedThings": 100_000,
        }
    ]
}


class Clocked:
    """A store and the scheduler that works on it, by a clock that stands still."""

    def __init__(self, store: Store) -> None:
        self.store, self.now = store, now() + timedelta(minutes=5)
        self.scheduler = Scheduler(store, clock=lambda: self.now)

    async def drain(self) -> float:
        """Return how many seconds pass until nothing is due any more."""
        began = time.perf_counter()
        while await self.scheduler.tick():
            pass
        return time.perf_counter() - began

    async def idle(self, ticks: int) -> float:
        """Return the median milliseconds of a tick when nothing is due."""
        took = []
        for _ in range(ticks):
            began = time.perf_counter()
            if await self.scheduler.tick():
                raise Failed("something was due")
            took.append(time.perf_counter() - began)
        return median(took) * 1000


class Table(Clocked):
    """A store with so many jobs, each for so many things."""

    def __init__(self, store: Store, talker: str, job_count: int, things: int) -> None:
        super().__init__(store)
        self.talker, self.jobs, self.executions = talker, job_count, job_count * things


async def measure(bench: Bench) -> list[Row | Skipped]:
    rows: list[Row | Skipped] = []
    for database in ("SQLite", "PostgreSQL"):
        if database == "PostgreSQL" and not bench.postgres:
            rows += [Skipped(letter, "ticks on PostgreSQL", NO_POSTGRES) for letter in "ijk"]
        else:
            rows += await _measured(bench, database)
    return rows


async def _measured(bench: Bench, database: str) -> list[Row]:
    sizes = bench.sizes
    async with AsyncExitStack() as stack:
        small, large = [await _table(stack, bench, database, things) for things in sizes.tick_things]
        ratios, idles = [], []
        for _ in range(sizes.rounds):
            pair = [await table.idle(sizes.probes) for table in (small, large, large, small)]
            ratios.append((pair[1] + pair[2]) / (pair[0] + pair[3]))
            idles.append((pair[1] + pair[2]) / 2)
        due = [await _due(large, number) for number in range(sizes.few)]
        meanwhile = [await _talk(large, sizes.few + number) for number in range(sizes.few)]
    count = large.executions // DUE
    due_of = f"{count:,} time-outs of {large.jobs:,} jobs, {large.executions:,} executions"
    return [
        Row(
            letter="i",
            what=f"tick: {due_of}, {database}",
            unit="s",
            rounds=due,
            goal=Goal("<=", 2.0),
            notes=f"{count / median(due):,.0f} a second, no device asking",
        ),
        Row(
            letter="j",
            what=f"idle tick, {large.executions:,} / {small.executions:,} executions, {database}",
            unit="x",
            rounds=ratios,
            goal=Goal("<=", 2.0),
            notes=f"{median(idles):.2f} ms",
        ),
        Row(
            letter="k",
            what=f"a device's update during that tick, p99, {database}",
            unit="ms",
            rounds=[p99 for p99, *_ in meanwhile],
            notes=f"median {median(mid for _, mid, *_ in meanwhile):.1f} ms, "
            f"slowest {max(most for *_, most, _ in meanwhile):.0f} ms; "
            f"{sum(number for *_, number in meanwhile)} updates, one at a time",
        ),
    ]


async def _due(table: Table, number: int) -> float:
    before = await table.store.read(_timed_out)
    due = await table.store.write(_arm, table, number)
    took = await table.drain()
    ended = await table.store.read(_timed_out) - before
    if ended != due or not due:
        raise Failed(f"{ended} executions have timed out, {due} should have")
    return took


async def _talk(table: Table, number: int) -> tuple[float, float, float, int]:
    """Return the p99, median and longest milliseconds of updates during a tick, and how many there were."""
    await table.store.write(_arm, table, number)
    took: list[float] = []
    ticking = asyncio.create_task(table.drain())
    while not ticking.done() or len(took) < 2:
        began = time.perf_counter()
        (answer,) = await table.store.write(device.answer, [_update(table, len(took))], at=table.now)
        took.append((time.perf_counter() - began) * 1000)
        if isinstance(answer, Exception):
            raise Failed(f"an update was refused: {answer}")
    await ticking
    return quantiles(took, n=100, method="inclusive")[98], median(took), max(took), len(took)


def _update(table: Table, number: int) -> Request:
    topic = TOPICS.parse(TOPICS.request(table.talker, Operation.UPDATE, job_id(0)))
    body = {"status": "IN_PROGRESS", "statusDetails": {"step": str(number)}}
    return parse_request(topic, json.dumps(body).encode(), lambda payload: payload.hex()[:24])


async def _table(stack: AsyncExitStack, bench: Bench, database: str, things: int) -> Table:
    store = site(stack, bench.folder / f"ticks-{database}-{things}", database).store()
    stack.push_async_callback(store.close)
    count = bench.sizes.tick_jobs
    names = await register(store, things)
    await sow(store, count, pacing=checked({"abortConfig": WATCHED}))
    table = Table(store, names[0], count, things)
    await store.write(_run, table)
    await table.drain()
    return table


def _run(connection: Connection, table: Table) -> None:
    """Let a part of the executions run, with time-outs that are far away."""
    _begin(connection, table, f"id % {RUNNING} = 1", table.now + timedelta(days=1))


def _arm(connection: Connection, table: Table, number: int) -> int:
    """Let another part of the executions be due; return how many."""
    part = [part for part in range(DUE) if part % RUNNING != 1][number]
    return _begin(connection, table, f"id % {DUE} = {part}", table.now)


#: What is never due: the execution that a device works on meanwhile.
_TALKERS = (
    "(SELECT e.id FROM executions e JOIN jobs j ON j.id = e.job JOIN things t ON t.id = e.thing "
    "WHERE j.job_id = :job AND t.name = :talker)"
)


def _begin(connection: Connection, table: Table, which: str, until: datetime) -> int:
    without_limits(connection)
    begun = connection.execute(
        text(
            "UPDATE executions SET status = 'IN_PROGRESS', started_at = queued_at, "
            f"in_progress_deadline_at = :until, deadline_at = :until WHERE {which} AND id NOT IN {_TALKERS}"
        ),
        {"until": to_millis(until), "job": job_id(0), "talker": table.talker},
    ).rowcount
    counted = "(SELECT count(*) FROM executions e WHERE e.job = jobs.id AND e.status = '{}')"
    columns = ", ".join(f"{name.lower()} = {counted.format(name)}" for name in ("QUEUED", "IN_PROGRESS"))
    connection.execute(text(f"UPDATE jobs SET {columns}"))
    return begun


def _timed_out(connection: Connection) -> int:
    return int(connection.execute(text("SELECT sum(timed_out) FROM jobs")).scalar_one())
