"""Releases: turns waiting targets into QUEUED executions, in bounded chunks that survive a kill."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, CursorResult, text

from domain.execution import Status
from domain.rollout import Minute
from storage import changes, expiry, waiting, waves
from storage.lists import bound, ints
from storage.locks import lock_log
from storage.millis import to_millis
from storage.signals import Signal, raise_after_commit
from storage.tables import SUPERSEDED

#: How many make up a piece: about a twentieth of a second, and others wait for two of them at most.
CHUNK: Final = 1000
#: Where things wait whose job has neither waves nor zones.
PLAIN: Final = ((0, ""),)

_LATEST: Final = "(SELECT max(l.number) FROM executions l WHERE l.job = w.job AND l.thing = w.thing)"
_RELEASE: Final = (
    "INSERT INTO executions (job, thing, number, attempt, wave, zone, status, queued_at, last_updated_at, "
    "queued_deadline_at, deadline_at) "
    f"SELECT w.job, w.thing, CASE WHEN w.again THEN COALESCE({_LATEST}, 0) + 1 ELSE 1 END, "
    "w.attempt, w.wave, w.zone, 'QUEUED', :at, :at, CAST(:until AS BIGINT), CAST(:until AS BIGINT) "
    "FROM {listed} w ORDER BY w.thing"
)
_RELEASE_NEW: Final = (
    "INSERT INTO executions (job, thing, number, status, queued_at, last_updated_at, queued_deadline_at, "
    "deadline_at) SELECT :job, k.v, 1, 'QUEUED', :at, :at, CAST(:until AS BIGINT), CAST(:until AS BIGINT) "
    "FROM {keys} k ORDER BY k.v"
)
#: Who may begin now and has nothing of the job yet. Asked so, it is looked up by index for each.
_NEW: Final = (
    "SELECT t.id FROM {keys} k CROSS JOIN things t WHERE t.id = k.v AND t.deleted_at IS NULL "
    "AND COALESCE(t.quarantined_until, 0) <= :at "
    "AND (SELECT 1 FROM executions e WHERE e.job = :job AND e.thing = k.v LIMIT 1) IS NULL "
    "AND (SELECT 1 FROM waiting w WHERE w.job = :job AND w.thing = k.v) IS NULL ORDER BY t.id"
)
_EVENTS: Final = (
    "INSERT INTO execution_events (at, job, thing, number, version, to_status, cause) "
    "SELECT :at, e.job, e.thing, e.number, e.version, e.status, 'RELEASE' "
    "FROM executions e WHERE e.id > :before AND e.job = :job ORDER BY e.id"
)
_MARK: Final = "UPDATE things SET notify_seq = notify_seq + 1 WHERE id IN (SELECT v FROM {keys} k)"
_COUNT: Final = text(
    "UPDATE jobs SET waiting = waiting - :waited, released = released + :now, minute_at = :minute_at, "
    "minute_released = :minute_released, minute_rate = :minute_rate WHERE id = :job"
)
#: The executions that those of a chunk replace, by wave and status.
_REPLACED: Final = (
    "SELECT e.wave, e.status, count(*) AS things FROM {listed} w JOIN executions e ON e.job = w.job "
    f"AND e.thing = w.thing WHERE w.again AND e.number = {_LATEST} GROUP BY e.wave, e.status"
)
_SUPERSEDE: Final = text(
    "UPDATE jobs SET "
    + ", ".join(f"{column} = {column} + :{column}" for column in SUPERSEDED.values())
    + " WHERE id = :job"
)


def release(
    connection: Connection,
    job_key: int,
    pools: Sequence[tuple[int, str]] = PLAIN,
    *,
    limit: int = CHUNK,
    minute: Minute | None = None,
    planned: int | None = None,
    at: datetime,
) -> int:
    """Create QUEUED executions for up to ``limit`` waiting things of these pools; return how many.

    ``minute`` is the running one after ``planned`` went out; None where the job has no rate. Counters then
    count the new executions and no longer those that they replace.
    """
    things = waiting.ready(connection, job_key, pools, limit, to_millis(at))
    if not things:
        return 0
    chunk = _chunk(connection, job_key, things, at)
    groups = waiting.groups_of(connection, job_key, things)
    _move_counts(connection, job_key, groups, chunk, at=at)
    released = _create(connection, _RELEASE, chunk)
    waves.uncount_waiting(connection, job_key, groups)
    waiting.take_out(connection, job_key, things)
    minute_released = 0 if minute is None else minute.released - (planned or 0) + released
    _count(connection, job_key, released, waited=released, minute=minute, minute_released=minute_released)
    return released


def release_new(connection: Connection, job_key: int, things: Sequence[int], *, at: datetime) -> int:
    """Create QUEUED executions for those of the things that have had none and may begin; return how many.

    For a job that nothing holds: they never come into its waiting list.
    """
    chunk = _chunk(connection, job_key, things, at)
    new = list(_run(connection, _NEW, chunk).scalars())
    if not new:
        return 0
    changes.count(connection, {(job_key, 0): {Status.QUEUED: len(new)}}, at=at)
    released = _create(connection, _RELEASE_NEW, {**chunk, "keys": bound(connection, new)})
    _count(connection, job_key, released)
    return released


def _count(
    connection: Connection,
    job_key: int,
    released: int,
    *,
    waited: int = 0,
    minute: Minute | None = None,
    minute_released: int = 0,
) -> None:
    connection.execute(
        _COUNT,
        {
            "job": job_key,
            "now": released,
            "waited": waited,
            "minute_at": None if minute is None else to_millis(minute.began_at),
            "minute_rate": None if minute is None else minute.rate,
            "minute_released": minute_released,
        },
    )


def _chunk(connection: Connection, job_key: int, things: Sequence[int], at: datetime) -> Mapping[str, Any]:
    until = expiry.queued_deadline(connection, job_key, at=at)
    return {"job": job_key, "keys": bound(connection, things), "at": to_millis(at), "until": until}


def _create(connection: Connection, statement: str, chunk: Mapping[str, Any]) -> int:
    """Create the executions, and all that goes with it: their events, marks, timers. Return how many."""
    # Nobody else creates any meanwhile: those with higher keys are these.
    before = connection.execute(text("SELECT COALESCE(max(id), 0) FROM executions")).scalar_one()
    released = _run(connection, statement, chunk).rowcount
    lock_log(connection)
    _run(connection, _EVENTS, {**chunk, "before": before})
    _run(connection, _MARK, chunk)
    if chunk["until"] is not None:
        raise_after_commit(connection, Signal.AGENDA)
    raise_after_commit(connection, Signal.MARKS)
    raise_after_commit(connection, Signal.EVENTS)
    return released


def _move_counts(
    connection: Connection,
    job_key: int,
    groups: Sequence[waiting.Group],
    chunk: Mapping[str, Any],
    *,
    at: datetime,
) -> None:
    """Move the counters of the job and its waves, before the rows do."""
    deltas: dict[tuple[int, int], Counter[Status]] = {}
    for group in groups:
        deltas.setdefault((job_key, group.wave), Counter())[Status.QUEUED] += group.things
    replaced: Counter[Status] = Counter()
    if any(group.again for group in groups):
        for row in _run(connection, _REPLACED, chunk).all():
            deltas.setdefault((job_key, row.wave), Counter())[Status(row.status)] -= row.things
            replaced[Status(row.status)] += row.things
    if replaced:
        supersede(connection, job_key, replaced)
    changes.count(connection, deltas, at=at)


def _run(connection: Connection, statement: str, chunk: Mapping[str, Any]) -> CursorResult[Any]:
    filled = statement.format(keys=ints(connection, "keys"), listed=waiting.listed(connection))
    return connection.execute(text(filled), chunk)


def supersede(connection: Connection, job_key: int, ended: Mapping[Status, int]) -> None:
    """Note that so many ended executions were replaced by later ones (negative: that those are gone)."""
    connection.execute(
        _SUPERSEDE,
        {"job": job_key, **{column: ended.get(status, 0) for status, column in SUPERSEDED.items()}},
    )
