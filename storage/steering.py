"""What operators do to a running job: pause, resume, promote, approve, abort, and retry what failed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from pydantic_core import to_json
from sqlalchemy import Connection, text

from domain import job as rules
from domain import planner
from domain.acts import Act
from domain.errors import WrongJobState
from domain.job import Job, JobStatus, TargetSelection
from domain.pacing import UNPACED
from domain.waves import failures
from storage import acts, holds, jobs, paces, pacing, sweeps, targets, waiting, waves
from storage.millis import to_millis
from storage.signals import Signal, raise_after_commit

#: Why a job is paused or canceled, where a person did it and said nothing else.
PAUSED: Final = "PAUSED_BY_OPERATOR"
ABORTED: Final = "ABORTED_BY_OPERATOR"


def pause(
    connection: Connection, job_id: str, *, comment: str | None = None, actor: str = "", at: datetime
) -> Job:
    """Let nothing begin any more until ``resume``; what runs goes on.

    Raises ``NotFound`` and, like all of these, ``WrongJobState``.
    """
    key = _allowed(connection, job_id, "paused")
    holds.pause(connection, key, comment=_text(comment), reason_code=PAUSED, at=at)
    acts.note(connection, key, Act.PAUSE, actor=actor, comment=comment, at=at)
    return jobs.get(connection, job_id)


def resume(
    connection: Connection, job_id: str, *, comment: str | None = None, actor: str = "", at: datetime
) -> Job:
    """Go on; failures so far count no more, neither for the abort criteria nor for the open wave's gate."""
    key = _allowed(connection, job_id, "resumed")
    _forgive(connection, key, at=at)
    _release_hold(connection, key, comment, at=at)
    acts.note(connection, key, Act.RESUME, actor=actor, comment=comment, at=at)
    pacing.act(connection, key, at=at)
    return jobs.get(connection, job_id)


def promote(
    connection: Connection,
    job_id: str,
    *,
    full: bool = False,
    comment: str | None = None,
    actor: str = "",
    at: datetime,
) -> Job:
    """Open the next wave whatever its gate says (``full``: all of them); a paused job goes on by that."""
    key = _allowed(connection, job_id, "promoted")
    job = jobs.get(connection, job_id)
    staged = job.pacing.staged_rollout_config if job.pacing is not None else None
    last = 0 if staged is None else staged.last
    wave = connection.execute(text("SELECT wave FROM jobs WHERE id = :job"), {"job": key}).scalar_one()
    if wave >= last:
        what = "has no waves" if not last else f"has its last wave open already (wave {wave})"
        raise WrongJobState(f"Job {job_id} {what}; there is none to promote to")
    if job.status is JobStatus.PAUSED:
        _forgive(connection, key, at=at)
    _release_hold(connection, key, comment, at=at)
    number = last if full else wave + 1
    for each in range(wave + 1, number + 1):
        waves.open_wave(connection, key, each, at=at)
    details = {"wave": number}
    acts.note(connection, key, Act.PROMOTE, actor=actor, comment=comment, details=details, at=at)
    pacing.act(connection, key, at=at)
    return jobs.get(connection, job_id)


def approve(
    connection: Connection, job_id: str, *, comment: str | None = None, actor: str = "", at: datetime
) -> Job:
    """Let the gate pass that waits for a person."""
    key = _allowed(connection, job_id, "approved")
    wave = connection.execute(text("SELECT wave FROM jobs WHERE id = :job"), {"job": key}).scalar_one()
    waves.note(connection, key, wave, approved_at=to_millis(at))
    _say(connection, key, comment)
    details = {"wave": wave}
    acts.note(connection, key, Act.APPROVE, actor=actor, comment=comment, details=details, at=at)
    # The gate opens the next wave, and that lets go what the gate has held.
    pacing.act(connection, key, at=at)
    pacing.act(connection, key, at=at)
    return jobs.get(connection, job_id)


def abort(
    connection: Connection, job_id: str, *, comment: str | None = None, actor: str = "", at: datetime
) -> Job:
    """Do by hand what an abort criterion does: cancel without force; what runs may finish."""
    key = _allowed(connection, job_id, "aborted")
    acts.note(connection, key, Act.ABORT, actor=actor, comment=comment, at=at)
    sweeps.cancel(connection, key, comment=_text(comment), reason_code=ABORTED, at=at)
    return jobs.get(connection, job_id)


def retry_failed(
    connection: Connection, job_id: str, *, comment: str | None = None, actor: str = "", at: datetime
) -> int:
    """Give every thing whose latest execution failed another one, with fresh retries; return how many.

    A COMPLETED job is IN_PROGRESS again by that. Rates, waves, windows and caps hold as ever. Raises
    ``NotFound``, ``WrongJobState``.
    """
    key = _allowed(connection, job_id, "retried")
    times = (jobs.get(connection, job_id).pacing or UNPACED).scheduling_config
    if times is not None and times.ends_at is not None and times.ends_at <= at:
        raise WrongJobState(f"Job {job_id} has come to its endTime; nothing goes out any more")
    source: tuple[str, Mapping[str, Any]] = (_FAILED, {})
    if jobs.get(connection, job_id).target_selection is TargetSelection.CONTINUOUS:
        # Who has left since is to do it no more.
        source = targets.covered(connection, key, f"c.thing IN ({_FAILED})")
    again = waiting.put(connection, key, *source)
    if not again:
        return 0
    _forgive(connection, key, at=at)
    connection.execute(
        text(
            "UPDATE jobs SET status = CASE WHEN status = 'COMPLETED' THEN 'IN_PROGRESS' ELSE status END, "
            "completed_at = NULL, last_updated_at = :at WHERE id = :job"
        ),
        {"job": key, "at": to_millis(at)},
    )
    # Their failures are owed another try now, and not forgiven besides.
    connection.execute(text("UPDATE job_waves SET forgiven = 0 WHERE job = :job"), {"job": key})
    _say(connection, key, comment)
    details = {"things": again}
    acts.note(connection, key, Act.RETRY_FAILED, actor=actor, comment=comment, details=details, at=at)
    pacing.act(connection, key, at=at)
    return again


_FAILED: Final = (
    "SELECT f.thing FROM executions f WHERE f.job = :job AND f.status IN ('FAILED', 'TIMED_OUT', 'REJECTED') "
    "AND f.number = (SELECT max(l.number) FROM executions l WHERE l.job = f.job AND l.thing = f.thing)"
)


def _allowed(connection: Connection, job_id: str, verb: str) -> int:
    job = jobs.get(connection, job_id)
    rules.refuse_steering(job_id, job.status, verb)
    return jobs.key_of(connection, job_id)


def _forgive(connection: Connection, job_key: int, *, at: datetime) -> None:
    """Have abort criteria and the open gate count from here."""
    row = connection.execute(
        text(f"SELECT {paces.COLUMNS} FROM jobs WHERE id = :job"), {"job": job_key}
    ).one()
    job = paces.whole(connection, row, at=at)
    seen = planner.forgiven(job, paces.counts_of(row))
    connection.execute(
        text("UPDATE jobs SET forgiven = :seen WHERE id = :job"),
        {"job": job_key, "seen": to_json({status.value: count for status, count in seen.items()}).decode()},
    )
    if job.standing is not None:
        waves.note(connection, job_key, job.wave, forgiven=planner.forgiven_failures(job.standing))


def _release_hold(connection: Connection, job_key: int, comment: str | None, *, at: datetime) -> None:
    """Let the clock say again what holds the job, if anything does."""
    connection.execute(
        text("UPDATE jobs SET reason_code = NULL, look_at = 0 WHERE id = :job"), {"job": job_key}
    )
    _say(connection, job_key, comment)
    holds.become(connection, job_key, JobStatus.IN_PROGRESS, at=at)
    raise_after_commit(connection, Signal.AGENDA)


def _say(connection: Connection, job_key: int, comment: str | None) -> None:
    connection.execute(
        text("UPDATE jobs SET comment = COALESCE(:comment, comment) WHERE id = :job"),
        {"job": job_key, "comment": _text(comment)},
    )


def _text(comment: str | None) -> str | None:
    return None if comment is None else rules.text("comment", comment)


def standings(connection: Connection, job_id: str) -> list[Mapping[str, Any]]:
    """Return the waves of a job in order: number, whether it is open, and how its things stand."""
    key = jobs.key_of(connection, job_id)
    row = connection.execute(text("SELECT wave FROM jobs WHERE id = :job"), {"job": key}).one()
    numbers = connection.execute(
        text("SELECT number FROM job_waves WHERE job = :job ORDER BY number"), {"job": key}
    ).scalars()
    found = [waves.standing(connection, key, number) for number in numbers]
    return [
        {
            "number": each.number,
            "open": each.number <= row.wave,
            "things": each.waiting + sum(each.counts.values()),
            "waiting": each.waiting,
            "succeeded": each.succeeded,
            "failed": failures(each.counts),
            "passed_at": each.passed_at,
        }
        for each in found
    ]
