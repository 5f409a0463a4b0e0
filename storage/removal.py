"""Removals: executions whose thing is no longer a target (contract 2.5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from domain.execution import Cause, Status
from storage import changes, rows, sweeps, waiting


def remove(connection: Connection, where: str, parameters: Mapping[str, Any], *, at: datetime) -> int:
    """End as REMOVED all pending executions that ``where`` picks; return how many."""
    entries = rows.select(connection, f"e.status IN ('QUEUED', 'IN_PROGRESS') AND {where}", parameters)
    sweeps.end(connection, entries, Status.REMOVED, Cause.REMOVAL, at=at)
    return len(entries)


def drop_waiting(connection: Connection, job_keys: Sequence[int], thing_key: int, *, at: datetime) -> None:
    """Take a thing out of the waiting lists of these jobs; a job that waited for it alone may end."""
    if not job_keys:
        return
    for key in sorted(job_keys):
        waiting.drop(connection, key, [thing_key])
    changes.complete(connection, sorted(job_keys), at=at)
