"""Removals: executions and places in waiting lists whose thing is no longer a target (contract 2.5)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection

from domain.execution import Cause, Status
from storage import changes, rows, sweeps, waiting
from storage.lists import bound, ints


def remove(connection: Connection, executions: Sequence[int], *, at: datetime) -> None:
    """End these pending executions as REMOVED."""
    entries = rows.select(
        connection,
        "e.id = k.v AND e.status IN ('QUEUED', 'IN_PROGRESS') ORDER BY e.id",
        {"keys": bound(connection, executions)},
        source=f"{ints(connection, 'keys')} k CROSS JOIN executions e",
    )
    sweeps.end(connection, entries, Status.REMOVED, Cause.REMOVAL, at=at)


def drop_waiting(connection: Connection, waits: Iterable[tuple[int, int]], *, at: datetime) -> None:
    """Take things out of waiting lists, given as job and thing; a job that waited for these alone may end."""
    lists: dict[int, list[int]] = {}
    for job, thing in waits:
        lists.setdefault(job, []).append(thing)
    for job in sorted(lists):
        waiting.drop(connection, job, lists[job])
    if lists:
        changes.complete(connection, sorted(lists), at=at)
