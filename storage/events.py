"""The feed of transitions: read on from the last one seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, text

from domain.execution import Status
from storage.millis import from_millis
from storage.rows import details_from


@dataclass(frozen=True, slots=True)
class Event:
    """One transition of one execution; ``before`` is None where it began, ``actor`` '' but for operators."""

    key: int
    at: datetime
    job_id: str
    thing_name: str
    execution_number: int
    version_number: int
    before: Status | None
    after: Status
    cause: str
    actor: str
    status_details: Mapping[str, str]


_SELECT: Final = (
    "SELECT v.id, v.at, j.job_id, t.name, v.number, v.version, v.from_status, v.to_status, v.cause, v.actor, "
    "v.status_details FROM execution_events v JOIN jobs j ON j.id = v.job JOIN things t ON t.id = v.thing "
)


def after(connection: Connection, key: int, *, limit: int = 500) -> list[Event]:
    """Return up to ``limit`` events later than ``key`` (0 for the very first), in order."""
    return select(connection, "v.id > :key ORDER BY v.id LIMIT :limit", {"key": key, "limit": limit})


def select(connection: Connection, where: str, parameters: Mapping[str, Any]) -> list[Event]:
    """Return the events that ``where`` (with ORDER BY and LIMIT) picks."""
    # Only our own constants ever reach this text; values are bound.
    found = connection.execute(text(f"{_SELECT}WHERE {where}"), parameters)
    return [
        Event(
            row.id,
            from_millis(row.at),
            row.job_id,
            row.name,
            row.number,
            row.version,
            None if row.from_status is None else Status(row.from_status),
            Status(row.to_status),
            row.cause,
            row.actor,
            details_from(row.status_details),
        )
        for row in found
    ]
