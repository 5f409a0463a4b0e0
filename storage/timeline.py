"""The timeline of a job, and of a job on one thing: transitions and acts in the order they happened, paged.

The order is that of the rows and not of the clock, which may be set: a transition stands at its own number,
an act behind the last transition before it. So a page neither repeats nor skips what was there when the first
page was read, whatever is written meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from operator import itemgetter
from typing import Any, Final

from pydantic_core import from_json
from sqlalchemy import Connection, text

from domain.acts import Act
from storage import events, jobs, things
from storage.events import Event
from storage.millis import from_millis
from storage.pages import Page, cut, size, start


@dataclass(frozen=True, slots=True)
class Noted:
    """One act; ``thing_name`` is set where it concerns one execution, ``actor`` is '' for the clock."""

    at: datetime
    act: Act
    actor: str
    comment: str | None
    details: Mapping[str, Any]
    thing_name: str | None


class Kind(StrEnum):
    """What a timeline is made of."""

    TRANSITION = "TRANSITION"
    ACT = "ACT"


#: The place of an entry: a transition's number and 0, or that of the transition before an act and the act's.
Place = tuple[int, int]
_FIRST: Final = (0, 0)
_LAST: Final = (2**62, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """How a timeline is asked for: from the oldest or the newest on, one kind or both."""

    kind: Kind | None = None
    newest_first: bool = False
    max_results: int = 250
    next_token: str | None = None


def page_for_job(connection: Connection, job_id: str, asked: Asked) -> Page[Event | Noted]:
    """Return every transition of a job's executions and every act on it. Raises ``NotFound``."""
    return _page(connection, "events of job", {"job": jobs.key_of(connection, job_id)}, asked)


def page_for_thing(connection: Connection, job_id: str, thing_name: str, asked: Asked) -> Page[Event | Noted]:
    """Return what happened to a job's executions on one thing. Raises ``NotFound``."""
    keys = {"job": jobs.key_of(connection, job_id), "thing": things.key_of(connection, thing_name)}
    return _page(connection, "events of job on thing", keys, asked)


def _page(
    connection: Connection, list_name: str, keys: Mapping[str, int], asked: Asked
) -> Page[Event | Noted]:
    question = (list_name, *keys.values(), asked.kind, asked.newest_first)
    end = _LAST if asked.newest_first else _FIRST
    event, act = start(connection, question, asked.next_token) or end
    limit = size(asked.max_results) + 1
    values = {**keys, "event": event, "act": act, "limit": limit}
    found: list[tuple[Place, Event | Noted]] = []
    if asked.kind is not Kind.ACT:
        found += _transitions(connection, values, newest_first=asked.newest_first)
    if asked.kind is not Kind.TRANSITION:
        found += _acts(connection, values, newest_first=asked.newest_first)
    found.sort(key=itemgetter(0), reverse=asked.newest_first)
    return cut(connection, question, found[:limit], asked.max_results)


def _transitions(
    connection: Connection, values: Mapping[str, Any], *, newest_first: bool
) -> Sequence[tuple[Place, Event]]:
    # Before an act of that number comes the transition itself.
    beyond = "v.id > :event" if not newest_first else "v.id <= :event" if values["act"] else "v.id < :event"
    thing = "AND v.thing = :thing " if "thing" in values else ""
    order = "DESC" if newest_first else "ASC"
    where = f"v.job = :job {thing}AND {beyond} ORDER BY v.id {order} LIMIT :limit"
    return [((found.key, 0), found) for found in events.select(connection, where, values)]


def _acts(
    connection: Connection, values: Mapping[str, Any], *, newest_first: bool
) -> Sequence[tuple[Place, Noted]]:
    beyond, order = ("<", "DESC") if newest_first else (">", "ASC")
    thing = "AND a.thing = :thing " if "thing" in values else ""
    statement = text(
        "SELECT a.id, a.event, a.at, a.act, a.actor, a.comment, a.details, t.name "
        f"FROM job_acts a LEFT JOIN things t ON t.id = a.thing WHERE a.job = :job {thing}"
        f"AND (a.event, a.id) {beyond} (:event, :act) ORDER BY a.event {order}, a.id {order} LIMIT :limit"
    )
    return [((row.event, row.id), _noted(row)) for row in connection.execute(statement, values)]


def _noted(row: Any) -> Noted:
    details = from_json(row.details)
    return Noted(from_millis(row.at), Act(row.act), row.actor, row.comment, details, row.name)
