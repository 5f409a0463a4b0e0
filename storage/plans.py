"""Dry runs: the job is written as it would be, looked at, and let not have been.

What resolves targets, latches them and fills waves is the very code that creates a job; the transaction is
rolled back by the ``DryRun`` that carries what was seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NoReturn

from sqlalchemy import Connection, text

from domain.errors import AlreadyExists
from domain.forecast import Forecast, forecast
from domain.job import NewJob
from domain.names import job_id as checked_job_id
from domain.planner import Pace
from storage import layout, orders, paces, targets
from storage.lists import bound, ints
from storage.millis import to_millis
from storage.policy import Policy

#: How many names of a kind a plan lists.
LISTED: Final = 100
#: How long an execution is assumed to take on a thing without a history.
ASSUMED: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Named:
    """So many things, and the names of the first of them."""

    count: int
    things: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Conflict:
    """Work that a thing has already, and what that means for this job."""

    thing_name: str
    job_id: str
    status: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A job that would be: its things, what stands in their way, and all that a forecast needs."""

    pace: Pace
    pools: Mapping[tuple[int, str], Sequence[timedelta]]
    things: int
    new_things: int
    with_history: int
    excluded: Named
    offline: Named
    quarantined: Named
    conflicts: tuple[Conflict, ...]
    conflict_count: int
    waves: Mapping[int, Named]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What only the transaction can tell that is rolled back: who would wait, and where."""

    row: Any
    pace: Pace
    waiting: Sequence[Any]
    new_things: int
    barred: Sequence[str]


class DryRun(Exception):
    """Undoes the transaction, and carries what was seen in it."""

    def __init__(self, seen: Seen) -> None:
        super().__init__("a dry run leaves nothing behind")
        self.seen = seen


def dry_run(connection: Connection, job: NewJob, *, policy: Policy, at: datetime) -> NoReturn:
    """Raise ``DryRun``, or what creating this job would raise; ``AlreadyExists`` if it is there already."""
    raise DryRun(look(connection, job, policy=policy, at=at))


def look(connection: Connection, job: NewJob, *, policy: Policy, at: datetime) -> Seen:
    """Write the job and return what is to be seen of it. The caller rolls back, and soon: all others wait."""
    orders.check_token(job.client_token)
    if job.job_id is not None:
        checked_job_id(job.job_id)
    if (there := orders.existing(connection, job, orders.digest(job))) is not None:
        raise AlreadyExists(f"Job {there} already exists")
    last = text("SELECT COALESCE(max(id), 0) FROM things")
    before = connection.execute(last).scalar_one()
    key = layout.lay_out(connection, job, policy=policy, whole=True, at=at)
    registered = connection.execute(last).scalar_one() - before
    row = connection.execute(text(f"SELECT {paces.COLUMNS} FROM jobs WHERE id = :key"), {"key": key}).one()
    return Seen(
        row=row,
        pace=paces.whole(connection, row, at=at),
        waiting=connection.execute(_WAITING, {"job": key}).all(),
        new_things=registered,
        barred=targets.barred(connection, key, targets.of_job(connection, key)),
    )


def draft(
    connection: Connection,
    seen: Seen,
    *,
    at: datetime,
    assumed: timedelta = ASSUMED,
    durations: Mapping[str, timedelta] | None = None,
) -> Draft:
    """Add what its things have done and must do already. ``durations`` (by name) stand for the history."""
    waiting, now = seen.waiting, to_millis(at)
    keys = {"keys": bound(connection, [each.thing for each in waiting])}
    known = _history(connection, keys) if durations is None else {}
    held = {each.thing for each in waiting if (each.quarantined_until or 0) > now}
    pools: dict[tuple[int, str], list[timedelta]] = {}
    by_wave: dict[int, list[str]] = {}
    for each in waiting:
        by_wave.setdefault(each.wave, []).append(each.name)
        if each.thing not in held:
            takes = known.get(each.thing, assumed) if durations is None else durations[each.name]
            pools.setdefault((each.wave, each.zone), []).append(takes)
    conflicts = connection.execute(text(_CONFLICTS.format(keys=ints(connection, "keys"))), keys).all()
    return Draft(
        pace=seen.pace,
        pools=pools,
        things=len(waiting),
        new_things=seen.new_things,
        with_history=len(known),
        excluded=_named(seen.barred),
        offline=_named([each.name for each in waiting if not each.connected]),
        quarantined=_named([each.name for each in waiting if each.thing in held]),
        conflicts=tuple(_conflict(each, seen.row) for each in conflicts[:LISTED]),
        conflict_count=len(conflicts),
        waves={number: _named(names) for number, names in sorted(by_wave.items())},
    )


_WAITING: Final = text(
    "SELECT w.thing, t.name, w.wave, w.zone, t.connected, t.last_seen_at, t.quarantined_until "
    "FROM waiting w JOIN things t ON t.id = w.thing WHERE w.job = :job "
    "ORDER BY w.wave, w.zone, w.ready_at, w.thing"
)
_HISTORY: Final = (
    "SELECT e.thing, avg(e.last_updated_at - e.started_at) AS takes FROM {keys} k CROSS JOIN executions e "
    "WHERE e.thing = k.v AND e.status = 'SUCCEEDED' AND e.started_at IS NOT NULL GROUP BY e.thing"
)
_CONFLICTS: Final = (
    "SELECT t.name, j.job_id, e.status, j.priority, j.exclusive_group FROM {keys} k "
    "CROSS JOIN executions e JOIN things t ON t.id = e.thing JOIN jobs j ON j.id = e.job "
    "WHERE e.thing = k.v AND e.status IN ('QUEUED', 'IN_PROGRESS') ORDER BY e.thing, e.id"
)


def _history(connection: Connection, keys: Mapping[str, Any]) -> dict[int, timedelta]:
    """Return how long things have taken for what they did before, on average."""
    found = connection.execute(text(_HISTORY.format(keys=ints(connection, "keys"))), keys)
    return {row.thing: timedelta(milliseconds=round(row.takes)) for row in found}


def _named(names: Sequence[str]) -> Named:
    return Named(len(names), tuple(names[:LISTED]))


def _conflict(other: Any, mine: Any) -> Conflict:
    return Conflict(other.name, other.job_id, other.status, _reason(other, mine))


def _reason(other: Any, mine: Any) -> str:
    same = other.exclusive_group is not None and other.exclusive_group == mine.exclusive_group
    also = f"; both are of the exclusive group {other.exclusive_group}" if same else ""
    if other.status == "IN_PROGRESS":
        return f"job {other.job_id} is under way there{also}"
    if other.priority == mine.priority:
        return f"job {other.job_id} was queued before{also}"
    order = "goes first" if other.priority > mine.priority else "comes after this one"
    return f"job {other.job_id} {order}: its priority is {other.priority}, and not {mine.priority}{also}"


def forecast_of(draft: Draft, *, at: datetime) -> Forecast:
    """Return what would happen to the job from ``at`` on."""
    return forecast(draft.pace, draft.pools, at)
