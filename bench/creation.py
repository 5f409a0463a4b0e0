"""Measure d: a job for very many things, until all executions exist, while somebody else asks the API."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from statistics import median
from typing import Any

from agent.fleet import thing_names
from bench.cpu import Shares, Watch, spoken
from bench.options import Bench
from bench.processes import Child, Failed, quiet
from bench.rows import Goal, Row, Skipped
from bench.seed import GROUP, seed
from bench.servers import Server, thingjobs

#: More targets than this do not fit into one call; a group carries them.
MOST_TARGETS = 10_000
PATIENCE = 120.0


async def measure(bench: Bench) -> list[Row | Skipped]:
    rows: list[Row | Skipped] = []
    for count in bench.sizes.creations:
        rows += await _create(bench, count)
    return rows


async def _create(bench: Bench, count: int) -> list[Row | Skipped]:
    data = bench.folder / f"things-{count}"
    await seed(data, count)
    by_group = count > MOST_TARGETS or count == max(bench.sizes.creations)
    targets = [f"thinggroup/{GROUP}"] if by_group else thing_names("t", count)
    seconds, slowest, answered = [], [], []
    shares: list[Shares] = []
    asked: list[Mapping[str, Any]] = []
    async with AsyncExitStack() as stack:
        server = await thingjobs(stack, data)
        caller = await Child.module(stack, "caller", "bench.caller", "127.0.0.1", str(server.http_port))
        for number in range(bench.sizes.creation_rounds):
            await quiet(server.child.pid, bench.sizes.idle)
            job = f"create-{number}"
            await caller.ask("watch", paths=[f"/jobs/{job}", "/healthz"], pause=0.01)
            watch = Watch.start(load=caller.pid, server=server.child.pid)
            first, last = await _time(server, job, targets, count)
            shares.append(watch.stop())
            seen = await caller.ask("stop")
            if seen["faults"]:
                raise Failed(f"the API failed while a job was created: {seen['faults']}")
            asked.append(seen["ms"])
            seconds.append(last)
            answered.append(first)
            slowest.append(max(max(times) for times in seen["ms"].values()) / 1000)
    how = "by a group" if by_group else "each named"
    heard = [ms for each in asked for times in each.values() for ms in times]
    what = f"a job for {count:,} things, {how}"
    return [
        Row(
            letter="d",
            what=f"{what}: all executions exist",
            unit="s",
            rounds=seconds,
            goal=Goal("<=", 10.0) if count >= 100_000 else None,
            notes=f"POST answered after {median(answered):.2f} s; {spoken(shares, [0.0])}",
        ),
        Row(
            letter="d",
            what=f"{what}: slowest answer of the API meanwhile",
            unit="s",
            rounds=slowest,
            goal=Goal("<", 1.0),
            notes=f"{len(heard)} answers of GET /jobs/ID and /healthz, median {median(heard):.1f} ms",
        ),
    ]


async def _time(server: Server, job: str, targets: list[str], count: int) -> tuple[float, float]:
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
        await asyncio.sleep(0.02)
    raise Failed(f"not all {count} executions were there after {PATIENCE:.0f} s")
