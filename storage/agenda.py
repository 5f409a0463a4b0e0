"""The agenda: which jobs the clock must look at now, and when it must look next."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from storage.expiry import CHUNK
from storage.lists import bound, ints
from storage.millis import from_millis, to_millis


@dataclass(frozen=True, slots=True)
class Item:
    """A job to look at, and the earliest deadline among its executions that has passed (None: none has)."""

    job_key: int
    deadline_at: datetime | None = None


def due(connection: Connection, *, but: Collection[int] = (), at: datetime, limit: int = 1000) -> list[Item]:
    """Return the jobs that may want something now, ``but`` these; costs what is due, not what exists."""
    moment: dict[str, Any] = {"now": to_millis(at)}
    # A plus, so that no index of jobs is taken for it: the one of what is due is small.
    others = ""
    if but:
        others = f"AND +{{}} NOT IN (SELECT v FROM {ints(connection, 'but')} k) "
        moment["but"] = bound(connection, sorted(but))
    looks = connection.execute(
        text(
            f"SELECT id FROM jobs WHERE look_at <= :now {others.format('id')}"
            "ORDER BY look_at, id LIMIT :limit"
        ),
        {**moment, "limit": limit},
    )
    found: dict[int, Item] = {key: Item(key) for key in looks.scalars()}
    deadlines = connection.execute(
        text(
            "SELECT e.job, min(e.deadline_at) FROM executions e WHERE e.id IN (SELECT id FROM executions "
            f"WHERE deadline_at IS NOT NULL AND deadline_at <= :now {others.format('job')}"
            "ORDER BY deadline_at LIMIT :chunk) "
            "GROUP BY e.job"
        ),
        {**moment, "chunk": CHUNK},
    )
    for key, deadline in deadlines:
        found[key] = Item(key, from_millis(deadline))
    return [found[key] for key in sorted(found)]


def next_look(connection: Connection) -> datetime | None:
    """Return when the clock must look next: the earliest deadline of an execution or look at a job."""
    moments = [
        connection.execute(text(f"SELECT min({column}) FROM {table} WHERE {column} IS NOT NULL")).scalar()
        for table, column in (("executions", "deadline_at"), ("jobs", "look_at"))
    ]
    return from_millis(min((moment for moment in moments if moment is not None), default=None))
