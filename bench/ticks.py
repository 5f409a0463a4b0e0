"""Measures i, j, k: the clock with very many jobs and executions, when much is due and when nothing is."""

import asyncio
import json
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from statistics import median, quantiles
from typing import Any

from sqlalchemy import Connection, text

from agent.fleet import thing_names
from bench.options import Bench
from bench.processes import Failed
from bench.rows import Goal, Row, Skipped
from broker.scheduler import Scheduler
from domain.job import NewJob, TargetSelection
from domain.messages import Request, parse_request
from domain.pacing import checked
from domain.topics import DEFAULT_ROOT, Topics
from storage import device, jobs
from storage.millis import to_millis
from storage.policy import Policy
from storage.store import Store

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
#: A part of all executions runs; of those due, each round takes another part.
RUNNING, DUE = 10, 100
FIRST, TALKER = "job-0000", "talker"
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


class Table:
    """A store with so many jobs, each for so many things, and the scheduler that works on it."""

    def __init__(self, store: Store, job_count: int, things: int) -> None:
        self.store, self.jobs, self.executions = store, job_count, job_count * things
        self.scheduler = Scheduler(store, clock=lambda: NOW)

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


async def measure(bench: Bench) -> list[Row | Skipped]:
    sizes = bench.sizes
    async with AsyncExitStack() as stack:
        small, large = [await _table(stack, bench, things) for things in sizes.tick_things]
        ratios, idles = [], []
        for _ in range(sizes.rounds):
            pair = [await table.idle(sizes.probes) for table in (small, large, large, small)]
            ratios.append((pair[1] + pair[2]) / (pair[0] + pair[3]))
            idles.append((pair[1] + pair[2]) / 2)
        due = [await _due(large, number) for number in range(sizes.rounds)]
        meanwhile = [await _talk(large, sizes.rounds + number) for number in range(sizes.rounds)]
    count = large.executions // DUE
    return [
        Row(
            letter="i",
            what=f"tick: {count:,} time-outs of {large.jobs:,} jobs, {large.executions:,} executions",
            unit="s",
            rounds=due,
            goal=Goal("<=", 2.0),
            notes=f"{count / median(due):,.0f} a second, no device asking",
        ),
        Row(
            letter="j",
            what=f"idle tick, {large.executions:,} / {small.executions:,} executions",
            unit="x",
            rounds=ratios,
            goal=Goal("<=", 2.0),
            notes=f"{median(idles):.2f} ms",
        ),
        Row(
            letter="k",
            what="a device's update during that tick, p99",
            unit="ms",
            rounds=[p99 for p99, *_ in meanwhile],
            notes=f"median {median(mid for _, mid, *_ in meanwhile):.1f} ms, "
            f"slowest {max(most for *_, most, _ in meanwhile):.0f} ms; "
            f"{sum(number for *_, number in meanwhile)} updates, one at a time",
        ),
    ]


async def _due(table: Table, number: int) -> float:
    before = await table.store.read(_timed_out)
    due = await table.store.write(_arm, number)
    took = await table.drain()
    ended = await table.store.read(_timed_out) - before
    if ended != due or not due:
        raise Failed(f"{ended} executions have timed out, {due} should have")
    return took


async def _talk(table: Table, number: int) -> tuple[float, float, float, int]:
    """Return the p99, median and longest milliseconds of updates during a tick, and how many there were."""
    await table.store.write(_arm, number)
    took: list[float] = []
    ticking = asyncio.create_task(table.drain())
    while not ticking.done() or len(took) < 2:
        began = time.perf_counter()
        (answer,) = await table.store.write(device.answer, [_update(len(took))], at=NOW)
        took.append((time.perf_counter() - began) * 1000)
        if isinstance(answer, Exception):
            raise Failed(f"an update was refused: {answer}")
    await ticking
    return quantiles(took, n=100, method="inclusive")[98], median(took), max(took), len(took)


def _update(number: int) -> Request:
    topic = TOPICS.parse(f"{DEFAULT_ROOT}/{TALKER}/jobs/{FIRST}/update")
    body = {"status": "IN_PROGRESS", "statusDetails": {"step": str(number)}}
    return parse_request(topic, json.dumps(body).encode(), lambda payload: payload.hex()[:24])


async def _table(stack: AsyncExitStack, bench: Bench, things: int) -> Table:
    """Create one job by the verbs and copy it: a million executions otherwise take longer than all else."""
    store = Store.open(bench.folder / f"ticks-{things}")
    stack.push_async_callback(store.close)
    count = bench.sizes.tick_jobs
    names = (TALKER, *thing_names("t", things - 1))
    new = NewJob(
        targets=names,
        target_selection=TargetSelection.SNAPSHOT,
        job_id=FIRST,
        document='{"operation":"echo"}',
        pacing=checked({"abortConfig": WATCHED}),
    )
    await store.write(jobs.create, new, policy=Policy(), at=NOW - timedelta(hours=1))
    for first in range(1, count, 100):
        await store.write(_copy, first, min(first + 100, count))
    await store.write(_run)
    table = Table(store, count, things)
    await table.drain()
    return table


def _copy(connection: Connection, first: int, end: int) -> None:
    """Copy the first job with all that belongs to it."""
    job = connection.execute(text("SELECT * FROM jobs WHERE job_id = :first"), {"first": FIRST}).one()
    for number in range(first, end):
        values: dict[str, Any] = {**job._asdict(), "id": None, "job_id": f"job-{number:04}"}
        spelled = ", ".join(f":{name}" for name in values)
        key = connection.execute(text(f"INSERT INTO jobs ({', '.join(values)}) VALUES ({spelled})"), values)
        for table in ("executions", "execution_events"):
            columns = [row.name for row in connection.execute(text(f"PRAGMA table_info({table})"))]
            names = ", ".join(name for name in columns if name not in ("id", "job"))
            connection.execute(
                text(
                    f"INSERT INTO {table} (job, {names}) SELECT :new, {names} FROM {table} WHERE job = :old"
                ),
                {"new": key.lastrowid, "old": job.id},
            )


def _run(connection: Connection) -> None:
    """Let a part of the executions run, with time-outs that are far away."""
    _begin(connection, f"id % {RUNNING} = 1", NOW + timedelta(days=1))


def _arm(connection: Connection, number: int) -> int:
    """Let another part of the executions be due; return how many."""
    part = [part for part in range(DUE) if part % RUNNING != 1][number]
    return _begin(connection, f"id % {DUE} = {part}", NOW)


#: What is never due: the execution that a device works on meanwhile.
_TALKERS = (
    "(SELECT e.id FROM executions e JOIN jobs j ON j.id = e.job JOIN things t ON t.id = e.thing "
    f"WHERE j.job_id = '{FIRST}' AND t.name = '{TALKER}')"
)


def _begin(connection: Connection, which: str, until: datetime) -> int:
    begun = connection.execute(
        text(
            "UPDATE executions SET status = 'IN_PROGRESS', started_at = queued_at, "
            f"in_progress_deadline_at = :until, deadline_at = :until WHERE {which} AND id NOT IN {_TALKERS}"
        ),
        {"until": to_millis(until)},
    ).rowcount
    counted = "(SELECT count(*) FROM executions e WHERE e.job = jobs.id AND e.status = '{}')"
    columns = ", ".join(f"{name.lower()} = {counted.format(name)}" for name in ("QUEUED", "IN_PROGRESS"))
    connection.execute(text(f"UPDATE jobs SET {columns}"))
    return begun


def _timed_out(connection: Connection) -> int:
    return int(connection.execute(text("SELECT sum(timed_out) FROM jobs")).scalar_one())
