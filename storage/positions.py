"""Places in the log of transitions: up to where events are published, and up to where the log is gone.

The numbers of execution_events rise in the order of their commits: one transaction at a time writes them
(``storage.locks.lock_log``).
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, text

from domain.event_kinds import EventKind
from storage import partitions

_NAME: Final = "lifecycle"
#: Up to which transition, and of which time, they are gone (``storage.history``).
HISTORY: Final = "history"


def position(connection: Connection) -> int:
    """Return the last transition that needs no publishing any more."""
    found = connection.execute(text("SELECT position FROM positions WHERE name = :name"), {"name": _NAME})
    return int(found.scalar() or 0)


def move(connection: Connection, to: int) -> None:
    """Note that everything up to ``to`` is published; never goes back."""
    connection.execute(
        text(
            "INSERT INTO positions (name, position) VALUES (:name, :to) ON CONFLICT (name) DO UPDATE "
            "SET position = excluded.position WHERE positions.position < excluded.position"
        ),
        {"name": _NAME, "to": to},
    )


def newest(connection: Connection) -> int:
    """Return the number of the last transition, or a later one that none has or that has been deleted."""
    if connection.dialect.name == "postgresql":
        return partitions.last(connection)
    statement = text(
        "SELECT max(v) FROM (SELECT max(id) AS v FROM execution_events UNION ALL "
        "SELECT max(place) FROM lifecycle_notes UNION ALL SELECT max(position) FROM positions) AS found"
    )
    return int(connection.execute(statement).scalar() or 0)


def turn_on(connection: Connection, kind: EventKind) -> None:
    """Have a kind begin with what comes after this transaction."""
    if kind is EventKind.JOB_EXECUTION:
        move(connection, newest(connection))


def turn_off(connection: Connection, kind: EventKind) -> None:
    """Forget what was kept of a kind and not published."""
    connection.execute(text("DELETE FROM lifecycle_notes WHERE kind = :kind"), {"kind": kind.value})
