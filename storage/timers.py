"""Running timers, all at once: when the machine's clock leaps they move along (docs/decisions/0005)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, text

from storage.millis import from_millis
from storage.signals import Signal, raise_after_commit

#: Where a length of time runs, by table: the columns that say until or since when, and which rows have one.
RUNNING: Final[Mapping[str, tuple[tuple[str, ...], str]]] = {
    "executions": (
        ("in_progress_deadline_at", "step_deadline_at", "queued_deadline_at", "deadline_at"),
        "deadline_at IS NOT NULL",
    ),
    "waiting": (("ready_at",), "ready_at > 0"),
    "jobs": (("minute_at",), "minute_at IS NOT NULL"),
    "job_waves": (("passed_at",), "passed_at IS NOT NULL"),
    "things": (("quarantined_until",), "quarantined_until IS NOT NULL"),
}
_MOVE: Final = tuple(
    text(f"UPDATE {table} SET {', '.join(f'{name} = {name} + :by' for name in columns)} WHERE {where}")
    for table, (columns, where) in RUNNING.items()
)


def move(connection: Connection, by: timedelta) -> int:
    """Let every running timer end so much later, and have the clock look at all jobs; return how many moved.

    One transaction, however many there are: nobody may see one half of them.
    """
    # Rounded up: no timer is to end early.
    millis = {"by": -(-by // timedelta(milliseconds=1))}
    moved = sum(connection.execute(statement, millis).rowcount for statement in _MOVE)
    # Schedules keep to the time of day: when to look next is to be found out anew.
    connection.execute(text("UPDATE jobs SET look_at = 0 WHERE look_at IS NOT NULL"))
    raise_after_commit(connection, Signal.AGENDA)
    return moved


def newest(connection: Connection) -> datetime | None:
    """Return about when something was written last, None if there is nothing."""
    moments = [
        connection.execute(text(f"SELECT {column} FROM {table} ORDER BY id DESC LIMIT 1")).scalar()
        for table, column in (("execution_events", "at"), ("jobs", "created_at"), ("things", "created_at"))
    ]
    return from_millis(max((moment for moment in moments if moment is not None), default=None))
