"""Actions: what there may be to do about a job; the planner says which, the store does them."""

from __future__ import annotations

from dataclasses import dataclass

from domain.abort import AbortCriteria
from domain.job import JobStatus
from domain.rollout import Minute
from domain.schedule import EndBehavior


@dataclass(frozen=True, slots=True)
class Turn:
    """Windows have opened and closed: the zones where the job's executions may be seen and may not."""

    opened: frozenset[str]
    shut: frozenset[str]


@dataclass(frozen=True, slots=True)
class Become:
    """The job's status says what holds it: SCHEDULED, WAITING_FOR_APPROVAL, or nothing (IN_PROGRESS)."""

    status: JobStatus


@dataclass(frozen=True, slots=True)
class Release:
    """Create executions for up to ``count`` waiting targets, as part of this minute (None: no rate).

    ``pools``: from which waves and zones they may come, in order.
    """

    count: int
    minute: Minute | None
    pools: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class Latch:
    """Go over the next of the things that the targets cover; ``at_once``: with nothing to wait for."""

    at_once: bool


@dataclass(frozen=True, slots=True)
class PassGate:
    """The open wave's gate has what it asks for: its time to bake begins."""

    wave: int


@dataclass(frozen=True, slots=True)
class OpenWave:
    """Let this wave go out."""

    number: int


@dataclass(frozen=True, slots=True)
class Pause:
    """Let nothing more begin until a person says so: a gate has failed (None), or too many have."""

    rule: AbortCriteria | None
    words: str = ""


@dataclass(frozen=True, slots=True)
class Expire:
    """End executions whose deadline has passed as TIMED_OUT."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """Go on with what a cancel or delete has begun: end or remove executions that are left."""


@dataclass(frozen=True, slots=True)
class Abort:
    """Too many failed: cancel the job, without force."""

    rule: AbortCriteria


@dataclass(frozen=True, slots=True)
class End:
    """The job's end has come, with something left to end."""

    behavior: EndBehavior


@dataclass(frozen=True, slots=True)
class Complete:
    """Mark the job COMPLETED."""


Action = (
    Turn | Become | Release | Latch | PassGate | OpenWave | Pause | Expire | Sweep | Abort | End | Complete
)
