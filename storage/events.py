"""The feed of transitions: read on from the last one seen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from domain.execution import Status
from storage.millis import from_millis


@dataclass(frozen=True, slots=True)
class Event:
    """One transition of one execution; ``before`` is None where it began."""

    key: int
    at: datetime
    job_id: str
    thing_name: str
    execution_number: int
    version_number: int
    before: Status | None
    after: Status
    cause: str


def after(connection: Connection, key: int, *, limit: int = 500) -> list[Event]:
    """Return up to ``limit`` events later than ``key`` (0 for the very first), in order."""
    found = connection.execute(
        text(
            "SELECT v.id, v.at, j.job_id, t.name, v.number, v.version, v.from_status, v.to_status, v.cause "
            "FROM execution_events v JOIN jobs j ON j.id = v.job JOIN things t ON t.id = v.thing "
            "WHERE v.id > :key ORDER BY v.id LIMIT :limit"
        ),
        {"key": key, "limit": limit},
    )
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
        )
        for row in found
    ]
