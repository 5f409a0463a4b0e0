"""Departures: what a deleted thing, a deleted group or a thing that left one still has, swept in pieces.

What a transaction does not come to is on record, ``things.sweep`` and ``thing_groups.sweep``; the clock goes
on from there, in this process or the next.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

from sqlalchemy import Connection, text

from domain.errors import Conflict
from storage import orphans, removal
from storage.lists import bound, ints
from storage.signals import Signal, raise_after_commit

#: How many members or executions make up one piece.
CHUNK: Final = 500
#: How many pieces are done on the spot.
AT_ONCE: Final = 4

#: In ``things.sweep``: the thing has left a group; ``thing_groups.sweep`` knows no other word than the first.
DELETE: Final = "DELETE"
LEAVE: Final = "LEAVE"


class Kind(StrEnum):
    """Who departs."""

    THING = "thing"
    GROUP = "group"
    LEAVERS = "leavers"


class Departure(NamedTuple):
    """A deleted thing, a deleted group, or (key 0) all things that have left a group."""

    kind: Kind
    key: int


def due(connection: Connection, *, limit: int = 100) -> list[Departure]:
    """Return what still departs; costs what that is."""
    things = connection.execute(
        text("SELECT id, sweep FROM things WHERE sweep <> '' ORDER BY id LIMIT :limit"), {"limit": limit}
    ).all()
    found = [Departure(Kind.THING, row.id) for row in things if row.sweep == DELETE]
    if len(found) < len(things):
        found.append(Departure(Kind.LEAVERS, 0))
    groups = connection.execute(
        text("SELECT id FROM thing_groups WHERE sweep <> '' ORDER BY id LIMIT :limit"), {"limit": limit}
    )
    return found + [Departure(Kind.GROUP, key) for key in groups.scalars()]


def go_on(connection: Connection, departure: Departure, *, at: datetime) -> bool:
    """Do one piece; return whether there may be more."""
    return _PIECES[departure.kind](connection, departure.key, at)


def begin(connection: Connection, departure: Departure, *, at: datetime) -> None:
    """Do what is done on the spot; the clock does the rest."""
    for _ in range(AT_ONCE):
        if not go_on(connection, departure, at=at):
            return
    raise_after_commit(connection, Signal.AGENDA)


def leave(connection: Connection, things: Sequence[int], *, at: datetime) -> None:
    """End what no target of continuous jobs covers any more on these things, which are in no group for it.

    What is not done on the spot is marked, for the clock.
    """
    rest = _on_the_spot(connection, sorted(things), at)
    if rest:
        connection.execute(
            text(
                f"UPDATE things SET sweep = '{LEAVE}' WHERE sweep = '' AND deleted_at IS NULL "
                f"AND id IN (SELECT v FROM {ints(connection, 'keys')} k)"
            ),
            {"keys": bound(connection, rest)},
        )
        raise_after_commit(connection, Signal.AGENDA)


def settle(connection: Connection, things: Sequence[int], *, at: datetime) -> None:
    """Let these things have left whatever they have left, before they join something.

    Raises ``Conflict`` if that is more than can be done on the spot.
    """
    marked = _marked(connection, things)
    rest = _on_the_spot(connection, marked, at)
    if rest:
        raise Conflict(
            f"{len(rest)} of these things are still leaving a group; try again when they have left"
        )
    _unmark(connection, marked)


def _marked(connection: Connection, things: Sequence[int]) -> list[int]:
    statement = text(
        f"SELECT t.id FROM {ints(connection, 'keys')} k CROSS JOIN things t "
        f"WHERE t.id = k.v AND t.sweep = '{LEAVE}' ORDER BY t.id"
    )
    return list(connection.execute(statement, {"keys": bound(connection, things)}).scalars())


def _unmark(connection: Connection, things: Sequence[int]) -> None:
    if things:
        connection.execute(
            text(
                f"UPDATE things SET sweep = '' WHERE sweep = '{LEAVE}' "
                f"AND id IN (SELECT v FROM {ints(connection, 'keys')} k)"
            ),
            {"keys": bound(connection, things)},
        )


def _on_the_spot(connection: Connection, things: Sequence[int], at: datetime) -> Sequence[int]:
    """See as many of these things out as fits into one transaction; return the rest."""
    pieces = 0
    while things and pieces < AT_ONCE:
        seen, looked_at = _see_out(connection, things[:CHUNK], at)
        things = things[seen:]
        pieces += bool(looked_at)
    return things


def _see_out(connection: Connection, things: Sequence[int], at: datetime) -> tuple[int, int]:
    """End the orphans of the first of these things; return of how many things, and what was looked at."""
    found = orphans.find(connection, things, limit=CHUNK)
    ending = [orphan.execution for orphan in found.orphans if orphan.execution]
    removal.remove(connection, ending, at=at)
    waits = [(orphan.job, orphan.thing) for orphan in found.orphans if not orphan.execution]
    removal.drop_waiting(connection, waits, at=at)
    return found.things, found.held


def _leavers(connection: Connection, _key: int, at: datetime) -> bool:
    things = list(
        connection.execute(
            text(f"SELECT id FROM things WHERE sweep <> '' AND sweep = '{LEAVE}' ORDER BY id LIMIT :limit"),
            {"limit": CHUNK},
        ).scalars()
    )
    if not things:
        return False
    seen, _ = _see_out(connection, things, at)
    _unmark(connection, things[:seen])
    return True


def _group(connection: Connection, key: int, at: datetime) -> bool:
    """Let the next members leave; who has gone through that is no member any more."""
    members = list(
        connection.execute(
            text('SELECT thing FROM group_members WHERE "group" = :key ORDER BY thing LIMIT :limit'),
            {"key": key, "limit": CHUNK},
        ).scalars()
    )
    if not members:
        connection.execute(text("DELETE FROM thing_groups WHERE id = :key AND sweep <> ''"), {"key": key})
        return False
    seen, _ = _see_out(connection, members, at)
    connection.execute(
        text(
            'DELETE FROM group_members WHERE "group" = :key '
            f"AND thing IN (SELECT v FROM {ints(connection, 'keys')} k)"
        ),
        {"key": key, "keys": bound(connection, members[:seen])},
    )
    return True


def _thing(connection: Connection, key: int, at: datetime) -> bool:
    """End what a deleted thing waits for and has; nobody is left to be told."""
    thing = {"key": key, "limit": CHUNK}
    waits = connection.execute(
        text("SELECT job, thing FROM waiting WHERE thing = :key ORDER BY job LIMIT :limit"), thing
    ).all()
    pending = connection.execute(
        text(
            "SELECT id FROM executions WHERE thing = :key AND status IN ('QUEUED', 'IN_PROGRESS') "
            "ORDER BY queued_at, id LIMIT :limit"
        ),
        {**thing, "limit": CHUNK - len(waits)},
    ).scalars()
    ending = list(pending)
    removal.drop_waiting(connection, [(row.job, row.thing) for row in waits], at=at)
    removal.remove(connection, ending, at=at)
    left = len(waits) + len(ending) == CHUNK
    connection.execute(
        text("UPDATE things SET sweep = :sweep, notified_seq = notify_seq WHERE id = :key"),
        {"key": key, "sweep": DELETE if left else ""},
    )
    return left


_PIECES: Final[Mapping[Kind, Callable[[Connection, int, datetime], bool]]] = {
    Kind.THING: _thing,
    Kind.GROUP: _group,
    Kind.LEAVERS: _leavers,
}
