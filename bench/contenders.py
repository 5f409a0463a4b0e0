"""Who is measured with updates: something that answers them, its load, and what each round gave."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from bench.cpu import Shares, Watch, spoken
from bench.footings import Footing, Stand, stand
from bench.options import Bench
from bench.processes import Child, Failed
from bench.rows import Goal, Row
from bench.seed import job_id, register, sow
from storage.store import Store


@dataclass
class Contender:
    """Something that answers updates. ``pids`` are all who work for that, ``stand`` is None for an echo."""

    letter: str
    what: str
    devices: Child
    pids: dict[str, int]
    stand: Stand | None = None
    rates: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    load: list[float] = field(default_factory=list)
    shares: list[Shares] = field(default_factory=list)
    #: Microseconds of processor time for each answer, by process.
    costs: list[dict[str, float]] = field(default_factory=list)

    async def drive(self, seconds: float, warm: float, **how: Any) -> float:
        """Let the load run once, by ``how`` of its ``drive``; return answers a second."""
        watch = Watch.start(load=self.devices.pid, **self.pids)
        done = await self.devices.ask("drive", seconds=seconds, warm=warm, **how)
        shares = watch.stop()
        if done["faults"] or done["unanswered"]:
            raise Failed(f"{self.what}: {done['unanswered']} unanswered, {done['faults']}")
        self.shares.append(shares)
        self.costs.append(
            {name: 1e6 * share * shares.seconds / done["answered"] for name, share in shares.cores.items()}
        )
        self.rates.append(done["rate"])
        self.p50.append(done["p50_ms"])
        self.p99.append(done["p99_ms"])
        self.load.append(done["load_cpu"])
        return float(done["rate"])

    @property
    def each(self) -> dict[str, float]:
        """Return the microseconds that an answer costs each process."""
        return {name: median(cost[name] for cost in self.costs) for name in self.costs[0]}

    @property
    def serving(self) -> float:
        """Return the microseconds of all but the load for an answer."""
        return sum(micros for name, micros in self.each.items() if name != "load")

    @property
    def notes(self) -> str:
        return (
            f"p50 {median(self.p50):.1f} ms, p99 {median(self.p99):.1f} ms; "
            f"{', '.join(f'{name} {micros:.0f} us' for name, micros in self.each.items())} each; "
            f"{spoken(self.shares, self.load)}"
        )

    @property
    def details(self) -> dict[str, Any]:
        return {
            "p50_ms": self.p50,
            "p99_ms": self.p99,
            "load_cpu": self.load,
            "cpu_us_each": self.costs,
            "foreign": [shares.foreign for shares in self.shares],
        }

    def row(self, *, notes: str = "") -> Row:
        text, details = self.notes + notes, self.details
        return Row(
            letter=self.letter, what=self.what, unit="1/s", rounds=self.rates, notes=text, details=details
        )

    def p99_row(self, letter: str, what: str, goal: Goal | None = None, **more: Any) -> Row:
        """Return the slow ones as a row of their own."""
        return Row(
            letter=letter,
            what=what,
            unit="ms",
            rounds=self.p99,
            goal=goal,
            notes=self.notes,
            details=self.details | {"rates": self.rates} | more,
        )

    async def counted(self, most: int | None = None) -> int:
        """Compare executions' versions with what their lanes were told; return how many versions there are.

        Of ``most`` lanes at most.
        """
        if self.stand is None:
            return 0
        total = 0
        for lane, accepted in list((await self.devices.ask("accepted")).items())[:most]:
            thing, job = lane.split(".")
            found = await self.stand.server.call("GET", f"/jobs/{job}/things/{thing}")
            version = found["execution"]["versionNumber"]
            if version != accepted + 1:
                raise Failed(f"{lane} has version {version} after {accepted} accepted updates")
            total += accepted
        return total

    async def none_lost(self) -> str:
        """Return what a row may say when every accepted update is there."""
        return f"; {await self.counted()} versions counted, none lost"


async def contend(stack: AsyncExitStack, bench: Bench, footing: Footing, letter: str, what: str) -> Contender:
    """Start servers on a footing, with jobs for all things, and a load that is all of them."""
    sizes = bench.sizes

    async def fill(store: Store) -> Sequence[str]:
        names = await register(store, sizes.clients)
        await sow(store, sizes.lanes)
        return names

    name = f"{footing}".replace(" ", "").replace(",", "-")
    made = await stand(stack, bench, footing, name, fill)
    jobs = [job_id(number) for number in range(sizes.lanes)]
    devices = await lanes_of(stack, made.port, made.passwords, footing.root, jobs)
    return Contender(letter, what, devices, made.pids, made)


async def lanes_of(
    stack: AsyncExitStack,
    port: int,
    passwords: dict[str, str] | dict[str, None],
    root: str,
    jobs: Sequence[str],
) -> Child:
    """Return a load whose clients are connected and whose lanes are ready."""
    devices = await Child.module(stack, "load", "bench.devices")
    filters = [f"{root}/{{}}/jobs/+/update/accepted", f"{root}/{{}}/jobs/+/update/rejected"]
    await devices.ask("connect", port=port, clients=passwords, filters=filters, window=50, within=180)
    await devices.ask("lanes", root=root, jobs=jobs)
    return devices
