"""Retention: what is older than it is to be kept goes, one bounded piece after the other.

Transitions first, from the oldest on: on PostgreSQL whole partitions, on SQLite rows. Where they begin since
is on record. Then jobs that have ended, once none of their transitions is left.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from sqlalchemy import Connection, text

from domain.event_kinds import EventKind
from storage import event_configurations, jobs, partitions, positions
from storage.millis import to_millis
from storage.partitions import AHEAD, SPAN, Partition

#: How many transitions a piece is where they go row by row.
CHUNK: Final = 2000
#: How many jobs are looked at for one that can go.
_JOBS: Final = 100
#: A partition is closed when it reaches over such a part of the time that is kept: so much more is kept.
PARTS: Final = 10

_NOTE: Final = text(
    f"INSERT INTO positions (name, position, at) VALUES ('{positions.HISTORY}', :event, :at) "
    "ON CONFLICT (name) DO UPDATE SET position = excluded.position, "
    "at = CASE WHEN excluded.at > positions.at THEN excluded.at ELSE positions.at END"
)
#: Jobs that have ended and have not been touched since; those nobody reports for any more are not among them.
_ENDED: Final = (
    "SELECT id, job_id FROM jobs WHERE status IN ('COMPLETED', 'CANCELED') AND last_updated_at < :horizon "
    "AND queued = 0 AND in_progress = 0 AND waiting = 0 AND latched_to IS NULL AND sweep = '' "
    "ORDER BY last_updated_at, id LIMIT :limit"
)
_OLD_JOB: Final = text(
    f"SELECT job_id FROM ({_ENDED}) AS j "
    "WHERE NOT EXISTS (SELECT 1 FROM execution_events v WHERE v.job = j.id) LIMIT 1"
)
_OLDEST: Final = text("SELECT id, at FROM execution_events ORDER BY id LIMIT :limit")


class Kept(NamedTuple):
    """For how long history is kept (None: for ever), and how the log of transitions is divided."""

    time: timedelta | None = None
    span: int = SPAN
    ahead: int = AHEAD

    def horizon(self, at: datetime) -> int:
        """Return before when things are old (ms)."""
        assert self.time is not None
        return to_millis(at - self.time)


class Kind(StrEnum):
    """What a piece of work is about."""

    PROVIDE = "partitions are made"
    CLOSE = "a partition is closed"
    DROP = "a partition is dropped"
    FORGET = "transitions are deleted"
    DELETE = "a job is deleted"


class Piece(NamedTuple):
    """One bounded piece; of a partition that is to be dropped, its last transition and its latest time."""

    kind: Kind
    partition: Partition | None = None
    last: int | None = None
    latest: int | None = None


def due(connection: Connection, kept: Kept, *, at: datetime) -> Piece | None:
    """Return the next piece of work, None if nothing is to be done now."""
    if connection.dialect.name == "postgresql":
        if partitions.lacks(connection, span=kept.span, ahead=kept.ahead):
            return Piece(Kind.PROVIDE)
        if kept.time is None:
            return None
        if _is_long(connection, kept, at):
            return Piece(Kind.CLOSE)
        if (dropped := _droppable(connection, kept, at)) is not None:
            return dropped
    elif kept.time is None:
        return None
    elif _old_transitions(connection, kept, at, limit=1) is not None:
        return Piece(Kind.FORGET)
    return None if _old_job(connection, kept, at) is None else Piece(Kind.DELETE)


def go_on(connection: Connection, piece: Piece, kept: Kept, *, at: datetime) -> None:
    """Do it, unless that is not to be done any more: several may have seen it."""
    _PIECES[piece.kind](connection, piece, kept, at)


def _provide(connection: Connection, _piece: Piece, kept: Kept, _at: datetime) -> None:
    partitions.provide(connection, span=kept.span, ahead=kept.ahead)


def _is_long(connection: Connection, kept: Kept, at: datetime) -> Partition | None:
    """Return the partition in use if it is to be closed; a few transitions would stay for years else."""
    assert kept.time is not None
    partition = partitions.in_use(connection)
    began = None if partition is None else partitions.begins_at(connection, partition)
    return partition if began is not None and began < to_millis(at - kept.time / PARTS) else None


def _close(connection: Connection, _piece: Piece, kept: Kept, at: datetime) -> None:
    if (partition := _is_long(connection, kept, at)) is not None:
        partitions.pass_over(connection, partition)


def _droppable(connection: Connection, kept: Kept, at: datetime) -> Piece | None:
    partition = partitions.oldest(connection)
    if partition is None:
        return None
    ends = partitions.ends(connection, partition)
    if ends is None:
        return Piece(Kind.DROP, partition)
    last, then = ends
    # Cheap questions first: all of its times are read only where it is most likely to go.
    if then >= kept.horizon(at) or last > _published(connection):
        return None
    latest = partitions.latest(connection, partition)
    is_old = latest is not None and latest < kept.horizon(at)
    return Piece(Kind.DROP, partition, last, latest) if is_old else None


def _drop(connection: Connection, piece: Piece, _kept: Kept, _at: datetime) -> None:
    partition = partitions.oldest(connection)
    if partition is None or partition != piece.partition:
        return
    # Nothing comes into a partition that is not in use, but what was under way when that was looked at.
    ends = partitions.ends(connection, partition)
    if (None if ends is None else ends[0]) == piece.last:
        partitions.drop(connection, partition)
        if piece.last is not None:
            connection.execute(_NOTE, {"event": piece.last, "at": piece.latest})


def _forget(connection: Connection, _piece: Piece, kept: Kept, at: datetime) -> None:
    if (old := _old_transitions(connection, kept, at, limit=CHUNK)) is not None:
        event, latest = old
        connection.execute(text("DELETE FROM execution_events WHERE id <= :event"), {"event": event})
        connection.execute(_NOTE, {"event": event, "at": latest})


def _old_transitions(
    connection: Connection, kept: Kept, at: datetime, *, limit: int
) -> tuple[int, int] | None:
    """Return up to which of the first transitions all are old, and the latest time among these."""
    horizon, published = kept.horizon(at), _published(connection)
    found: tuple[int, int] | None = None
    for row in connection.execute(_OLDEST, {"limit": limit}):
        if row.at >= horizon or row.id > published:
            break
        found = row.id, max(row.at, found[1] if found else row.at)
    return found


def _published(connection: Connection) -> int:
    """Return up to which transition the publisher of lifecycle events needs none any more."""
    if EventKind.JOB_EXECUTION in event_configurations.enabled(connection):
        return positions.position(connection)
    return 2**62


def _old_job(connection: Connection, kept: Kept, at: datetime) -> str | None:
    values = {"horizon": kept.horizon(at), "limit": _JOBS}
    return connection.execute(_OLD_JOB, values).scalar()


def _delete(connection: Connection, _piece: Piece, kept: Kept, at: datetime) -> None:
    if (job_id := _old_job(connection, kept, at)) is not None:
        jobs.delete(connection, job_id, at=at)


_PIECES: Final[Mapping[Kind, Callable[[Connection, Piece, Kept, datetime], None]]] = {
    Kind.PROVIDE: _provide,
    Kind.CLOSE: _close,
    Kind.DROP: _drop,
    Kind.FORGET: _forget,
    Kind.DELETE: _delete,
}
