"""Releases: turns waiting targets into QUEUED executions, in bounded chunks that survive a kill."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, text

from domain.execution import Status
from domain.rollout import Minute
from storage import changes, expiry, waiting, waves
from storage.lists import bound, ints
from storage.locks import lock_log
from storage.millis import to_millis
from storage.signals import Signal, raise_after_commit
from storage.tables import SUPERSEDED

#: Small enough that other writers wait for a fraction of a second only.
CHUNK: Final = 2000
#: Where things wait whose job has neither waves nor zones.
PLAIN: Final = ((0, ""),)

_FROM: Final = "FROM {keys} k CROSS JOIN waiting w "
_WHERE: Final = "WHERE w.job = :job AND w.thing = k.v "
_LATEST: Final = "(SELECT max(l.number) FROM executions l WHERE l.job = w.job AND l.thing = w.thing)"
_RELEASE: Final = (
    "INSERT INTO executions (job, thing, number, attempt, wave, zone, status, queued_at, last_updated_at, "
    "queued_deadline_at, deadline_at) "
    f"SELECT w.job, w.thing, CASE WHEN w.again THEN COALESCE({_LATEST}, 0) + 1 ELSE 1 END, "
    "w.attempt, w.wave, w.zone, 'QUEUED', :at, :at, CAST(:until AS BIGINT), CAST(:until AS BIGINT) "
    f"{_FROM}{_WHERE}ORDER BY w.thing"
)
_EVENTS: Final = (
    "INSERT INTO execution_events (at, job, thing, number, version, to_status, cause) "
    "SELECT :at, e.job, e.thing, e.number, e.version, e.status, 'RELEASE' "
    "FROM {keys} k CROSS JOIN executions e WHERE e.job = :job AND e.thing = k.v AND e.status = 'QUEUED' "
    "ORDER BY e.id"
)
_MARK: Final = "UPDATE things SET notify_seq = notify_seq + 1 WHERE id IN (SELECT v FROM {keys} k)"
_DONE: Final = "DELETE FROM waiting WHERE job = :job AND thing IN (SELECT v FROM {keys} k)"
_COUNT: Final = text(
    "UPDATE jobs SET waiting = waiting - :now, released = released + :now, minute_at = :minute_at, "
    "minute_released = :minute_released, minute_rate = :minute_rate WHERE id = :job"
)
_WAVES: Final = f"SELECT w.wave, count(*) {_FROM}{_WHERE}GROUP BY w.wave"
#: The executions that those of a chunk replace, by wave and status.
_REPLACED: Final = (
    f"SELECT e.wave, e.status, count(*) {_FROM}JOIN executions e ON e.job = w.job AND e.thing = w.thing "
    f"{_WHERE}AND w.again AND e.number = {_LATEST} GROUP BY e.wave, e.status"
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
    until = expiry.queued_deadline(connection, job_key, at=at)
    chunk = {"job": job_key, "keys": bound(connection, things), "at": to_millis(at), "until": until}
    _move_counts(connection, job_key, chunk, at=at)
    released = _run(connection, _RELEASE, chunk)
    lock_log(connection)
    for statement in (_EVENTS, _MARK):
        _run(connection, statement, chunk)
    where = f"job = :job AND thing IN (SELECT v FROM {ints(connection, 'keys')} k)"
    waves.uncount_waiting(connection, job_key, where, chunk)
    _run(connection, _DONE, chunk)
    connection.execute(
        _COUNT,
        {
            "job": job_key,
            "now": released,
            "minute_at": None if minute is None else to_millis(minute.began_at),
            "minute_rate": None if minute is None else minute.rate,
            "minute_released": 0 if minute is None else minute.released - (planned or 0) + released,
        },
    )
    if until is not None:
        raise_after_commit(connection, Signal.AGENDA)
    raise_after_commit(connection, Signal.MARKS)
    raise_after_commit(connection, Signal.EVENTS)
    return released


def _move_counts(connection: Connection, job_key: int, chunk: Mapping[str, Any], *, at: datetime) -> None:
    """Move the counters of the job and its waves, before the rows do."""
    deltas: dict[tuple[int, int], Counter[Status]] = {}
    for wave, count in _rows(connection, _WAVES, chunk):
        deltas.setdefault((job_key, wave), Counter())[Status.QUEUED] += count
    replaced: Counter[Status] = Counter()
    for wave, status, count in _rows(connection, _REPLACED, chunk):
        deltas.setdefault((job_key, wave), Counter())[Status(status)] -= count
        replaced[Status(status)] += count
    if replaced:
        supersede(connection, job_key, replaced)
    changes.count(connection, deltas, at=at)


def _rows(connection: Connection, statement: str, chunk: Mapping[str, Any]) -> Sequence[Any]:
    return connection.execute(text(statement.format(keys=ints(connection, "keys"))), chunk).all()


def _run(connection: Connection, statement: str, chunk: Mapping[str, Any]) -> int:
    return connection.execute(text(statement.format(keys=ints(connection, "keys"))), chunk).rowcount


def supersede(connection: Connection, job_key: int, ended: Mapping[Status, int]) -> None:
    """Note that so many ended executions were replaced by later ones (negative: that those are gone)."""
    connection.execute(
        _SUPERSEDE,
        {"job": job_key, **{column: ended.get(status, 0) for status, column in SUPERSEDED.items()}},
    )
