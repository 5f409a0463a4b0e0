"""Measure m: how long an update takes at half of the rate just reached, sent whether or not others return."""

from contextlib import AsyncExitStack

from bench.contenders import Contender, contend
from bench.footings import Footing, on_each
from bench.options import Bench
from bench.rows import Goal, Row, Skipped

GOAL = Goal("<=", 50.0)


async def measure(bench: Bench) -> list[Row | Skipped]:
    return await on_each(bench, "m", "p99 of an update at half load", _measured)


async def _measured(bench: Bench, footing: Footing) -> list[Row | Skipped]:
    sizes, what = bench.sizes, f"p99 of an update at half load: {footing}"
    async with AsyncExitStack() as stack:
        full = await contend(stack, bench, footing, "m", f"full load: {footing}")
        half = Contender("m", what, full.devices, full.pids, full.stand)
        for _ in range(sizes.few):
            rate = await full.drive(sizes.seconds, sizes.warm)
            await half.drive(sizes.paced, sizes.warm, pace=rate / 2)
        await full.counted()
    return [half.p99_row("m", what, GOAL, full_rates=full.rates, full_p99_ms=full.p99)]
