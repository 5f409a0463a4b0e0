"""Why a thing is not (yet) running a job: the planner's own rules, asked about one thing.

Reasons come in the order in which they bind: what would still hold if all that follows were gone comes first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from domain.execution import TERMINAL, Execution, Status
from domain.job import OPEN, Counts, JobStatus
from domain.opening import Opening
from domain.planner import Pace, allowed_now, judgement, openings_of, room_for
from domain.rollout import MINUTE


class Why(StrEnum):
    """What holds a job on a thing, or that nothing does."""

    NOT_A_TARGET = "NOT_A_TARGET"
    EXCLUDED = "EXCLUDED"
    TERMINAL = "TERMINAL"
    JOB_ENDED = "JOB_ENDED"
    GOING_OVER_TARGETS = "GOING_OVER_TARGETS"
    PAUSED = "PAUSED"
    WAVE_CLOSED = "WAVE_CLOSED"
    WAITING_FOR_APPROVAL = "WAITING_FOR_APPROVAL"
    NOT_STARTED = "NOT_STARTED"
    WINDOW = "WINDOW"
    QUARANTINED = "QUARANTINED"
    RETRY_BACK_OFF = "RETRY_BACK_OFF"
    IN_FLIGHT_CAP = "IN_FLIGHT_CAP"
    RATE_LIMITED = "RATE_LIMITED"
    RELEASED_SOON = "RELEASED_SOON"
    EXCLUSIVE_GROUP = "EXCLUSIVE_GROUP"
    BEHIND = "BEHIND"
    OFFLINE = "OFFLINE"
    NOT_NOTIFIED = "NOT_NOTIFIED"
    NOT_ANSWERED = "NOT_ANSWERED"
    RUNNING = "RUNNING"


@dataclass(frozen=True, slots=True)
class Reason:
    """One of them, in words, since when and until when as far as that is known."""

    why: Why
    words: str
    since: datetime | None = None
    until: datetime | None = None
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Place:
    """A thing's place in the waiting list; ``before``: how many that may go out now go out earlier."""

    wave: int
    zone: str
    ready_at: datetime | None
    before: int
    again: bool = False


@dataclass(frozen=True, slots=True)
class Other:
    """Another job's execution that comes earlier on the same thing."""

    job_id: str
    status: Status
    priority: int
    is_exclusive: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What there is to know of one job on one thing.

    ``held_since`` and ``held_words``: of the job's pause. ``retry``: what became of the last end. ``zone``:
    whose windows the execution or the waiting thing keeps.
    """

    is_target: bool
    is_excluded: bool
    place: Place | None
    execution: Execution | None
    zone: str = ""
    earlier: Sequence[Other] = ()
    connected: bool = False
    connection_changed_at: datetime | None = None
    last_seen_at: datetime | None = None
    quarantined_until: datetime | None = None
    is_notified: bool = False
    priority: int = 0
    retry: str = ""
    held_since: datetime | None = None
    held_words: str = ""


def explain(job: Pace, counts: Counts, facts: Facts, now: datetime) -> tuple[Reason, ...]:
    """Return the reasons, the most binding first; at least one."""
    execution = facts.execution
    if facts.place is not None and job.status in OPEN:
        return tuple(_of_waiting(job, counts, facts, facts.place, now))
    if execution is None:
        return (_absent(job, facts),)
    if execution.status in TERMINAL:
        words = f"the execution ended as {execution.status}" + (f"; {facts.retry}" if facts.retry else "")
        details = dict(execution.status_details)
        return (Reason(Why.TERMINAL, words, since=execution.last_updated_at, details=details),)
    if execution.status is Status.IN_PROGRESS:
        words = "the thing is at work on it"
        return (Reason(Why.RUNNING, words, execution.started_at, execution.deadline_at),)
    return tuple(_of_queued(job, facts, execution, now))


def _absent(job: Pace, facts: Facts) -> Reason:
    if facts.is_excluded:
        return Reason(Why.EXCLUDED, "the job's exclusions name it")
    if not facts.is_target:
        return Reason(Why.NOT_A_TARGET, "no target of the job covers it")
    if job.status not in OPEN:
        return Reason(Why.JOB_ENDED, f"the job is {job.status}, and the thing's turn had not come")
    if job.latching:
        words = "the job is still going over the things that its targets cover, and has not come to this one"
        return Reason(Why.GOING_OVER_TARGETS, words)
    return Reason(Why.NOT_A_TARGET, "it was no target when the job was created, or its execution was deleted")


def _of_waiting(job: Pace, counts: Counts, facts: Facts, place: Place, now: datetime) -> Iterator[Reason]:
    held = tuple(_holds(job, counts, facts, place, now))
    yield from held
    yield from _rate(job, counts, place, now, is_held=bool(held))


def _holds(job: Pace, counts: Counts, facts: Facts, place: Place, now: datetime) -> Iterator[Reason]:
    yield from _paused(job, facts)
    if job.latching and job.must_know_all:
        words = "nothing goes out before the job has gone over all the things that its targets cover"
        yield Reason(Why.GOING_OVER_TARGETS, words)
    yield from _wave(job, place, now)
    yield from _window(job, place.zone, now)
    if facts.quarantined_until is not None and facts.quarantined_until > now:
        words = "the thing has failed too often in a row"
        yield Reason(Why.QUARANTINED, words, until=facts.quarantined_until)
    elif place.ready_at is not None and place.ready_at > now:
        yield Reason(Why.RETRY_BACK_OFF, "it is tried again then", until=place.ready_at)
    if room_for(job, counts) == 0:
        cap = job.staged.maximum_in_flight
        yield Reason(Why.IN_FLIGHT_CAP, f"{cap} executions are under way, and more may not be")


def _paused(job: Pace, facts: Facts) -> Iterator[Reason]:
    if job.status is JobStatus.PAUSED:
        yield Reason(Why.PAUSED, facts.held_words or "the job is paused", since=facts.held_since)


def _wave(job: Pace, place: Place, now: datetime) -> Iterator[Reason]:
    if place.wave <= job.wave:
        return
    found = judgement(job, now)
    words = "it opens next" if found is None else found.words
    details = {"wave": place.wave, "openWave": job.wave}
    why = Why.WAITING_FOR_APPROVAL if job.status is JobStatus.WAITING_FOR_APPROVAL else Why.WAVE_CLOSED
    until = None if found is None else found.until
    yield Reason(why, f"wave {place.wave} is not open: {words}", until=until, details=details)


def _window(job: Pace, zone: str, now: datetime) -> Iterator[Reason]:
    schedule = job.schedule
    is_local = schedule is not None and schedule.is_local
    found = openings_of(job, now).get(zone if is_local else "")
    if schedule is None or found is None or found.is_open:
        return
    yield _shut(found, zone if is_local else schedule.time_zone)


def _shut(found: Opening, zone: str) -> Reason:
    where = f" in {zone}" if zone not in ("", "UTC") else ""
    if found.hold == "START":
        return Reason(Why.NOT_STARTED, "the job has not begun", until=found.changes_at)
    what = "a blackout date" if found.hold == "BLACKOUT" else "outside its maintenance windows"
    return Reason(Why.WINDOW, f"it is {what}{where}", until=found.changes_at, details={"zone": zone or "UTC"})


def _rate(job: Pace, counts: Counts, place: Place, now: datetime, *, is_held: bool) -> Iterator[Reason]:
    allowed = allowed_now(job, counts, now)
    if allowed is None or place.before < allowed.count:
        if not is_held:
            yield Reason(Why.RELEASED_SOON, "it goes out with the clock's next tick")
        return
    a_minute = max(1, allowed.minute.rate or 0)
    expected = allowed.renewed_at + (place.before - allowed.count) // a_minute * MINUTE
    words = f"{place.before} go out earlier, at {a_minute} a minute now"
    details = {"position": place.before + 1, "ratePerMinute": a_minute}
    # When it is held besides, nobody knows.
    yield Reason(Why.RATE_LIMITED, words, until=None if is_held else expected, details=details)


def _of_queued(job: Pace, facts: Facts, execution: Execution, now: datetime) -> Iterator[Reason]:
    if job.status not in OPEN:
        yield Reason(Why.JOB_ENDED, f"the job is {job.status}")
    hidden = (*_paused(job, facts), *_window(job, facts.zone, now))
    yield from hidden
    for other in facts.earlier:
        if other.is_exclusive and other.status is Status.IN_PROGRESS:
            words = f"job {other.job_id} of the same exclusive group is at work there"
            hidden = (*hidden, Reason(Why.EXCLUSIVE_GROUP, words, details={"jobId": other.job_id}))
            yield hidden[-1]
        else:
            yield Reason(Why.BEHIND, _behind(other, facts), details={"jobId": other.job_id})
    if not facts.connected and facts.last_seen_at is not None:
        since = facts.connection_changed_at or facts.last_seen_at
        yield Reason(Why.OFFLINE, "the thing has no connection", since=since)
    elif not facts.connected:
        yield Reason(Why.OFFLINE, "the thing has never been heard of")
    elif hidden:
        # It is told when it may see it.
        return
    elif facts.is_notified:
        words = "the thing was told and has not begun"
        yield Reason(Why.NOT_ANSWERED, words, execution.queued_at, execution.deadline_at)
    else:
        yield Reason(Why.NOT_NOTIFIED, "the thing is about to be told", execution.queued_at)


_STATUS: Final = {Status.IN_PROGRESS: "is under way", Status.QUEUED: "comes first"}


def _behind(other: Other, facts: Facts) -> str:
    words = f"job {other.job_id} {_STATUS[other.status]} there"
    if other.priority > facts.priority:
        return f"{words}: its priority is {other.priority}, and not {facts.priority}"
    return words
