"""Presence: which things have a connection, since when, and when they were last heard.

Told in batches by the broker, never by a request: a storm of connects costs one statement for thousands.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, text

from storage import dynamic
from storage.lists import bound, ints
from storage.millis import to_millis
from storage.rows import distinct
from storage.targets import thing_keys

#: How many things one transaction writes.
CHUNK: Final = 2000


@dataclass(frozen=True, slots=True)
class Contacts:
    """What has happened since the last batch, each thing in at most one of the first two."""

    came: Sequence[str] = ()
    left: Sequence[str] = ()
    heard: Sequence[str] = ()


def note(connection: Connection, contacts: Contacts, *, at: datetime) -> list[str]:
    """Write who came, left and was heard; dynamic groups that ask for connectivity follow.

    Returns those who came and are no things.
    """
    came = thing_keys(connection, contacts.came)
    left = thing_keys(connection, contacts.left)
    heard = thing_keys(connection, contacts.heard)
    _seen(connection, {*came.values(), *left.values(), *heard.values()}, at)
    changed = _turn(connection, came.values(), at, connected=True)
    changed += _turn(connection, left.values(), at, connected=False)
    dynamic.follow(connection, changed, connectivity=True, at=at)
    return [name for name in contacts.came if name not in came]


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


def _end(connection: Connection, which: str, at: datetime, since: int) -> bool:
    found = connection.execute(
        text(f"SELECT id FROM things WHERE connected {which} LIMIT :limit"), {"since": since, "limit": CHUNK}
    )
    keys = sorted(found.scalars())
    dynamic.follow(connection, _turn(connection, keys, at, connected=False), connectivity=True, at=at)
    return len(keys) == CHUNK


def _seen(connection: Connection, keys: Collection[int], at: datetime) -> None:
    if keys:
        connection.execute(
            text(
                "UPDATE things SET last_seen_at = :at "
                f"WHERE id IN (SELECT v FROM {ints(connection, 'keys')} k) "
                "AND (last_seen_at IS NULL OR last_seen_at < :at)"
            ),
            {"keys": bound(connection, distinct(keys)), "at": to_millis(at)},
        )


def _turn(connection: Connection, keys: Collection[int], at: datetime, *, connected: bool) -> list[int]:
    """Note that these are connected, or are not; return those that were not so before."""
    if not keys:
        return []
    turned = connection.execute(
        text(
            "UPDATE things SET connected = :connected, connection_changed_at = :at "
            f"WHERE id IN (SELECT v FROM {ints(connection, 'keys')} k) AND connected = :before RETURNING id"
        ),
        {
            "keys": bound(connection, distinct(keys)),
            "connected": connected,
            "before": not connected,
            "at": to_millis(at),
        },
    )
    return sorted(turned.scalars())
