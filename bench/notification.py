"""Measure e: from creating a job to the last of many connected things hearing of it."""

import time
from collections.abc import Sequence
from contextlib import AsyncExitStack

from bench.cpu import Shares, Watch, spoken
from bench.footings import Footing, on_each, stand
from bench.options import Bench
from bench.processes import Child, Failed, quiet
from bench.rows import Goal, Row, Skipped
from bench.seed import GROUP, register
from domain.topics import Topics
from storage.store import Store

PATIENCE = 120.0
#: From so many things on there is a goal: until the last of them has heard.
MANY, GOAL = 10_000, Goal("<=", 5.0)


async def measure(bench: Bench) -> list[Row | Skipped]:
    return await on_each(bench, "e", "create to last notified", _measured)


async def _measured(bench: Bench, footing: Footing) -> list[Row | Skipped]:
    return [await _heard(bench, footing, count) for count in bench.sizes.listeners]


async def _heard(bench: Bench, footing: Footing, count: int) -> Row:
    async def fill(store: Store) -> Sequence[str]:
        return await register(store, count)

    seconds, load = [], []
    shares: list[Shares] = []
    #: Microseconds of processor time for each thing that is told, by process.
    costs: list[dict[str, float]] = []
    async with AsyncExitStack() as stack:
        there = await stand(stack, bench, footing, f"{footing}-{count}".replace(" ", ""), fill)
        devices = await Child.module(stack, "load", "bench.devices")
        topics = Topics(footing.root)
        filters = [topics.notify("{}"), topics.notify_next("{}")]
        await devices.ask(
            "connect", port=there.port, clients=there.passwords, filters=filters, window=100, within=180
        )
        for number in range(bench.sizes.few):
            await quiet(there.server.child.pid, bench.sizes.idle)
            job = f"notify-{number}"
            watch = Watch.start(load=devices.pid, **there.pids)
            await devices.tell(do="hear", suffix="/notify", marker=f'"{job}"', patience=PATIENCE)
            began = time.monotonic()
            body = {
                "jobId": job,
                "targets": [f"thinggroup/{GROUP}"],
                "targetSelection": "SNAPSHOT",
                "document": {"operation": "echo"},
                "description": "bench",
            }
            await there.server.call("POST", "/jobs", body)
            heard = await devices.line(PATIENCE + 10)
            shares.append(watch.stop())
            costs.append(
                {name: 1e6 * share * shares[-1].seconds / count for name, share in shares[-1].cores.items()}
            )
            if heard["heard"] != count:
                raise Failed(f"{heard['heard']} of {count} things heard of {job}; {heard['lost']}")
            seconds.append(heard["last"] - began)
            load.append(heard["load_cpu"])
    return Row(
        letter="e",
        what=f"create to last notified, {count:,} things: {footing}",
        unit="s",
        rounds=seconds,
        goal=GOAL if count >= MANY else None,
        notes=spoken(shares, load),
        details={"cpu_us_each": costs},
    )
