"""What is to be done about a job now: a pure function of the job, its counts and the clock.

The scheduler acts on the answer; whoever wants to know "what would happen" or "why does it not happen" asks
the same function. Decisions about time and pacing live here and nowhere else.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime

from domain.abort import AbortCriteria, met
from domain.execution import PENDING, Status
from domain.job import OPEN, Counts, JobStatus, TargetSelection, is_complete
from domain.pacing import UNPACED, Pacing
from domain.rollout import Minute, allowance
from domain.schedule import EndBehavior, SchedulingConfig
from domain.windows import open_span, openings


@dataclass(frozen=True, slots=True)
class Open:
    """A SCHEDULED job's time has come: it is IN_PROGRESS."""


@dataclass(frozen=True, slots=True)
class Shut:
    """The job's window has closed: it is SCHEDULED until the next one opens."""


@dataclass(frozen=True, slots=True)
class Release:
    """Create executions for up to ``count`` waiting targets, as part of this minute (None: no rate)."""

    count: int
    minute: Minute | None = None


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


Action = Open | Shut | Release | Expire | Sweep | Abort | End | Complete


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What the planner must know of a job.

    ``waiting``: targets without an execution yet, retries owed among them. ``released``: how many executions
    it has had. ``superseded``: ends of executions that a later one of the same thing has replaced.
    ``next_deadline_at``: the earliest of its executions'.
    """

    status: JobStatus
    target_selection: TargetSelection
    waiting: int = 0
    sweeping: bool = False
    next_deadline_at: datetime | None = None
    pacing: Pacing = UNPACED
    minute: Minute | None = None
    released: int = 0
    superseded: Counts = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do now, in order, and when to look again if nothing else happens (None: never)."""

    actions: tuple[Action, ...]
    look_at: datetime | None = None


def plan(job: Pace, counts: Counts, now: datetime) -> Plan:
    """Return what to do now; no action when the job needs nothing.

    Timers run on whatever the job's status (contract 2.8): a device that works for a canceled job still
    times out.
    """
    upkeep: list[Action] = []
    if job.sweeping:
        upkeep.append(Sweep())
    if job.next_deadline_at is not None and job.next_deadline_at <= now:
        upkeep.append(Expire())
    ahead = _pace(job, counts, now) if job.status in OPEN else Plan(())
    return Plan((*upkeep, *ahead.actions), ahead.look_at)


def _pace(job: Pace, counts: Counts, now: datetime) -> Plan:
    schedule = job.pacing.scheduling_config or SchedulingConfig()
    if schedule.ends_at is not None and schedule.ends_at <= now:
        return _ended(job, counts, schedule.end_behavior or EndBehavior.STOP_ROLLOUT)
    abort = job.pacing.abort_config
    rule = met(abort, Counter(counts) + Counter(job.superseded)) if abort is not None else None
    if rule is not None:
        return Plan((Abort(rule),))
    time = _time(schedule, now)
    if not time.is_open:
        shut: tuple[Action, ...] = (Shut(),) if job.status is JobStatus.IN_PROGRESS else ()
        return Plan(shut, time.changes_at)
    opened: tuple[Action, ...] = (Open(),) if job.status is JobStatus.SCHEDULED else ()
    out = _rollout(job, counts, now)
    done = is_complete(job.target_selection, JobStatus.IN_PROGRESS, counts, rolled_out=job.waiting == 0)
    return Plan(
        (*opened, *out.actions, *((Complete(),) if done else ())), _earliest(out.look_at, time.changes_at)
    )


def _ended(job: Pace, counts: Counts, behavior: EndBehavior) -> Plan:
    """Nothing goes out any more; what is out goes on, unless the schedule says otherwise (contract 2.11)."""
    if behavior is not EndBehavior.STOP_ROLLOUT or job.waiting:
        return Plan((End(behavior),))
    return Plan(() if any(counts.get(status, 0) for status in PENDING) else (Complete(),))


@dataclass(frozen=True, slots=True)
class _Time:
    """Whether the schedule lets the job go out now, and when that may change."""

    is_open: bool
    changes_at: datetime | None


def _time(schedule: SchedulingConfig, now: datetime) -> _Time:
    windows, starts, ends = schedule.maintenance_windows, schedule.starts_at, schedule.ends_at
    if starts is not None and now < starts:
        return _Time(is_open=False, changes_at=_earliest(starts, ends))
    if not windows:
        return _Time(is_open=True, changes_at=ends)
    span = open_span(windows, now, UTC)
    if span is not None and (starts is None or span.opens_at >= starts):
        return _Time(is_open=True, changes_at=_earliest(span.closes_at, ends))
    return _Time(is_open=False, changes_at=_earliest(next(openings(windows, now, UTC), None), ends))


def _rollout(job: Pace, counts: Counts, now: datetime) -> Plan:
    config = job.pacing.job_executions_rollout_config
    if not job.waiting:
        return Plan(())
    if config is None:
        return Plan((Release(job.waiting),))
    succeeded = counts.get(Status.SUCCEEDED, 0)
    allowed = allowance(config, job.minute, notified=job.released, succeeded=succeeded, at=now)
    count = min(allowed.count, job.waiting)
    actions = (Release(count, allowed.with_released(count)),) if count else ()
    return Plan(actions, allowed.renewed_at if count < job.waiting else None)


def _earliest(*moments: datetime | None) -> datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)
