"""Presence: which things have a connection, since when, and when they were last heard.

Told in batches by the broker, never by a request: a storm of connects costs one statement for thousands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, text

from storage import dynamic
from storage.lists import bound, ints, texts
from storage.millis import to_millis

#: How many things one transaction writes.
CHUNK: Final = 2000


@dataclass(frozen=True, slots=True)
class Contacts:
    """What has happened since the last batch, each thing in at most one of the first two."""

    came: Sequence[str] = ()
    left: Sequence[str] = ()
    heard: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.came) + len(self.left) + len(self.heard)


def note(connection: Connection, contacts: Contacts, *, at: datetime) -> None:
    """Write who came, left and was heard; dynamic groups that ask for connectivity follow."""
    came = _keys(connection, contacts.came)
    left = _keys(connection, contacts.left)
    _seen(connection, [*came, *left, *_keys(connection, contacts.heard)], at)
    changed = _turn(connection, came, at, connected=True) + _turn(connection, left, at, connected=False)
    dynamic.follow(connection, changed, connectivity=True, at=at)


def reset(connection: Connection, *, at: datetime) -> bool:
    """Let the next things that are said to be connected be so no more; return whether more are left.

    For a broker that starts anew: nobody is connected to it yet.
    """
    return _end(connection, "", at, to_millis(at))


def lapse(connection: Connection, *, silent_since: datetime, at: datetime) -> bool:
    """Take those for gone that have not been heard since; return whether more are left.

    For a broker that tells nobody who is connected to it.
    """
    return _end(connection, "AND last_seen_at < :since ORDER BY last_seen_at", at, to_millis(silent_since))


def unknown(connection: Connection, names: Sequence[str]) -> list[str]:
    """Return those names that no thing has."""
    statement = text(
        f"SELECT n.v FROM {texts(connection, 'names')} n WHERE NOT EXISTS "
        "(SELECT 1 FROM things t WHERE t.name = n.v AND t.deleted_at IS NULL)"
    )
    return list(connection.execute(statement, {"names": bound(connection, names)}).scalars())


def _end(connection: Connection, which: str, at: datetime, since: int) -> bool:
    found = connection.execute(
        text(f"SELECT id FROM things WHERE connected {which} LIMIT :limit"), {"since": since, "limit": CHUNK}
    )
    keys = sorted(found.scalars())
    dynamic.follow(connection, _turn(connection, keys, at, connected=False), connectivity=True, at=at)
    return len(keys) == CHUNK


def _keys(connection: Connection, names: Sequence[str]) -> list[int]:
    if not names:
        return []
    statement = text(
        f"SELECT t.id FROM {texts(connection, 'names')} n CROSS JOIN things t "
        "WHERE t.name = n.v AND t.deleted_at IS NULL ORDER BY t.id"
    )
    return list(connection.execute(statement, {"names": bound(connection, names)}).scalars())


def _seen(connection: Connection, keys: Sequence[int], at: datetime) -> None:
    if keys:
        connection.execute(
            text(
                "UPDATE things SET last_seen_at = :at "
                f"WHERE id IN (SELECT v FROM {ints(connection, 'keys')} k) "
                "AND (last_seen_at IS NULL OR last_seen_at < :at)"
            ),
            {"keys": bound(connection, keys), "at": to_millis(at)},
        )


def _turn(connection: Connection, keys: Sequence[int], at: datetime, *, connected: bool) -> list[int]:
    """Note that these are connected, or are not; return those that were not so before."""
    if not keys:
        return []
    turned = connection.execute(
        text(
            "UPDATE things SET connected = :connected, connection_changed_at = :at "
            f"WHERE id IN (SELECT v FROM {ints(connection, 'keys')} k) AND connected = :before RETURNING id"
        ),
        {
            "keys": bound(connection, keys),
            "connected": connected,
            "before": not connected,
            "at": to_millis(at),
        },
    )
    return sorted(turned.scalars())
