"""Device payloads: bytes become a typed request once, answers become bytes once (contract 3.2 to 3.5).

Times on the wire are integer epoch seconds. The job document is spliced into answers as the text that was
stored, so a device reads exactly what the operator wrote.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

from pydantic_core import from_json, to_json

from domain.details import status_details
from domain.errors import InvalidJson, InvalidRequest, JobsError
from domain.execution import REPORTED, Execution, ExecutionState, Status
from domain.timeouts import MAX_MINUTES, MIN_MINUTES, REMOVE_STEP, seconds_left
from domain.topics import Operation, RequestTopic

MAX_PAYLOAD: Final = 128 * 1024
MAX_TOKEN: Final = 1024
_INT64: Final = 2**63


class Request(NamedTuple):
    """What a device asks, whatever the dialect it asks in."""

    thing_name: str
    operation: Operation
    job_id: str | None = None
    client_token: Any = None
    digest: str = ""
    status: Status | None = None
    status_details: Mapping[str, str] | None = None
    expected_version: int | None = None
    execution_number: int | None = None
    step_timeout_minutes: int | None = None
    include_document: bool = False
    include_state: bool = False


class Refused(Exception):
    """A payload that cannot become a request; keeps the token so that the refusal can echo it."""

    def __init__(self, error: JobsError, client_token: object) -> None:
        super().__init__(str(error))
        self.error = error
        self.client_token = client_token


def parse_object(payload: bytes) -> dict[str, Any]:
    """Return the payload's members without nulls; an empty payload is ``{}``. Raises ``InvalidJson``."""
    if not payload:
        return {}
    if len(payload) > MAX_PAYLOAD:
        raise InvalidJson(f"payload has {len(payload)} bytes; at most {MAX_PAYLOAD} are allowed")
    try:
        body = from_json(payload, allow_inf_nan=False)
    except ValueError as error:
        raise InvalidJson(f"payload is not valid JSON: {error}") from None
    if not isinstance(body, dict):
        raise InvalidJson(f"payload must be a JSON object, not {type(body).__name__}")
    if _has_infinity(body.values()):
        raise InvalidJson("payload is not valid JSON: number out of range")
    if None not in body.values():
        return body
    return {name: value for name, value in body.items() if value is not None}


def _has_infinity(nodes: Iterable[object]) -> bool:
    """Return whether a number was too large for a float: it could not be written as JSON again."""
    for node in nodes:
        if isinstance(node, str | int):  # nearly all there is
            continue
        if isinstance(node, float):
            if math.isinf(node):
                return True
        elif isinstance(node, dict | list) and _has_infinity(
            node.values() if isinstance(node, dict) else node
        ):
            return True
    return False


def parse_request(topic: RequestTopic, payload: bytes, digest: Callable[[bytes], str]) -> Request:
    """Return the request, or raise ``Refused`` with the error and the token to echo."""
    token: object = None
    try:
        body = parse_object(payload)
        token = body.get("clientToken")
        return request_from(topic, body, digest=digest(payload) if token is not None else "")
    except JobsError as error:
        raise Refused(error, token) from None


def request_from(topic: RequestTopic, body: Mapping[str, Any], *, digest: str = "") -> Request:
    """Return the typed request, or raise ``InvalidRequest``. Unknown members are ignored."""
    token = body.get("clientToken")
    # What is no string is echoed too, and kept with the answer, so it needs a limit as well.
    length = len(token) if isinstance(token, str) else len(to_json(token))
    if length > MAX_TOKEN:
        raise InvalidRequest(f"clientToken has {length} characters; at most {MAX_TOKEN} are allowed")
    operation = topic.operation
    is_update = operation is Operation.UPDATE
    return Request(
        thing_name=topic.thing_name,
        operation=operation,
        job_id=topic.job_id,
        client_token=token,
        digest=digest,
        status=_status(body) if is_update else None,
        status_details=(
            status_details(body["statusDetails"])
            if "statusDetails" in body and operation in (Operation.UPDATE, Operation.START_NEXT)
            else None
        ),
        expected_version=_integer(body, "expectedVersion") if is_update else None,
        execution_number=(
            _integer(body, "executionNumber") if operation in (Operation.UPDATE, Operation.DESCRIBE) else None
        ),
        step_timeout_minutes=(
            _step_timeout(body, removable=is_update)
            if operation in (Operation.UPDATE, Operation.START_NEXT)
            else None
        ),
        include_document=_flag(body, "includeJobDocument", default=not is_update),
        include_state=_flag(body, "includeJobExecutionState", default=False),
    )


def _status(body: Mapping[str, Any]) -> Status:
    raw = body.get("status")
    if raw is None:
        raise InvalidRequest("status is required")
    if not isinstance(raw, str) or raw not in REPORTED:
        allowed = ", ".join(sorted(REPORTED))
        raise InvalidRequest(f"status {str(raw)[:64]!r} is not one a device may report ({allowed})")
    return Status(raw)


def _integer(body: Mapping[str, Any], name: str) -> int | None:
    """Some SDKs send numbers as decimal strings; both are legal."""
    raw = body.get(name)
    if raw is None:
        return None
    value = int(raw) if isinstance(raw, str) and raw.isascii() and raw.isdigit() and len(raw) < 20 else raw
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < _INT64:
        raise InvalidRequest(f"{name} {str(raw)[:64]!r} is not a non-negative integer")
    return value


def _step_timeout(body: Mapping[str, Any], *, removable: bool) -> int | None:
    raw = body.get("stepTimeoutInMinutes")
    if removable and raw in (REMOVE_STEP, str(REMOVE_STEP)) and not isinstance(raw, float):
        return REMOVE_STEP
    value = _integer(body, "stepTimeoutInMinutes") if isinstance(raw, str) else raw
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not MIN_MINUTES <= value <= MAX_MINUTES:
        also = " or -1" if removable else ""
        raise InvalidRequest(
            f"stepTimeoutInMinutes {str(raw)[:64]!r} is not an integer "
            f"from {MIN_MINUTES} to {MAX_MINUTES}{also}"
        )
    return value


def _flag(body: Mapping[str, Any], name: str, *, default: bool) -> bool:
    raw = body.get(name, default)
    if raw is True or raw is False:
        return raw
    if raw in ("true", "false"):
        return bool(raw == "true")
    raise InvalidRequest(f"{name} {str(raw)[:64]!r} is neither true nor false")


# --- answers -------------------------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def seconds(at: datetime) -> int:
    return int(at.timestamp())


def state_members(state: ExecutionState) -> dict[str, Any]:
    members: dict[str, Any] = {"status": state.status, "versionNumber": state.version_number}
    if state.status_details:
        members["statusDetails"] = dict(state.status_details)
    return members


def summary_members(execution: Execution) -> dict[str, Any]:
    """Return a Summary: an entry of the pending lists, in replies and in notify."""
    members: dict[str, Any] = {
        "jobId": execution.job_id,
        "queuedAt": seconds(execution.queued_at),
        "lastUpdatedAt": seconds(execution.last_updated_at),
        "versionNumber": execution.version_number,
        "executionNumber": execution.execution_number,
    }
    if execution.started_at is not None:
        members["startedAt"] = seconds(execution.started_at)
    return members


def execution_members(execution: Execution, *, at: datetime) -> dict[str, Any]:
    """Return a JobExecution without its document."""
    members = summary_members(execution)
    members["thingName"] = execution.thing_name
    members["status"] = execution.status
    if execution.status_details:
        members["statusDetails"] = dict(execution.status_details)
    left = seconds_left(execution, at=at)
    if left is not None:
        members["approximateSecondsBeforeTimedOut"] = left
    return members


def execution_json(execution: Execution, document: str | None, *, at: datetime) -> bytes:
    """Return a JobExecution as JSON, the document spliced in as an object."""
    return splice(to_json(execution_members(execution, at=at)), b"jobDocument", document)


def splice(members: bytes, name: bytes, value: str | bytes | None) -> bytes:
    """Return the JSON object ``members`` with one more member whose value is JSON text already."""
    if value is None:
        return members
    raw = value.encode() if isinstance(value, str) else value
    comma = b"" if members == b"{}" else b","
    return b'%s%s"%s":%s}' % (members[:-1], comma, name, raw)


def envelope(*, at: datetime, client_token: object = None) -> dict[str, Any]:
    """Return what every answer starts with; the token is echoed as it came, and only if it came."""
    members: dict[str, Any] = {"timestamp": seconds(at)}
    if client_token is not None:
        members["clientToken"] = client_token
    return members


def error_reply(error: JobsError, *, at: datetime, client_token: object = None) -> bytes:
    """Return an ErrorResponse; the current state goes along where the error knows it."""
    members = {"code": error.code, "message": str(error), **envelope(at=at, client_token=client_token)}
    state = getattr(error, "current", None)
    if state is not None:
        members["executionState"] = state_members(state)
    return to_json(members)


def pending_reply(pending: Sequence[Execution], *, at: datetime, client_token: object = None) -> bytes:
    """Return the answer of GetPendingJobExecutions; both lists are always there."""
    members = envelope(at=at, client_token=client_token)
    members["inProgressJobs"] = [summary_members(e) for e in pending if e.status is Status.IN_PROGRESS]
    members["queuedJobs"] = [summary_members(e) for e in pending if e.status is Status.QUEUED]
    return to_json(members)


def execution_reply(execution: bytes | None, *, at: datetime, client_token: object = None) -> bytes:
    """Return the answer of start-next and describe; ``execution`` is JSON, None when nothing is pending."""
    return splice(to_json(envelope(at=at, client_token=client_token)), b"execution", execution)


def update_reply(
    state: ExecutionState | None, document: str | None, *, at: datetime, client_token: object = None
) -> bytes:
    """Return the answer of an update; state and document only where they were asked for."""
    members = envelope(at=at, client_token=client_token)
    if state is not None:
        members["executionState"] = state_members(state)
    return splice(to_json(members), b"jobDocument", document)


def notify(pending: Sequence[Execution], *, at: datetime) -> bytes:
    """Return the notification that the set of pending executions changed; a status with none is left out."""
    jobs = {
        status: entries
        for status in (Status.IN_PROGRESS, Status.QUEUED)
        if (entries := [summary_members(e) for e in pending if e.status is status])
    }
    return to_json({"timestamp": seconds(at), "jobs": jobs})


def notify_next(execution: Execution | None, document: str | None, *, at: datetime) -> bytes:
    """Return the notification that another execution is first, or none."""
    body = None if execution is None else execution_json(execution, document, at=at)
    return splice(to_json({"timestamp": seconds(at)}), b"execution", body)
