"""A fleet of simulated things: many of the same agent in one process."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from agent.agent import Agent, Options
from agent.behaviour import Rates, Simulated
from agent.errors import LinkDown, LinkRefused, sole_cause
from agent.port import Connect
from agent.registry import ANY
from agent.tally import Summary, Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetOptions:
    """How a fleet runs and when it ends.

    It ends after ``jobs`` jobs, after ``idle`` seconds in which every thing was connected and none had
    work, or after ``seconds``; without any of them, never. It is an error if nobody is connected ``arrival``
    seconds after the start, or the first one is refused; None waits for ever.
    """

    rates: Rates = field(default_factory=Rates)
    agent: Options = field(default_factory=Options)
    seed: int = 0
    connects_per_second: float = 200.0
    jobs: int | None = None
    idle: float | None = None
    seconds: float | None = None
    arrival: float | None = None


def thing_names(prefix: str, count: int) -> list[str]:
    """Return ``prefix-0001`` and so on; wide enough to sort as counted."""
    width = max(4, len(str(count)))
    return [f"{prefix}-{number:0{width}}" for number in range(1, count + 1)]


class Fleet:
    """Runs once. ``connect`` gives each thing its own way to the broker; ``tally`` may be watched."""

    def __init__(
        self, names: Sequence[str], connect: Callable[[str], Connect], options: FleetOptions
    ) -> None:
        self._names = names
        self._connect = connect
        self._options = options
        self._each = replace(options.agent, give_up=self._give_up)
        self._began = 0.0
        self._stopped = asyncio.Event()
        self.tally = Tally(things=len(names))

    def stop(self) -> None:
        """End the run; what was done so far is summed up."""
        self._stopped.set()

    async def run(self) -> Summary:
        """Run until ``stop`` or another of the ends. Raises ``LinkDown`` if nobody can connect."""
        loop = asyncio.get_running_loop()
        self._began = self.tally.began = loop.time()
        things = asyncio.create_task(self._all(), name="fleet")
        ends = [asyncio.create_task(end, name="end of fleet") for end in self._ends()]
        try:
            await asyncio.wait([things, *ends], return_when=asyncio.FIRST_COMPLETED)
            if things.done():
                things.result()
        finally:
            for task in (things, *ends):
                task.cancel()
            await asyncio.gather(things, *ends, return_exceptions=True)
        return self.tally.summary(loop.time())

    async def _all(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.TaskGroup() as things:
                for number, name in enumerate(self._names):
                    due = self._began + number / self._options.connects_per_second
                    await asyncio.sleep(due - loop.time())
                    things.create_task(self._thing(name).run(), name=name)
        except ExceptionGroup as group:
            cause = sole_cause(group)
            if cause is None:
                raise
            raise cause from None

    def _give_up(self, error: LinkDown) -> bool:
        arrival = self._options.arrival
        if arrival is None or self.tally.ever_connected:
            return False
        waited = asyncio.get_running_loop().time() - self._began
        return isinstance(error, LinkRefused) or waited >= arrival

    def _thing(self, name: str) -> Agent:
        # One stream of luck per thing: its own order of jobs decides, not the interleaving of all.
        rng = random.Random(f"{self._options.seed}/{name}")  # noqa: S311 - a simulation, no secret
        agent = Agent(name, self._connect(name), options=self._each, observer=self.tally.observe, rng=rng)
        luck = random.Random(f"{self._options.seed}/{name}/jobs")  # noqa: S311
        agent.register(
            ANY, Simulated(self._options.rates, luck, agent.drop, lambda job: self.tally.mute(job.thing_name))
        )
        return agent

    # --- ends ----------------------------------------------------------------------------------------------

    def _ends(self) -> list[Coroutine[Any, Any, object]]:
        options = self._options
        ends: list[Coroutine[Any, Any, object]] = [self._stopped.wait()]
        if options.jobs is not None:
            ends.append(self._until_worked(options.jobs))
        if options.idle is not None:
            ends.append(self._until_idle(options.idle))
        if options.seconds is not None:
            ends.append(asyncio.sleep(options.seconds))
        return ends

    async def _until_worked(self, jobs: int) -> None:
        while self.tally.worked < jobs:
            await self._change()

    async def _until_idle(self, seconds: float) -> None:
        while True:
            while not self.tally.idle:
                await self._change()
            try:
                async with asyncio.timeout(seconds):
                    while self.tally.idle:
                        await self._change()
            except TimeoutError:
                return

    async def _change(self) -> None:
        # Cleared before waiting: whoever waits has looked just now, and all who wait are woken.
        self.tally.changed.clear()
        await self.tally.changed.wait()
