"""Refusals: an execution whose document cannot be made for its thing is REJECTED in the thing's stead."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from domain.details import MAX_PAIRS, MAX_VALUE
from domain.errors import Undeliverable
from domain.execution import Cause, Execution, Status
from storage import changes, rows
from storage.changes import Change
from storage.deliveries import Deliveries
from storage.lists import bound, ints
from storage.policy import Policy

#: The status detail that says why.
REASON = "reason"


def refused(execution: Execution, error: Undeliverable, *, at: datetime) -> Execution:
    """Return the execution REJECTED, with the reason beside what its device has said."""
    said = dict(list(execution.status_details.items())[: MAX_PAIRS - 1])
    return execution.advance(
        Status.REJECTED,
        cause=Cause.UNDELIVERABLE,
        at=at,
        status_details={**said, REASON: str(error)[:MAX_VALUE]},
    )


def refuse(connection: Connection, keys: Sequence[int], *, policy: Policy, at: datetime) -> int:
    """Refuse the pending ones among these whose document cannot be made; return how many."""
    entries = rows.select(
        connection,
        "e.id = k.v AND e.status IN ('QUEUED', 'IN_PROGRESS') ORDER BY e.id",
        {"keys": bound(connection, sorted(keys))},
        source=f"{ints(connection, 'keys')} k CROSS JOIN executions e",
    )
    deliveries = Deliveries(connection, (entry.thing_key for entry in entries), policy=policy, at=at)
    found: list[Change] = []
    for entry in entries:
        try:
            deliveries.of(entry)
        except Undeliverable as error:
            after = refused(entry.execution, error, at=at)
            found.append(changes.single(entry, after, Cause.UNDELIVERABLE))
    changes.write(connection, found, quarantine=policy.quarantine, at=at)
    return len(found)
