"""What the planner must know of a job, out of its row."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from pydantic_core import from_json
from sqlalchemy import Connection, text

from domain.abort import EXECUTED
from domain.execution import PENDING, Status
from domain.job import OPEN, JobStatus, TargetSelection
from domain.pacing import parse
from domain.planner import Pace, Pool
from domain.rollout import Minute
from storage import waves
from storage.millis import from_millis, to_millis
from storage.tables import COUNTERS, SUPERSEDED

COLUMNS: Final = ", ".join(
    (
        "id",
        "status",
        "target_selection",
        "waiting",
        "latched_to",
        "sweep",
        "pacing",
        "minute_at",
        "minute_released",
        "minute_rate",
        "released",
        "wave",
        "open_zones",
        "forgiven",
        "priority",
        "exclusive_group",
        *COUNTERS.values(),
        *SUPERSEDED.values(),
    )
)


def pace(row: Any, *, next_deadline_at: datetime | None = None) -> Pace:
    """Return what the row alone tells: enough for a job that lets nothing out now."""
    return Pace(
        status=JobStatus(row.status),
        target_selection=TargetSelection(row.target_selection),
        waiting=row.waiting,
        latching=row.latched_to is not None,
        sweeping=bool(row.sweep),
        next_deadline_at=next_deadline_at,
        pacing=parse(row.pacing),
        minute=_minute(row),
        released=row.released,
        superseded={status: getattr(row, column) for status, column in SUPERSEDED.items()},
        forgiven={Status(status): count for status, count in from_json(row.forgiven).items()},
        zones=from_json(row.open_zones),
        wave=row.wave,
    )


def _minute(row: Any) -> Minute | None:
    if row.minute_at is None:
        return None
    return Minute(from_millis(row.minute_at), row.minute_released, row.minute_rate)


def whole(
    connection: Connection, row: Any, *, next_deadline_at: datetime | None = None, at: datetime
) -> Pace:
    """Return all that the planner may ask for."""
    found = pace(row, next_deadline_at=next_deadline_at)
    if found.status not in OPEN or not (found.waiting or found.wave):
        return found
    capped = found.waiting and found.staged.maximum_in_flight is not None
    return replace(
        found,
        pools=pools(connection, row.id) if found.waiting else (),
        standing=waves.standing(connection, row.id, found.wave) if found.wave else None,
        quarantined=_quarantined(connection, row.id, at) if capped else 0,
    )


def pools(connection: Connection, job_key: int) -> tuple[Pool, ...]:
    """Return where things wait, and when the first of each may go out; costs what pools there are."""
    found: list[Pool] = []
    wave, zone = -1, ""
    while True:
        row = connection.execute(_NEXT_POOL, {"job": job_key, "wave": wave, "zone": zone}).one_or_none()
        if row is None:
            return tuple(found)
        wave, zone = row.wave, row.zone
        found.append(Pool(wave, zone, from_millis(row.ready_at) if row.ready_at else None))


_NEXT_POOL: Final = text(
    "SELECT wave, zone, ready_at FROM waiting WHERE job = :job AND (wave, zone) > (:wave, :zone) "
    "ORDER BY wave, zone, ready_at LIMIT 1"
)


def _quarantined(connection: Connection, job_key: int, at: datetime) -> int:
    """Count the pending executions on things in quarantine: they take no place under a cap."""
    statement = text(
        "SELECT count(*) FROM things t JOIN executions e ON e.thing = t.id WHERE t.quarantined_until > :now "
        "AND e.job = :job AND e.status IN ('QUEUED', 'IN_PROGRESS')"
    )
    return int(connection.execute(statement, {"job": job_key, "now": to_millis(at)}).scalar_one())


def counts_of(row: Any) -> dict[Status, int]:
    """Return how many things stand where, by their latest execution."""
    return {status: getattr(row, column) for status, column in COUNTERS.items()}


def ended(moved: Any) -> bool:
    """Tell whether a movement of counters has ended an execution, which makes room or tells how it goes."""
    return sum(moved.get(status, 0) for status in PENDING) < 0 or any(
        moved.get(status, 0) > 0 for status in EXECUTED
    )
