"""Measure o: the same work in tables of a thousand to a million executions, and with ever more connected."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack

from bench.contenders import Contender, lanes_of
from bench.footings import Footing, on_each, site, stand
from bench.options import Bench
from bench.pages import PENDING, asked_of
from bench.processes import Failed, quiet
from bench.rows import Row, Skipped
from bench.seed import job_id, register, sow
from bench.ticks import Clocked
from storage.store import Store

#: Updates on their way at once, however many things are connected.
WINDOW = 100


async def measure(bench: Bench) -> list[Row | Skipped]:
    return [
        *await on_each(bench, "o", "a growing table", _tables),
        *await on_each(bench, "o", "a growing fleet", _fleets),
    ]


async def _tables(bench: Bench, footing: Footing) -> list[Row | Skipped]:
    return [row for things in bench.sizes.scale_things for row in await _table(bench, footing, things)]


async def _table(bench: Bench, footing: Footing, things: int) -> list[Row]:
    """Measure in a table with so many things, and ten jobs for each."""
    sizes = bench.sizes
    executions = things * sizes.lanes
    name = f"{footing}-{executions}".replace(" ", "")
    async with AsyncExitStack() as stack:
        there = site(stack, bench.folder / name, footing.database)
        store = there.store()
        try:
            names = await register(store, things)
            await sow(store, sizes.lanes)
            clock = Clocked(store)
            ticks = [await clock.idle(max(1, sizes.probes // 4)) for _ in range(sizes.few)]
        finally:
            await store.close()

        async def fill(_store: Store) -> Sequence[str]:
            return names[-sizes.clients :]

        made = await stand(stack, bench, footing, f"{name}-broker", fill, on=there)
        await quiet(made.server.child.pid, sizes.idle)
        async with AsyncExitStack() as asking:
            answers = await asked_of(asking, made, executions, sizes)
        jobs = [job_id(number) for number in range(sizes.lanes)]
        devices = await lanes_of(stack, made.port, made.passwords, footing.root, jobs)
        contender = Contender("o", f"{footing}", devices, made.pids, made)
        for _ in range(sizes.few):
            await contender.drive(sizes.seconds, sizes.warm)
        await contender.counted(most=WINDOW)
    tell = _Teller(footing, "executions", executions)
    return [
        *tell.updates(contender),
        tell.row("a page of executions", "ms", answers["executions of a job, middle page"]),
        tell.row("what is pending, over MQTT", "ms", answers[PENDING]),
        tell.row("idle tick", "ms", ticks),
    ]


async def _fleets(bench: Bench, footing: Footing) -> list[Row | Skipped]:
    """Measure with ever more things connected, of the same table and the same updates on their way."""
    sizes = bench.sizes
    most = max(sizes.scale_connected)

    async def fill(store: Store) -> Sequence[str]:
        names = await register(store, most)
        await sow(store, sizes.lanes * len(sizes.scale_connected))
        return names

    rows: list[Row | Skipped] = []
    async with AsyncExitStack() as stack:
        made = await stand(stack, bench, footing, f"fleet-{footing}".replace(" ", ""), fill)
        names = list(made.passwords)
        for number, count in enumerate(sizes.scale_connected):
            # Jobs of its own, and as many for each thing as make a full window.
            each = min(sizes.lanes, max(1, WINDOW // count))
            jobs = [job_id(number * sizes.lanes + index) for index in range(each)]
            async with AsyncExitStack() as load:
                passwords = {name: made.passwords[name] for name in names[:count]}
                devices = await lanes_of(load, made.port, passwords, footing.root, jobs)
                begun = await devices.ask("begin", window=WINDOW, within=180)
                if begun["unanswered"] or begun["faults"]:
                    raise Failed(f"{count} things could not begin: {begun}")
                await quiet(made.server.child.pid, sizes.idle)
                contender = Contender("o", f"{footing}", devices, made.pids, made)
                for _ in range(sizes.few):
                    await contender.drive(sizes.seconds, sizes.warm, window=WINDOW)
                await contender.counted(most=WINDOW)
            rows += _Teller(footing, "connected things", count).updates(contender)
    return rows


class _Teller:
    """Makes rows of one column of a scaling table."""

    def __init__(self, footing: Footing, of: str, size: int):
        self._footing, self._of, self._size = footing, of, size

    def row(self, what: str, unit: str, rounds: Sequence[float], notes: str = "", **more: object) -> Row:
        return Row(
            letter="o",
            what=f"{what}, {self._size:,} {self._of}: {self._footing}",
            unit=unit,
            rounds=rounds,
            notes=notes,
            details={"cell": [f"{self._footing}", self._of, what, self._size], **more},
        )

    def updates(self, contender: Contender) -> list[Row]:
        rate = self.row("updates", "1/s", contender.rates, contender.notes, **contender.details)
        return [rate, self.row("p99 of an update", "ms", contender.p99)]
