"""The pending executions of things, and which of them a thing may see (contract 2.11, 2.12)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection

from domain import queue
from domain.execution import Execution, Status
from domain.job import JobStatus
from domain.queue import Place
from storage.lists import bound, ints
from storage.rows import Stored, select
from storage.tables import PENDING_SQL

#: In these a job lets nothing begin.
HIDING: Final = frozenset({JobStatus.SCHEDULED, JobStatus.PAUSED})


_OF_THINGS: Final = {
    "sqlite": "{keys} k CROSS JOIN executions e",
    # The fence has it look into the index for each thing. By statistics, which know nothing of executions
    # made a moment ago, it would read all there are.
    "postgresql": (
        "{keys} k CROSS JOIN LATERAL "
        f"(SELECT * FROM executions x WHERE x.thing = k.v AND x.{PENDING_SQL} OFFSET 0) e"
    ),
}


def pending_of(connection: Connection, thing_keys: Sequence[int]) -> dict[int, list[Stored]]:
    """Return the pending executions of each thing, hidden ones included, in no order."""
    if not thing_keys:
        return {}
    found: dict[int, list[Stored]] = {}
    for entry in select(
        connection,
        f"e.thing = k.v AND e.{PENDING_SQL}",
        {"keys": bound(connection, thing_keys)},
        source=_OF_THINGS[connection.dialect.name].format(keys=ints(connection, "keys")),
    ):
        found.setdefault(entry.thing_key, []).append(entry)
    return found


def queues_of(connection: Connection, thing_keys: Sequence[int]) -> dict[int, list[Stored]]:
    """Return what each thing may see, in the order it comes."""
    return {thing: _queue(entries) for thing, entries in pending_of(connection, thing_keys).items()}


def _queue(entries: Sequence[Stored]) -> list[Stored]:
    by_key = {entry.key: entry for entry in entries}
    return [by_key[seen.key] for seen in queue.visible([place(e, e.execution) for e in entries])]


def place(entry: Stored, execution: Execution) -> Place:
    """Return an execution's place in its thing's queue, as the execution stands now."""
    return Place(entry.key, execution, _shown(entry, execution), entry.priority, entry.exclusive_group)


def _shown(entry: Stored, execution: Execution) -> bool:
    """Return whether its job lets a thing still see this pending execution.

    A cancel or delete that is still working through a large job counts as done for each of its things. What
    is QUEUED of a job that is paused, or whose window is shut, is hidden until that changes (contract 2.11).
    """
    if execution.status is Status.QUEUED and (entry.job_status in HIDING or not entry.is_open):
        return False
    if entry.job_status is JobStatus.DELETION_IN_PROGRESS:
        return False
    if entry.sweep == "FORCE_CANCEL":
        return False
    return not (entry.sweep == "CANCEL" and execution.status is Status.QUEUED)
