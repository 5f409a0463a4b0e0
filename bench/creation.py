"""Measure d: a job for very many things, until all executions exist, while somebody else uses the API."""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from statistics import median, quantiles

from agent.fleet import thing_names
from bench.cpu import Shares, Watch, spoken
from bench.footings import EMBEDDED, POSTGRESQL, Footing, site
from bench.options import Bench
from bench.processes import Child, Failed, cpu_seconds, quiet
from bench.rows import Goal, Row, Skipped
from bench.seed import GROUP, register
from bench.servers import Server, mosquitto, part, thingjobs

#: More targets than this do not fit into one call; a group carries them.
MOST_TARGETS = 10_000
#: So many things are registered by one statement.
SLICE = 100_000
PATIENCE = 900.0
#: Goals, in seconds.
AT_MOST = {100_000: 10.0, 1_000_000: 90.0}


@dataclass
class Subject:
    """A running server, what of it is to be watched, and what was measured so far."""

    server: Server
    pids: Mapping[str, int]
    #: For how many seconds it must have been idle before a round.
    idle: float
    database: int | None = None
    seconds: list[float] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)
    shares: list[Shares] = field(default_factory=list)
    #: Processor time of each execution, in microseconds.
    costs: list[dict[str, float]] = field(default_factory=list)
    #: Milliseconds of each answer, by call and round.
    calls: list[dict[str, list[float]]] = field(default_factory=list)

    def spent(self) -> dict[str, float]:
        used = {name: cpu_seconds(pid) for name, pid in self.pids.items()}
        return used if self.database is None else {**used, "database": cpu_seconds(self.database)}


async def measure(bench: Bench) -> list[Row | Skipped]:
    sizes = bench.sizes
    rows: list[Row | Skipped] = []
    for count in sizes.creations:
        by_group = count > MOST_TARGETS or count == max(sizes.creations)
        how = "by a group" if by_group else "each named"
        targets = [f"thinggroup/{GROUP}"] if by_group else thing_names("t", count)
        async with AsyncExitStack() as stack:
            subject = await _whole(stack, bench, count)
            for number in range(sizes.creation_rounds):
                await _round(stack, subject, f"create-{number}", targets, count)
        rows += _rows(f"a job for {count:,} things, {how}", count, subject)
    count = sizes.creation_apart
    what = f"a job for {count:,} things, {POSTGRESQL}"
    if (reason := POSTGRESQL.missing(bench)) is not None:
        return [*rows, Skipped("d", what, reason)]
    async with AsyncExitStack() as stack:
        subject = await _apart(stack, bench, POSTGRESQL, count)
        await _round(stack, subject, "create", [f"thinggroup/{GROUP}"], count)
    return rows + _rows(what, count, subject)


async def _whole(stack: AsyncExitStack, bench: Bench, count: int) -> Subject:
    """Start one process with its embedded broker on SQLite."""
    where = site(stack, bench.folder / f"things-{count}", EMBEDDED.database)
    store = where.store()
    try:
        await register(store, count)
    finally:
        await store.close()
    server = await thingjobs(stack, where.data)
    return Subject(server, {"server": server.child.pid}, bench.sizes.idle)


async def _apart(stack: AsyncExitStack, bench: Bench, footing: Footing, count: int) -> Subject:
    """Start an API, a dispatcher and a scheduler, as they are deployed."""
    where = site(stack, bench.folder / f"things-{count}", footing.database)
    store = where.store()
    try:
        for first in range(0, count, SLICE):
            await register(store, min(SLICE, count - first), f"t{first // SLICE}")
    finally:
        await store.close()
    assert where.url is not None
    broker = await mosquitto(stack, bench.folder / "broker", ["t"])
    pids: dict[str, int] = {"broker": broker.pid}
    options = {"api": ("--http-port", "0")}
    for command in ("dispatcher", "scheduler", "api"):
        log = bench.folder / f"{command}.log"
        child, heard = await part(
            stack,
            command,
            where.data,
            *options.get(command, ("--health-port", "0")),
            broker=broker,
            database=where.url,
            env={},
            log=log,
        )
        pids[command] = child.pid
    port = int(heard.rpartition(":")[2])
    return Subject(Server(child, port, broker.port, log), pids, bench.sizes.idle, where.pid)


def _calls(job: str) -> list[list[str | None]]:
    """Return what others want of the API meanwhile: to look, and to write something small."""
    small = {"jobId": f"{job}-small-#", "targets": ["t-other"], "targetSelection": "SNAPSHOT", "document": {}}
    words = {"description": "turn #"}
    return [
        ["the job", "GET", f"/jobs/{job}", None],
        ["/healthz", "GET", "/healthz", None],
        ["jobs", "GET", "/jobs?maxResults=10", None],
        ["a small job", "POST", "/jobs", json.dumps(small)],
        ["a new description", "PUT", f"/jobs/{job}-small-#", json.dumps(words)],
    ]


async def _round(
    stack: AsyncExitStack, subject: Subject, job: str, targets: Sequence[str], count: int
) -> None:
    server = subject.server
    for pid in subject.pids.values():
        await quiet(pid, subject.idle)
    caller = await Child.module(stack, "caller", "bench.caller", "127.0.0.1", str(server.http_port))
    await caller.ask("watch", calls=_calls(job), pause=0.01)
    watch, before = Watch.start(load=caller.pid, **subject.pids), subject.spent()
    first, last = await _time(server, job, targets, count)
    subject.shares.append(watch.stop())
    after = subject.spent()
    seen = await caller.ask("stop")
    if seen["faults"]:
        raise Failed(f"the API failed while a job was created: {seen['faults']}")
    subject.calls.append(seen["ms"])
    subject.costs.append({name: 1e6 * (after[name] - before[name]) / count for name in after})
    subject.answered.append(first)
    subject.seconds.append(last)


async def _time(server: Server, job: str, targets: Sequence[str], count: int) -> tuple[float, float]:
    """Return the seconds until the job is created and until all of its executions are there."""
    body = {
        "jobId": job,
        "targets": targets,
        "targetSelection": "SNAPSHOT",
        "document": {"operation": "echo"},
        "description": "bench",
    }
    began = time.monotonic()
    await server.call("POST", "/jobs", body)
    created = time.monotonic() - began
    while time.monotonic() < began + PATIENCE:
        found = await server.call("GET", f"/jobs/{job}")
        if found["job"]["jobProcessDetails"]["numberOfQueuedThings"] == count:
            return created, time.monotonic() - began
        # Often for a short one, seldom for a long one.
        await asyncio.sleep(max(0.02, (time.monotonic() - began) / 100))
    raise Failed(f"not all {count} executions were there after {PATIENCE:.0f} s")


def _rows(what: str, count: int, subject: Subject) -> list[Row | Skipped]:
    limit = AT_MOST.get(count)
    costs = ", ".join(
        f"{name} {median(each[name] for each in subject.costs):.0f}" for name in subject.costs[0]
    )
    return [
        Row(
            letter="d",
            what=f"{what}: all executions exist",
            unit="s",
            rounds=subject.seconds,
            goal=None if limit is None else Goal("<=", limit),
            notes=f"POST answered after {median(subject.answered):.2f} s; "
            f"us of processor time for each: {costs}; "
            f"{spoken(subject.shares, [0.0])}",
            details={"cpu_us_each": subject.costs},
        ),
        Row(
            letter="d",
            what=f"{what}: p99 of the API meanwhile",
            unit="s",
            rounds=[_p99([ms for each in calls.values() for ms in each]) / 1000 for calls in subject.calls],
            goal=Goal("<=", 0.25),
            notes="; ".join(
                _said(name, [calls[name] for calls in subject.calls]) for name in subject.calls[0]
            ),
        ),
        Row(
            letter="d",
            what=f"{what}: slowest answer of the API meanwhile",
            unit="s",
            rounds=[max(ms for each in calls.values() for ms in each) / 1000 for calls in subject.calls],
            goal=Goal("<", 1.0),
        ),
    ]


def _said(name: str, rounds: Sequence[Sequence[float]]) -> str:
    times = [ms for each in rounds for ms in each]
    return (
        f"{name}: {len(times)} times, p50 {median(times):.0f}, p99 {_p99(times):.0f}, max {max(times):.0f} ms"
    )


def _p99(times: Sequence[float]) -> float:
    return quantiles(times, n=100, method="inclusive")[-1] if len(times) > 1 else times[0]
