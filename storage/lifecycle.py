"""Lifecycle events in the order they happened: what is to be published, and that it has been.

Executions that ended are read from the log of transitions behind a position; everything else is noted
(``storage.lifecycle_notes``). Reading costs nothing while no kind is on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic_core import from_json
from sqlalchemy import Connection, text

from domain.event_kinds import EventKind
from domain.execution import TERMINAL, Status
from domain.lifecycle import ENDS, ExecutionEvent, JobEvent, JobOperation, LifecycleEvent
from domain.names import Target
from storage import event_configurations, positions
from storage.lifecycle_notes import ENDED_SQL
from storage.lists import bound, ints
from storage.millis import from_millis
from storage.rows import details_from

#: How many transitions, and how many notes, are looked at in one go.
CHUNK: Final = 200
_KINDS: Final = frozenset({EventKind.JOB, EventKind.JOB_EXECUTION})
_END: Final = (2**62, 0, 0)

#: Where an event stands: the number of a transition, then what was noted behind it, by number.
Place = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Item:
    """An event that is to be published; ``note`` is its note, if it was noted."""

    place: Place
    event: LifecycleEvent
    note: int | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """The next events in order; ``position`` is as far as was looked, ``more``: there may be others."""

    is_on: bool
    items: Sequence[Item] = ()
    position: int = 0
    more: bool = False


def due(connection: Connection, *, after: int = 0, limit: int = CHUNK) -> Due:
    """Return what is to be published next; ``after`` is as far as the caller has looked already."""
    on = _KINDS & event_configurations.enabled(connection)
    if not on:
        return Due(is_on=False)
    after = max(after, positions.position(connection))
    items: list[Item] = []
    position, end = after, _END
    if EventKind.JOB_EXECUTION in on:
        items, position, is_cut = _transitions(connection, after, limit)
        if is_cut:
            end = (position, 2, 0)
    noted = _notes(connection, limit)
    if len(noted) == limit:
        end = min(end, noted[-1].place)
    found = sorted([*items, *noted], key=lambda item: item.place)
    # What one of the two has not shown yet may belong before the rest of the other.
    fit = [item for item in found if item.place <= end]
    position = max(after, min(position, end[0]))
    return Due(is_on=True, items=fit, position=position, more=end is not _END)


def settle(connection: Connection, items: Sequence[Item], position: int) -> None:
    """Note that these are published, and everything up to ``position``."""
    notes = [item.note for item in items if item.note is not None]
    if notes:
        connection.execute(
            text(f"DELETE FROM lifecycle_notes WHERE id IN (SELECT v FROM {ints(connection, 'keys')} k)"),
            {"keys": bound(connection, notes)},
        )
    # A transition may have been read from the log, and kept since because its job is being deleted.
    kept = text("DELETE FROM lifecycle_notes WHERE place <= :position AND behind = 0")
    connection.execute(kept, {"position": position})
    positions.move(connection, position)


def _transitions(connection: Connection, after: int, limit: int) -> tuple[list[Item], int, bool]:
    """Return the ends among the next transitions, the last one looked at, and whether there are more."""
    looked = "SELECT id FROM execution_events WHERE id > :after ORDER BY id LIMIT :limit"
    values = {"after": after, "limit": limit}
    last, count = connection.execute(text(f"SELECT max(id), count(*) FROM ({looked}) AS w"), values).one()
    if not count:
        return [], after, False
    rows = connection.execute(
        text(
            "SELECT v.id, v.at, j.job_id, t.name, v.number, v.to_status, v.status_details "
            "FROM execution_events v JOIN jobs j ON j.id = v.job JOIN things t ON t.id = v.thing "
            f"WHERE v.id > :after AND v.id <= :last AND v.{ENDED_SQL} ORDER BY v.id"
        ),
        {"after": after, "last": last},
    )
    return [_ended(row) for row in rows], last, count == limit


def _ended(row: Any) -> Item:
    return Item(
        (row.id, 0, 0),
        ExecutionEvent(
            source=_transition(row.id),
            at=from_millis(row.at),
            operation=ENDS[Status(row.to_status)],
            job_id=row.job_id,
            thing_name=row.name,
            execution_number=row.number,
            status_details=details_from(row.status_details),
        ),
    )


def _notes(connection: Connection, limit: int) -> list[Item]:
    rows = connection.execute(
        text("SELECT * FROM lifecycle_notes ORDER BY place, behind, id LIMIT :limit"),
        {"limit": limit},
    )
    return [_noted(row) for row in rows]


def _noted(row: Any) -> Item:
    place = (row.place, row.behind, row.id if row.behind else 0)
    if row.kind == EventKind.JOB:
        return Item(place, _job(row), row.id)
    event = ExecutionEvent(
        source=_note(row.id) if row.behind else _transition(row.place),
        at=from_millis(row.at),
        operation=row.operation,
        job_id=row.job_id,
        thing_name=row.thing_name,
        execution_number=row.number,
        status_details=details_from(row.details),
    )
    return Item(place, event, row.id)


def _job(row: Any) -> JobEvent:
    details = from_json(row.details)
    return JobEvent(
        source=_note(row.id),
        at=from_millis(row.at),
        operation=JobOperation(row.operation),
        job_id=row.job_id,
        target_selection=details["targetSelection"],
        targets=tuple(Target(kind, name) for kind, name in details["targets"]),
        created_at=from_millis(details["createdAt"]),
        last_updated_at=from_millis(details["lastUpdatedAt"]),
        completed_at=from_millis(details["completedAt"]),
        description=details["description"],
        comment=details["comment"],
        counts={status: details["counts"][status.value] for status in TERMINAL},
    )


def _transition(number: int) -> str:
    return f"transition {number}"


def _note(number: int) -> str:
    return f"note {number}"
