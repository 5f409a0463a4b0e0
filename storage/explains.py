"""Gathers what there is to know of one job on one thing, and asks the rules why it does not run (yet)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, text

from domain import queue
from domain.execution import Execution, Status
from domain.explain import Facts, Other, Place, Reason, explain
from domain.job import JobStatus
from storage import jobs, paces, retries, rows, targets, things
from storage.millis import from_millis, to_millis
from storage.pending import pending_of, place
from storage.rows import Stored


@dataclass(frozen=True, slots=True)
class Explained:
    """The answer: where job and execution stand, and the reasons, most binding first."""

    job_status: JobStatus
    execution: Execution | None
    reasons: tuple[Reason, ...]


def why(connection: Connection, job_id: str, thing_name: str, *, at: datetime) -> Explained:
    """Return why this thing is not (yet) running this job. Raises ``NotFound`` for either."""
    key, thing = jobs.key_of(connection, job_id), things.key_of(connection, thing_name)
    row = connection.execute(text(f"SELECT {paces.COLUMNS} FROM jobs WHERE id = :key"), {"key": key}).one()
    job = paces.whole(connection, row, at=at)
    found = rows.select(
        connection,
        "e.job = :job AND e.thing = :thing ORDER BY e.number DESC LIMIT 1",
        {"job": key, "thing": thing},
    )
    latest = found[0] if found else None
    execution = None if latest is None else latest.execution
    facts = _facts(connection, key, thing, row, latest, at=at)
    return Explained(job.status, execution, explain(job, paces.counts_of(row), facts, at))


def _facts(
    connection: Connection, job: int, thing: int, row: Any, latest: Stored | None, *, at: datetime
) -> Facts:
    pair = {"job": job, "thing": thing}
    about = connection.execute(_THING, pair).one()
    held = connection.execute(_HELD, pair).one_or_none()
    covered = targets.covers(connection, job, thing)
    return Facts(
        is_target=covered.by_target,
        is_excluded=covered.by_exclusion,
        place=_place(connection, job, thing, at=at),
        execution=None if latest is None else latest.execution,
        zone="" if latest is None else latest.zone,
        earlier=() if latest is None else _earlier(connection, latest),
        connected=bool(about.connected),
        connection_changed_at=from_millis(about.connection_changed_at),
        last_seen_at=from_millis(about.last_seen_at),
        quarantined_until=from_millis(about.quarantined_until),
        is_notified=about.notify_seq == about.notified_seq,
        priority=row.priority,
        retry="" if latest is None else retries.words(connection, latest),
        held_since=None if held is None else from_millis(held.at),
        held_words="" if held is None else _held(held.actor, held.comment),
    )


_THING: Final = text(
    "SELECT connected, connection_changed_at, last_seen_at, quarantined_until, notify_seq, notified_seq "
    "FROM things WHERE id = :thing"
)
_HELD: Final = text(
    "SELECT at, actor, comment FROM job_acts WHERE job = :job AND act IN ('PAUSE', 'GATE_FAILED') "
    "ORDER BY id DESC LIMIT 1"
)
_WAITS: Final = text("SELECT wave, zone, ready_at, again FROM waiting WHERE job = :job AND thing = :thing")
_EARLIER: Final = text(
    "SELECT count(*) FROM waiting WHERE job = :job AND wave <= :wave AND ready_at <= :now "
    "AND (wave, zone, ready_at, thing) < (:wave, :zone, :ready_at, :thing)"
)


def _held(actor: str, comment: str | None) -> str:
    by = f"paused by {actor}" if actor else ""
    return ": ".join(part for part in (by, comment or "") if part)


def _place(connection: Connection, job: int, thing: int, *, at: datetime) -> Place | None:
    row = connection.execute(_WAITS, {"job": job, "thing": thing}).one_or_none()
    if row is None:
        return None
    mine = {"job": job, "thing": thing, "wave": row.wave, "zone": row.zone, "ready_at": row.ready_at}
    before = connection.execute(_EARLIER, {**mine, "now": to_millis(at)}).scalar_one()
    return Place(row.wave, row.zone, from_millis(row.ready_at or None), before, bool(row.again))


def _earlier(connection: Connection, mine: Stored) -> Sequence[Other]:
    """Return what stands before an execution in its thing's queue, hidden or not: a holder first of all."""
    if mine.execution.status is not Status.QUEUED:
        return ()
    entries = pending_of(connection, [mine.thing_key]).get(mine.thing_key, [])
    mine_place = place(mine, mine.execution)
    return [
        Other(
            entry.execution.job_id,
            entry.execution.status,
            entry.priority,
            entry.exclusive_group is not None and entry.exclusive_group == mine.exclusive_group,
        )
        for entry in entries
        if entry.key != mine.key and queue.order(place(entry, entry.execution)) < queue.order(mine_place)
    ]
