"""Acts: what operators and the clock do to a job as a whole, noted in the transaction that does it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from pydantic_core import to_json
from sqlalchemy import Connection, text

from domain.acts import Act
from storage.millis import to_millis
from storage.signals import Signal, raise_after_commit

# An act stands behind the last transition its job has had by then, whatever the clock says: that is its place
# in the timeline, and it stays the same although the clock be set. Where none is left, behind the last act.
_NOTE: Final = text(
    "INSERT INTO job_acts (at, job, event, act, thing, actor, comment, details) VALUES (:at, :job, "
    "COALESCE((SELECT max(id) FROM execution_events WHERE job = :job AND id >= :before), :before), "
    ":act, :thing, :actor, :comment, :details)"
)
#: Where its last act stands: asked first, so that partitions with nothing later are left out of the plan.
_BEFORE: Final = text("SELECT COALESCE(max(event), 0) FROM job_acts WHERE job = :job")


def note(
    connection: Connection,
    job_key: int,
    act: Act,
    *,
    actor: str = "",
    comment: str | None = None,
    details: Mapping[str, Any] | None = None,
    thing_key: int | None = None,
    at: datetime,
) -> None:
    """Note an act; ``actor`` '' is the clock, ``thing_key`` names the thing of an act on one execution."""
    connection.execute(
        _NOTE,
        {
            "at": to_millis(at),
            "job": job_key,
            "before": connection.execute(_BEFORE, {"job": job_key}).scalar_one(),
            "act": act.value,
            "thing": thing_key,
            "actor": actor,
            "comment": comment,
            "details": to_json(dict(details or {})).decode(),
        },
    )
    raise_after_commit(connection, Signal.EVENTS)


def note_each(connection: Connection, job_keys: Sequence[int], act: Act, *, at: datetime) -> None:
    """Note the same act of the clock for several jobs."""
    for key in job_keys:
        note(connection, key, act, at=at)


#: How many acts one transaction forgets.
CHUNK: Final = 5000


def forget(connection: Connection, job_key: int) -> bool:
    """Forget the acts of a job that is being deleted; return whether there may be more."""
    forgotten = connection.execute(
        text(
            "DELETE FROM job_acts WHERE id IN "
            "(SELECT id FROM job_acts WHERE job = :job ORDER BY event, id LIMIT :limit)"
        ),
        {"job": job_key, "limit": CHUNK},
    ).rowcount
    return forgotten == CHUNK
