"""What the server says, as typed values, and what the agent asks, as bytes (contract 3.3 to 3.5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import Any, Final, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel
from pydantic.dataclasses import dataclass
from pydantic_core import to_json

from agent.errors import BadReply, Rejected, rejected
from domain.errors import InvalidJson
from domain.execution import ExecutionState, Status
from domain.messages import parse_object

T = TypeVar("T")
_WIRE: Final = ConfigDict(alias_generator=to_camel, validate_by_name=True, validate_by_alias=True)


@dataclass(frozen=True, slots=True, kw_only=True, config=_WIRE)
class Summary:
    """An entry of the pending lists."""

    job_id: str
    version_number: int
    # Some servers leave the number out of summaries; 1 is what they mean.
    execution_number: int = 1
    queued_at: datetime
    last_updated_at: datetime
    started_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """What waits for this thing, in queue order."""

    in_progress: tuple[Summary, ...] = ()
    queued: tuple[Summary, ...] = ()

    def __len__(self) -> int:
        return len(self.in_progress) + len(self.queued)

    def lists(self, job_id: str, execution_number: int) -> bool:
        entries = (*self.in_progress, *self.queued)
        return any((e.job_id, e.execution_number) == (job_id, execution_number) for e in entries)


@dataclass(frozen=True, slots=True, kw_only=True, config=_WIRE)
class JobExecution:
    """One job on this thing, as the server described it. ``document`` is None if it was not asked for."""

    job_id: str
    status: Status
    version_number: int
    execution_number: int = 1
    queued_at: datetime
    last_updated_at: datetime
    started_at: datetime | None = None
    status_details: Mapping[str, str] = field(default_factory=dict)
    job_document: Mapping[str, Any] | None = None
    approximate_seconds_before_timed_out: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True, config=_WIRE)
class _State:
    status: Status
    version_number: int
    status_details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Updated:
    """The answer to an update; both parts only where they were asked for."""

    state: ExecutionState | None = None
    document: Mapping[str, Any] | None = None


_SUMMARIES: Final = TypeAdapter(tuple[Summary, ...])
_EXECUTION: Final = TypeAdapter(JobExecution)
_STATE: Final = TypeAdapter(_State)


def members(payload: bytes) -> dict[str, Any]:
    """Return the members of a message. Raises ``BadReply``."""
    try:
        return parse_object(payload)
    except InvalidJson as error:
        raise BadReply(str(error)) from None


def request(token: str, **asked: Any) -> bytes:
    """Return a request; what is None stays out. The same members give the same bytes."""
    return to_json({"clientToken": token, **{k: v for k, v in asked.items() if v is not None}})


def read_pending(said: Mapping[str, Any]) -> Pending:
    """Read the answer of get. Raises ``BadReply``."""
    return Pending(
        in_progress=_read(_SUMMARIES, said.get("inProgressJobs", []), "inProgressJobs"),
        queued=_read(_SUMMARIES, said.get("queuedJobs", []), "queuedJobs"),
    )


def read_notified(said: Mapping[str, Any]) -> Pending:
    """Read a notify. Raises ``BadReply``."""
    jobs = said.get("jobs", {})
    if not isinstance(jobs, dict):
        raise BadReply("jobs is not an object")
    return Pending(
        in_progress=_read(_SUMMARIES, jobs.get("IN_PROGRESS", []), "jobs.IN_PROGRESS"),
        queued=_read(_SUMMARIES, jobs.get("QUEUED", []), "jobs.QUEUED"),
    )


def read_execution(said: Mapping[str, Any]) -> JobExecution | None:
    """Read start-next, describe and notify-next; None when nothing is pending. Raises ``BadReply``."""
    raw = said.get("execution")
    return _read(_EXECUTION, raw, "execution") if raw else None


def read_updated(said: Mapping[str, Any]) -> Updated:
    """Read the answer of an update. Raises ``BadReply``."""
    return Updated(state=_state(said), document=said.get("jobDocument"))


def read_refusal(said: Mapping[str, Any]) -> Rejected:
    """Read an ErrorResponse. Raises ``BadReply``."""
    code, message = str(said.get("code", "InternalError")), str(said.get("message", ""))
    return rejected(code, message, _state(said))


def _state(said: Mapping[str, Any]) -> ExecutionState | None:
    if "executionState" not in said:
        return None
    state = _read(_STATE, said["executionState"], "executionState")
    return ExecutionState(state.status, state.status_details, state.version_number)


def _read(adapter: TypeAdapter[T], raw: object, what: str) -> T:
    try:
        return adapter.validate_python(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join((what, *map(str, first["loc"])))
        raise BadReply(f"{where}: {first['msg']}") from None
