"""Executions between rows and values: one SELECT list, one way to read it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, NamedTuple

from pydantic_core import from_json, to_json
from sqlalchemy import Connection

from domain.execution import Execution, Status
from domain.job import JobStatus
from domain.pacing import parse as pacing_from
from domain.timeout_config import parse
from storage.millis import from_millis, to_millis
from storage.together import Asked, together

#: Everything a rule may want to know about an execution and its job, in the order `_value` reads it.
COLUMNS: Final = (
    "e.id, e.job, e.thing, j.job_id, t.name, e.status, e.number, e.version, e.status_details, "
    "e.queued_at, e.started_at, e.last_updated_at, "
    "e.queued_deadline_at, e.in_progress_deadline_at, e.step_deadline_at, "
    "e.attempt, e.force_canceled, e.replies, e.wave, e.zone, j.status, j.sweep, j.timeout_config, j.pacing, "
    "j.open_zones, j.priority, j.exclusive_group, t.failures"
)
_STATUSES: Final = {each.value: each for each in Status}
_JOB_STATUSES: Final = {each.value: each for each in JobStatus}
JOINS: Final = "JOIN things t ON t.id = e.thing JOIN jobs j ON j.id = e.job"


class Stored(NamedTuple):
    """An execution with its keys and the facts of its job that rules need."""

    key: int
    job_key: int
    thing_key: int
    execution: Execution
    replies: str
    job_status: JobStatus
    sweep: str
    in_progress_limit: timedelta | None
    pacing: str
    wave: int = 0
    zone: str = ""
    #: Whether the windows that this execution keeps are open.
    is_open: bool = True
    priority: int = 0
    exclusive_group: str | None = None
    #: How many times in a row its thing has failed.
    failures: int = 0

    @property
    def may_be_retried(self) -> bool:
        """Whether its job says anything about retries."""
        said = pacing_from(self.pacing)
        return said.job_executions_retry_config is not None or said.retry_policy_config is not None


def stored(row: Sequence[Any]) -> Stored:
    (
        key, job_key, thing_key, job_id, thing_name, status, number, version, details,
        queued_at, started_at, last_updated_at, queued_deadline_at, in_progress_deadline_at, step_deadline_at,
        attempt, force_canceled, replies, wave, zone, job_status, sweep, timeouts, pacing, zones,
        priority, exclusive_group, failures,
    ) = row  # fmt: skip
    # By place: names cost as much again, and there is one of these for every update.
    execution = Execution(
        job_id,
        thing_name,
        _STATUSES[status],
        from_millis(queued_at),
        from_millis(last_updated_at),
        from_millis(started_at),
        number,
        version,
        details_from(details),
        from_millis(queued_deadline_at),
        from_millis(in_progress_deadline_at),
        from_millis(step_deadline_at),
        bool(force_canceled),
        attempt,
    )
    limit = parse(timeouts).in_progress_limit
    is_open = zones == "{}" or bool(from_json(zones).get(zone))
    return Stored(
        key,
        job_key,
        thing_key,
        execution,
        replies,
        _JOB_STATUSES[job_status],
        sweep,
        limit,
        pacing,
        wave,
        zone,
        is_open,
        priority,
        exclusive_group,
        failures,
    )


def select(
    connection: Connection, where: str, parameters: Mapping[str, Any], *, source: str = "executions e"
) -> list[Stored]:
    """Return the executions that ``where`` (with ORDER BY and LIMIT, if any) picks."""
    # Only our own constants ever reach this text; values are bound.
    (found,) = together(
        connection, Asked(f"SELECT {COLUMNS} FROM {source} {JOINS} WHERE {where}", parameters)
    )
    return [stored(row) for row in found.rows]


def details_from(raw: str) -> Mapping[str, str]:
    return {} if raw == "{}" else from_json(raw)


def details_text(details: Mapping[str, str]) -> str:
    return to_json(dict(details)).decode() if details else "{}"


def columns(execution: Execution, details: str) -> dict[str, Any]:
    """Return the columns of an execution that changes write; ``details`` are its own, as text."""
    return {
        "status": execution.status.value,
        "version": execution.version_number,
        "status_details": details,
        "started_at": to_millis(execution.started_at),
        "last_updated_at": to_millis(execution.last_updated_at),
        "queued_deadline_at": to_millis(execution.queued_deadline_at),
        "in_progress_deadline_at": to_millis(execution.in_progress_deadline_at),
        "step_deadline_at": to_millis(execution.step_deadline_at),
        "deadline_at": to_millis(execution.deadline_at),
        "force_canceled": execution.force_canceled,
    }


def distinct(values: Iterable[int]) -> list[int]:
    """Return each value once, in the order locks are taken in."""
    return sorted(set(values))
