"""Measure n: several dispatchers on PostgreSQL: what standing by costs, and what sharing brings."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from statistics import median

from bench.contenders import Contender, contend
from bench.cpu import Shares, Watch
from bench.footings import POSTGRESQL, Footing
from bench.options import Bench
from bench.rows import Row, Skipped


async def measure(bench: Bench) -> list[Row | Skipped]:
    if (reason := POSTGRESQL.missing(bench)) is not None:
        return [Skipped("n", "updates with several dispatchers", reason)]
    rows: list[Row | Skipped] = []
    for shared in (False, True):
        footings = [
            POSTGRESQL._replace(dispatchers=count, shared=shared) for count in bench.sizes.dispatchers
        ]
        rows += await _compared(bench, footings)
    return rows


async def _compared(bench: Bench, footings: Sequence[Footing]) -> list[Row]:
    """Let one, two and three answer in turns."""
    sizes = bench.sizes
    async with AsyncExitStack() as stack:
        contenders = [
            await contend(stack, bench, footing, "n", f"updates: {footing}") for footing in footings
        ]
        for _ in range(sizes.rounds):
            for contender in contenders:
                await contender.drive(sizes.seconds, sizes.warm)
        rows = [contender.row(notes=await contender.none_lost()) for contender in contenders]
        one = contenders[0]
        for contender in contenders[1:]:
            what = f"{contender.what.removeprefix('updates: ')} / alone"
            pairs = zip(contender.rates, one.rates, strict=True)
            cost = f"all but the load spend {contender.serving:.0f} us for {one.serving:.0f} on an update"
            rows.append(Row(letter="n", what=what, unit="x", rounds=[a / b for a, b in pairs], notes=cost))
        if not footings[0].shared:
            rows.append(await _idle(contenders[-1], sizes.paced))
    return rows


async def _idle(contender: Contender, seconds: float) -> Row:
    """Return what those that stand by use while nobody asks anything."""
    watch = Watch.start(**contender.pids)
    await asyncio.sleep(seconds)
    shares: Shares = watch.stop()
    standing = [100 * share for name, share in shares.cores.items() if name.startswith("dispatcher")]
    notes = ", ".join(f"{name} {100 * share:.1f} %" for name, share in shares.cores.items())
    return Row(
        letter="n",
        what="one that stands by while nobody asks anything",
        unit="% of a core",
        rounds=[median(standing)],
        notes=f"over {seconds:.0f} s: {notes}",
    )
