"""Which kinds of event are published over MQTT (contract 3.6, 4.4); a kind nobody has named is off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from domain.event_kinds import EventKind
from storage import positions
from storage.millis import from_millis, to_millis
from storage.signals import Signal, raise_after_commit


@dataclass(frozen=True, slots=True)
class EventConfigurations:
    """What is on and off, and since when anything was said about it (None: never)."""

    enabled: Mapping[EventKind, bool]
    created_at: datetime | None
    last_modified_at: datetime | None


def enabled(connection: Connection) -> frozenset[str]:
    """Return the kinds that are on."""
    found = connection.execute(text("SELECT kind FROM event_configurations WHERE enabled"))
    return frozenset(found.scalars())


def get(connection: Connection) -> EventConfigurations:
    """Return all kinds with whether they are on."""
    rows = connection.execute(text("SELECT * FROM event_configurations")).all()
    found = {row.kind: bool(row.enabled) for row in rows}
    return EventConfigurations(
        {kind: found.get(kind.value, False) for kind in EventKind},
        from_millis(min((row.created_at for row in rows), default=None)),
        from_millis(max((row.last_modified_at for row in rows), default=None)),
    )


def put(connection: Connection, changes: Mapping[EventKind, bool], *, at: datetime) -> None:
    """Switch kinds on and off; what is not named stays as it is.

    Nothing is published of the time a kind was off, nor, once it is, what was not published before.
    """
    if changes:
        before = enabled(connection)
        for kind, on in changes.items():
            if on is not (kind in before):
                (positions.turn_on if on else positions.turn_off)(connection, kind)
        connection.execute(
            text(
                "INSERT INTO event_configurations (kind, enabled, created_at, last_modified_at) "
                "VALUES (:kind, :enabled, :at, :at) ON CONFLICT (kind) DO UPDATE SET "
                "enabled = excluded.enabled, last_modified_at = excluded.last_modified_at"
            ),
            [{"kind": kind.value, "enabled": on, "at": to_millis(at)} for kind, on in changes.items()],
        )
        raise_after_commit(connection, Signal.SWITCHED)
