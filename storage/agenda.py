"""The agenda: which jobs want something from the clock now, and what the planner says about each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, text

from domain.execution import Cause, Status
from domain.job import JobStatus, TargetSelection
from domain.planner import Action, Pace, plan
from storage import rows, sweeps
from storage.changes import counts_of
from storage.millis import from_millis, to_millis
from storage.tables import COUNTERS

#: How many executions one transaction expires.
CHUNK: Final = 500


@dataclass(frozen=True, slots=True)
class Item:
    """A job and what is to be done about it now, in order."""

    job_key: int
    actions: tuple[Action, ...]


_JOB: Final = ", ".join(
    f"j.{column}" for column in ("id", "status", "target_selection", "waiting", "sweep", *COUNTERS.values())
)


def read(connection: Connection, *, at: datetime, limit: int = 100) -> list[Item]:
    """Return the jobs that need something now; costs what is due, not what exists."""
    due = connection.execute(
        text(
            "SELECT e.job, min(e.deadline_at) FROM executions e WHERE e.id IN (SELECT id FROM executions "
            "WHERE deadline_at IS NOT NULL AND deadline_at <= :now ORDER BY deadline_at LIMIT :chunk) "
            "GROUP BY e.job"
        ),
        {"now": to_millis(at), "chunk": CHUNK},
    )
    deadlines = {row[0]: row[1] for row in due}
    items = {
        row.id: _item(row, deadlines.get(row.id), at)
        for row in connection.execute(
            text(
                f"SELECT {_JOB} FROM jobs j WHERE j.waiting > 0 OR j.sweep <> '' ORDER BY j.id LIMIT :limit"
            ),
            {"limit": limit},
        )
    }
    for key in deadlines.keys() - items.keys():
        row = connection.execute(text(f"SELECT {_JOB} FROM jobs j WHERE j.id = :key"), {"key": key}).one()
        items[key] = _item(row, deadlines[key], at)
    return [items[key] for key in sorted(items)]


def _item(row: Any, deadline: int | None, at: datetime) -> Item:
    pace = Pace(
        status=JobStatus(row.status),
        target_selection=TargetSelection(row.target_selection),
        rolled_out=row.waiting == 0,
        sweeping=bool(row.sweep),
        next_deadline_at=from_millis(deadline),
    )
    return Item(row.id, plan(pace, counts_of(row), at))


def next_deadline(connection: Connection) -> datetime | None:
    """Return the earliest deadline of any execution."""
    return from_millis(
        connection.execute(
            text("SELECT min(deadline_at) FROM executions WHERE deadline_at IS NOT NULL")
        ).scalar()
    )


def expire(connection: Connection, job_key: int, *, at: datetime, limit: int = CHUNK) -> int:
    """End up to ``limit`` executions of a job whose deadline has passed; return how many."""
    # By way of the earliest deadlines: their index is as small as what runs, the job's is not.
    entries = rows.select(
        connection,
        "e.job = :job AND e.status = 'IN_PROGRESS' AND e.id IN (SELECT id FROM executions "
        "WHERE deadline_at IS NOT NULL AND deadline_at <= :now ORDER BY deadline_at LIMIT :limit)",
        {"job": job_key, "now": to_millis(at), "limit": limit},
    )
    sweeps.end(connection, entries, Status.TIMED_OUT, Cause.TIMEOUT, at=at)
    return len(entries)
