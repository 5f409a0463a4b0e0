"""Measures g and h: many things coming in at once, and what each costs whose process in memory."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from statistics import median

from bench.cpu import Watch, spoken
from bench.footings import Footing, on_each, stand
from bench.options import Bench
from bench.processes import Child, quiet, rss_kib
from bench.rows import Goal, Row, Skipped
from bench.seed import register
from domain.topics import Operation, Topics
from storage.store import Store

#: Things that are on their way in at the same time, once there are more of them.
WINDOW = 500


async def measure(bench: Bench) -> list[Row | Skipped]:
    return await on_each(bench, "g", "things connect", _measured)


async def _measured(bench: Bench, footing: Footing) -> list[Row | Skipped]:
    rows: list[Row | Skipped] = []
    for count in bench.sizes.connects:
        rows += await _connected(bench, footing, count)
    return rows


async def _connected(bench: Bench, footing: Footing, count: int) -> list[Row]:
    topics = Topics(footing.root)
    filters = [topics.notify_next("{}"), topics.notify("{}"), f"{footing.root}/{{}}/jobs/get/+"]
    sizes = bench.sizes

    async def fill(store: Store) -> Sequence[str]:
        return await register(store, count)

    seconds, shares, load = [], [], []
    memory: dict[str, list[float]] = {}
    for number in range(sizes.few):
        async with AsyncExitStack() as stack:
            # All new each time: memory that a process has once had it seldom gives back.
            there = await stand(stack, bench, footing, f"{footing}-{count}-{number}".replace(" ", ""), fill)
            holding = {name: pid for name, pid in there.pids.items() if name != "database"}
            await quiet(there.server.child.pid, sizes.idle)
            before = {name: rss_kib(pid) for name, pid in holding.items()}
            devices = await Child.module(stack, "load", "bench.devices")
            watch = Watch.start(**there.pids)
            window = count if count <= 1_000 else WINDOW
            done = await devices.ask(
                "connect",
                port=there.port,
                clients=there.passwords,
                filters=filters,
                window=window,
                within=180,
            )
            shares.append(watch.stop())
            seconds.append(done["seconds"])
            load.append(done["load_cpu"])
            # Who has a broker between learns of a thing when it first asks.
            topic = topics.request("{}", Operation.GET_PENDING)
            await devices.ask("ask", topic=topic, payload="{}", patience=30, within=180)
            await quiet(there.server.child.pid, sizes.idle)
            for name, pid in holding.items():
                memory.setdefault(name, []).append((rss_kib(pid) - before[name]) / count)
    return [
        Row(
            letter="g",
            what=f"{count:,} things connect and subscribe: {footing}",
            unit="s",
            rounds=seconds,
            goal=Goal("<=", 5.0) if count == 1_000 and footing.broker == "embedded" else None,
            notes=f"{count / median(seconds):,.0f} connects/s; {spoken(shares, load)}",
        ),
        *(
            Row(
                letter="h",
                what=f"memory of the {name} for each of {count:,} connected things: {footing}",
                unit="KiB",
                # A process may have had room enough.
                rounds=[max(kib, 0.01) for kib in rounds],
            )
            for name, rounds in memory.items()
        ),
    ]
