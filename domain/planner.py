"""What is to be done about a job now: a pure function of the job, its counts and the clock.

The scheduler acts on the answer; whoever wants to know "what would happen" or "why does it not happen" asks
the same function. Decisions about time and pacing live here and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from domain.job import Counts, JobStatus, TargetSelection, is_complete


@dataclass(frozen=True, slots=True)
class Release:
    """Create executions for targets that have none yet."""


@dataclass(frozen=True, slots=True)
class Expire:
    """End executions whose deadline has passed as TIMED_OUT."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """Go on with what a cancel or delete has begun: end or remove executions that are left."""


@dataclass(frozen=True, slots=True)
class Complete:
    """Mark the job COMPLETED."""


Action = Release | Expire | Sweep | Complete


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What the planner must know of a job; ``next_deadline_at`` is the earliest of its executions'."""

    status: JobStatus
    target_selection: TargetSelection
    rolled_out: bool
    sweeping: bool = False
    next_deadline_at: datetime | None = None


def plan(job: Pace, counts: Counts, now: datetime) -> tuple[Action, ...]:
    """Return what to do now, in order; empty when the job needs nothing.

    Timers run on whatever the job's status (contract 2.8): a device that works for a canceled job still
    times out.
    """
    actions: list[Action] = []
    if job.sweeping:
        actions.append(Sweep())
    if job.next_deadline_at is not None and job.next_deadline_at <= now:
        actions.append(Expire())
    if job.status is JobStatus.IN_PROGRESS and not job.rolled_out:
        actions.append(Release())
    if is_complete(job.target_selection, job.status, counts, rolled_out=job.rolled_out):
        actions.append(Complete())
    return tuple(actions)
