"""What the planner must know of a job, out of its row."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from domain.abort import EXECUTED
from domain.execution import Status
from domain.job import JobStatus, TargetSelection
from domain.pacing import parse
from domain.planner import Pace
from domain.rollout import Minute
from storage.millis import from_millis
from storage.tables import COUNTERS, SUPERSEDED

COLUMNS: Final = ", ".join(
    (
        "id",
        "status",
        "target_selection",
        "waiting",
        "sweep",
        "pacing",
        "minute_at",
        "minute_released",
        "released",
        *COUNTERS.values(),
        *SUPERSEDED.values(),
    )
)


def pace(row: Any, *, next_deadline_at: datetime | None = None) -> Pace:
    return Pace(
        status=JobStatus(row.status),
        target_selection=TargetSelection(row.target_selection),
        waiting=row.waiting,
        sweeping=bool(row.sweep),
        next_deadline_at=next_deadline_at,
        pacing=parse(row.pacing),
        minute=None if row.minute_at is None else Minute(from_millis(row.minute_at), row.minute_released),
        released=row.released,
        superseded={status: getattr(row, column) for status, column in SUPERSEDED.items()},
    )


def counts_of(row: Any) -> dict[Status, int]:
    """Return how many things stand where, by their latest execution."""
    return {status: getattr(row, column) for status, column in COUNTERS.items()}


def attempts_of(row: Any) -> dict[Status, int]:
    """Return how many executions stand where, those that a later one has replaced among them."""
    replaced = {status: getattr(row, column) for status, column in SUPERSEDED.items()}
    return {status: count + replaced.get(status, 0) for status, count in counts_of(row).items()}


def executed(counts: Any) -> bool:
    """Tell whether a movement of counters brought in an execution that has run."""
    return any(counts.get(status, 0) > 0 for status in EXECUTED)
