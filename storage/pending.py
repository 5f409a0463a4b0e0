"""The pending queue of a thing: what is in it, in which order, and what is hidden (contract 2.12)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection

from domain.execution import Status
from domain.job import JobStatus
from storage.lists import bound, ints
from storage.rows import Stored, select

#: In these a job lets nothing begin.
_HIDING: Final = frozenset({JobStatus.SCHEDULED, JobStatus.PAUSED})


def pending_of(connection: Connection, thing_keys: Sequence[int]) -> dict[int, list[Stored]]:
    """Return the pending executions of each thing in queue order, hidden ones included.

    Order: IN_PROGRESS before QUEUED, then by queued time, then by creation.
    """
    if not thing_keys:
        return {}
    found: dict[int, list[Stored]] = {}
    for entry in select(
        connection,
        "e.thing = k.v AND e.status IN ('QUEUED', 'IN_PROGRESS')",
        {"keys": bound(connection, thing_keys)},
        source=f"{ints(connection, 'keys')} k CROSS JOIN executions e",
    ):
        found.setdefault(entry.thing_key, []).append(entry)
    for entries in found.values():
        entries.sort(key=queue_order)
    return found


def queue_order(entry: Stored) -> tuple[bool, int, int]:
    execution = entry.execution
    return (execution.status is Status.QUEUED, round(execution.queued_at.timestamp() * 1000), entry.key)


def visible(entry: Stored) -> bool:
    """Return whether a device may still see this pending execution.

    A cancel or delete that is still working through a large job counts as done for each of its things. What
    is QUEUED of a job that is paused, or whose window is shut, is hidden until that changes (contract 2.11).
    """
    if entry.execution.status is Status.QUEUED and (entry.job_status in _HIDING or not entry.is_open):
        return False
    if entry.job_status is JobStatus.DELETION_IN_PROGRESS:
        return False
    if entry.sweep == "FORCE_CANCEL":
        return False
    return not (entry.sweep == "CANCEL" and entry.execution.status is Status.QUEUED)
