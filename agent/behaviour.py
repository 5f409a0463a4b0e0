"""How a simulated thing behaves: seeded, so that the same fleet does the same again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from agent.errors import JobFailed, JobRejected
from agent.job import Job

PARTS: Final = 4
#: How much longer a slow thing takes.
SLOW: Final = 10
#: Seconds without a connection, at most, after a drop-out in the middle of a job.
AWAY: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Shares of jobs, each from 0 to 1, and how long a job takes, in seconds.

    ``silent``: takes the job and is never heard of again about it. ``drop``: loses the connection halfway.
    """

    fail: float = 0.0
    reject: float = 0.0
    drop: float = 0.0
    silent: float = 0.0
    slow: float = 0.0
    min_duration: float = 0.5
    max_duration: float = 3.0

    def __post_init__(self) -> None:
        for name in ("fail", "reject", "drop", "silent", "slow"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"the {name} rate must be from 0 to 1, not {getattr(self, name)}")
        if not 0 <= self.min_duration <= self.max_duration:
            raise ValueError("durations must not be negative, and the shortest not above the longest")


@dataclass(frozen=True, slots=True)
class Fate:
    """What will become of one job."""

    seconds: float
    fails: bool
    rejects: bool
    drops: bool
    silent: bool


def fate(rates: Rates, rng: random.Random) -> Fate:
    """Draw; always the same number of draws, so that one rate changed leaves the others' luck alone."""
    seconds = rng.uniform(rates.min_duration, rates.max_duration)
    slow, fails, rejects, drops, silent = (rng.random() for _ in range(5))
    return Fate(
        seconds * (SLOW if slow < rates.slow else 1),
        fails < rates.fail,
        rejects < rates.reject,
        drops < rates.drop,
        silent < rates.silent,
    )


@dataclass(frozen=True, slots=True)
class Simulated:
    """A handler for any document. ``drop`` cuts the connection, ``muted`` is told of a job gone silent."""

    rates: Rates
    rng: random.Random
    drop: Callable[[float], None]
    muted: Callable[[Job], None]

    async def __call__(self, job: Job) -> Mapping[str, object]:
        drawn = fate(self.rates, self.rng)
        if drawn.rejects:
            raise JobRejected("this simulated thing does not want the job")
        if drawn.silent:
            self.muted(job)
            await asyncio.Event().wait()
        for part in range(PARTS):
            await job.progress(action=job.operation or "work", percent=100 * part / PARTS)
            await asyncio.sleep(drawn.seconds / PARTS)
            if part == PARTS // 2:
                self._halfway(drawn)
        return {"took": f"{drawn.seconds:.1f}s"}

    def _halfway(self, drawn: Fate) -> None:
        if drawn.drops:
            self.drop(self.rng.uniform(0, AWAY))
        if drawn.fails:
            raise JobFailed("this simulated thing failed halfway")
