"""Acts on what the planner says about one job: one transaction, one bounded piece of work.

Whoever changes what a plan depends on (targets, counts, configuration) either calls ``act`` or leaves the job
to the clock by way of ``look_soon``.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, text

from domain import abort
from domain.planner import Abort, Action, Complete, End, Expire, Open, Release, Shut, Sweep, plan
from domain.schedule import EndBehavior
from storage import changes, expiry, marks, paces, rollouts, sweeps
from storage.millis import to_millis
from storage.signals import Signal, raise_after_commit


def act(
    connection: Connection, job_key: int, *, next_deadline_at: datetime | None = None, at: datetime
) -> int:
    """Do what is to be done about a job now; return how many actions that was.

    Notes when to look again: at once if a piece is left, else when the plan says so.
    """
    row = connection.execute(
        text(f"SELECT {paces.COLUMNS} FROM jobs WHERE id = :key"), {"key": job_key}
    ).one_or_none()
    if row is None:
        return 0
    ahead = plan(paces.pace(row, next_deadline_at=next_deadline_at), paces.counts_of(row), at)
    # First, since actions may have more to do and say so by ``look_at`` themselves.
    _look(connection, job_key, to_millis(ahead.look_at))
    # A list: every action is carried out, whatever the first one leaves.
    left = [_carry_out(connection, job_key, row, action, at=at) for action in ahead.actions]
    if any(left):
        # 0 and not now: a clock that is set back must not make what is left wait.
        _look(connection, job_key, 0)
    return len(ahead.actions)


def _look(connection: Connection, job_key: int, look_at: int | None) -> None:
    connection.execute(
        text("UPDATE jobs SET look_at = :look_at WHERE id = :key"), {"key": job_key, "look_at": look_at}
    )
    if look_at is not None:
        raise_after_commit(connection, Signal.AGENDA)


def _carry_out(connection: Connection, job_key: int, row: object, action: Action, *, at: datetime) -> bool:
    """Do one action; return whether the job must be looked at again at once."""
    match action:
        case Open():
            _move(connection, job_key, "SCHEDULED", "IN_PROGRESS", at=at)
        case Shut():
            _move(connection, job_key, "IN_PROGRESS", "SCHEDULED", at=at)
        case Release(count, minute):
            chunk = min(count, rollouts.CHUNK)
            rollouts.release(connection, job_key, limit=chunk, minute=minute, planned=count, at=at)
            return chunk < count
        case Expire():
            expiry.expire(connection, job_key, at=at)
        case Sweep():
            return sweeps.go_on(connection, job_key, at=at)
        case Abort(rule):
            words = abort.comment(rule, paces.attempts_of(row))
            sweeps.cancel(connection, job_key, comment=words, reason_code=abort.REASON, at=at)
            return True
        case End(behavior):
            _end(connection, job_key, behavior, at=at)
            return True
        case Complete():
            changes.complete(connection, [job_key], at=at)
    return False


def _move(connection: Connection, job_key: int, before: str, after: str, *, at: datetime) -> None:
    """Open or shut a job. What is QUEUED comes into sight or goes out of it, so things are told."""
    connection.execute(
        text("UPDATE jobs SET status = :after, last_updated_at = :at WHERE id = :key AND status = :before"),
        {"key": job_key, "before": before, "after": after, "at": to_millis(at)},
    )
    marks.mark_queued(connection, job_key)
    raise_after_commit(connection, Signal.EVENTS)


def _end(connection: Connection, job_key: int, behavior: EndBehavior, *, at: datetime) -> None:
    if behavior is EndBehavior.STOP_ROLLOUT:
        rollouts.stop(connection, job_key)
        return
    sweeps.cancel(connection, job_key, force=behavior is EndBehavior.FORCE_CANCEL, at=at)
