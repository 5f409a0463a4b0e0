"""What a dry run answers, and what explain does."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from api.fields import QueryFlag, Time, digits
from api.shapes import Answer, Request
from domain.execution import Status
from domain.explain import Why
from domain.forecast import Kind
from domain.job import JobStatus

#: A week.
_MOST_MINUTES = 10_080


class CreateQuery(Request):
    """Whether the job is only planned, and how long an execution is assumed to take without a history."""

    dry_run: QueryFlag | None = None
    assumed_minutes: Annotated[int, Field(ge=0, le=_MOST_MINUTES), BeforeValidator(digits)] = 5


class NamedThings(Answer):
    """So many things, and the names of the first hundred."""

    count: int
    things: tuple[str, ...]


class ConflictView(Answer):
    """Work that a thing has already, and what that means for this job."""

    thing_name: str
    job_id: str
    status: Status
    reason: str


class Conflicts(Answer):
    """So many conflicts, and the first hundred."""

    count: int
    conflicts: tuple[ConflictView, ...]


class PlannedWave(Answer):
    """A wave with its members; 0 is that of a job without waves."""

    number: int
    count: int
    things: tuple[str, ...]
    opens_at: Time | None
    released_at: Time | None
    gate: dict[str, Any] | None


class MomentView(Answer):
    """One thing that will happen."""

    at: Time
    event: Kind
    wave: int | None
    things: int | None
    zones: tuple[str, ...]
    words: str


class PlanView(Answer):
    """What a job would do. The timeline is that of a job in which nothing fails."""

    things: int
    new_things: int
    excluded: NamedThings
    offline: NamedThings
    quarantined: NamedThings
    conflicts: Conflicts
    waves: tuple[PlannedWave, ...]
    timeline: tuple[MomentView, ...]
    starts_at: Time | None
    rolled_out_at: Time | None
    ends_at: Time | None
    is_whole: bool
    words: str
    assumptions: tuple[str, ...]


class ReasonView(Answer):
    """Why a thing is not (yet) running a job; since and until when, as far as that is known."""

    reason: Why
    words: str
    since: Time | None
    until: Time | None
    details: dict[str, Any]


class Explanation(Answer):
    """The reasons, most binding first. The status is that of the latest execution, null if there is none."""

    job_id: str
    thing_name: str
    job_status: JobStatus
    status: Status | None
    reasons: tuple[ReasonView, ...]
