"""Partitions of the log of transitions, on PostgreSQL only: there before they are needed, dropped whole.

Each takes a range of numbers, one behind the other. What finds none lands in one of its own, so that no
transition fails for want of a partition.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from sqlalchemy import Connection, text

#: How many numbers a partition takes.
SPAN: Final = 5_000_000
#: How many partitions lie ready behind the one in use.
AHEAD: Final = 4
#: How long a change of partitions waits for those who read: whoever comes behind it waits as well.
_PATIENCE_MS: Final = 200

_LOG: Final = "execution_events"
_REST: Final = f"{_LOG}_rest"
_FOUND: Final = text(
    "SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits i "
    f"JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = CAST('{_LOG}' AS regclass)"
)
_BOUNDS: Final = re.compile(r"FOR VALUES FROM \((MINVALUE|'?\d+'?)\) TO \('?(\d+)'?\)")
_LAST: Final = text(
    f"SELECT pg_sequence_last_value(CAST(pg_get_serial_sequence('{_LOG}', 'id') AS regclass))"
)


class Partition(NamedTuple):
    """A table that holds the transitions from ``low`` on (None: from the first) up to before ``high``."""

    name: str
    low: int | None
    high: int


def found(connection: Connection) -> list[Partition]:
    """Return the partitions in order, but for that of the rest."""
    partitions = []
    for name, bounds in connection.execute(_FOUND):
        said = _BOUNDS.fullmatch(bounds)
        if said is not None:
            low = None if said[1] == "MINVALUE" else int(said[1].strip("'"))
            partitions.append(Partition(name, low, int(said[2])))
    return sorted(partitions, key=lambda partition: partition.high)


def last(connection: Connection) -> int:
    """Return the last number that was given to a transition, or passed over; 0 if none was."""
    return int(connection.execute(_LAST).scalar() or 0)


def lacks(connection: Connection, *, span: int = SPAN, ahead: int = AHEAD) -> bool:
    """Tell whether partitions are to be made."""
    strays = connection.execute(text(f"SELECT EXISTS (SELECT 1 FROM {_REST})")).scalar()
    return bool(strays) or found(connection)[-1].high <= last(connection) + ahead * span


def provide(connection: Connection, *, upto: int = 0, span: int = SPAN, ahead: int = AHEAD) -> None:
    """Make what partitions lack behind the last number, or behind ``upto`` if that is to be used soon."""
    _hurry(connection)
    top = _adopt(connection, found(connection)[-1].high, span)
    while top <= max(last(connection), upto) + ahead * span:
        connection.execute(
            text(f"CREATE TABLE {_LOG}_{top} PARTITION OF {_LOG} FOR VALUES FROM ({top}) TO ({top + span})")
        )
        top += span


def _adopt(connection: Connection, top: int, span: int) -> int:
    """Make a partition like the others out of what has found none; return where the next one begins."""
    highest = connection.execute(text(f"SELECT max(id) FROM {_REST}")).scalar()
    if highest is None:
        return top
    high = int(highest) // span * span + span
    for statement in (
        f"ALTER TABLE {_LOG} DETACH PARTITION {_REST}",
        f"ALTER TABLE {_REST} RENAME TO {_LOG}_{top}",
        f"ALTER TABLE {_LOG} ATTACH PARTITION {_LOG}_{top} FOR VALUES FROM ({top}) TO ({high})",
        f"CREATE TABLE {_REST} PARTITION OF {_LOG} DEFAULT",
    ):
        connection.execute(text(statement))
    return high


def in_use(connection: Connection) -> Partition | None:
    """Return the partition that the next transition goes to; None if that is the rest's."""
    number = last(connection) + 1
    return next((p for p in found(connection) if (p.low or 0) <= number < p.high), None)


def oldest(connection: Connection) -> Partition | None:
    """Return the first partition, if transitions go to a later one by now."""
    first = found(connection)[0]
    return first if first.high <= last(connection) + 1 else None


def pass_over(connection: Connection, partition: Partition) -> None:
    """Have the next transition begin the next partition: the numbers left in this one stay unused."""
    connection.execute(
        text(f"SELECT setval(pg_get_serial_sequence('{_LOG}', 'id'), :number)"),
        {"number": partition.high - 1},
    )


def ends(connection: Connection, partition: Partition) -> tuple[int, int] | None:
    """Return the number of its last transition, and when that was (ms); None if it is empty."""
    row = connection.execute(text(f"SELECT id, at FROM {partition.name} ORDER BY id DESC LIMIT 1")).first()
    return None if row is None else (row.id, row.at)


def begins_at(connection: Connection, partition: Partition) -> int | None:
    """Return when its first transition was (ms); None if it is empty."""
    return connection.execute(text(f"SELECT at FROM {partition.name} ORDER BY id LIMIT 1")).scalar()


def latest(connection: Connection, partition: Partition) -> int | None:
    """Return when the latest of its transitions was, by the clocks of who wrote them (ms). Reads them all."""
    return connection.execute(text(f"SELECT max(at) FROM {partition.name}")).scalar()


def drop(connection: Connection, partition: Partition) -> None:
    """Drop it with all that is in it."""
    _hurry(connection)
    connection.execute(text(f"DROP TABLE {partition.name}"))


def _hurry(connection: Connection) -> None:
    connection.execute(text("SELECT set_config('lock_timeout', :ms, true)"), {"ms": str(_PATIENCE_MS)})
