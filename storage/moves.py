"""A thing that has moved to another time zone takes its open work along."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import Connection, text

from storage import expiry, marks, waves
from storage.signals import Signal, raise_after_commit
from storage.tables import PENDING_SQL
from storage.zones import ZONE_SQL

#: Open work on a thing that keeps the thing's own clock.
_FOLLOWED: Final = (
    'SELECT j.id FROM jobs j WHERE j.pacing LIKE \'%"timeZone":"thing"%\' AND (EXISTS (SELECT 1 FROM '
    "waiting w WHERE w.job = j.id AND w.thing = :thing) OR EXISTS (SELECT 1 FROM executions e "
    f"WHERE e.job = j.id AND e.thing = :thing AND e.{PENDING_SQL})) ORDER BY j.id"
)


def follow(connection: Connection, thing_key: int, *, at: datetime) -> None:
    """Move a thing's open work to the zone it is in now; the deadlines of what is IN_PROGRESS stay.

    A zone that is new to a job is shut until the clock looks at it, which is at once.
    """
    thing = {"thing": thing_key}
    jobs = list(connection.execute(text(_FOLLOWED), thing).scalars())
    if not jobs:
        return
    zone = connection.execute(
        text(f"SELECT {ZONE_SQL} FROM things t WHERE t.id = :thing"), thing
    ).scalar_one()
    moved = [{"job": job, "thing": thing_key, "zone": zone} for job in jobs]
    for statement in (_MOVE_WAITING, _MOVE_PENDING, _LOOK):
        connection.execute(statement, moved)
    for job in jobs:
        waves.set_zones(connection, job, {zone: False, **waves.zones(connection, job)})
        expiry.follow(connection, job, at=at)
    marks.mark(connection, [thing_key])
    raise_after_commit(connection, Signal.AGENDA)


_MOVE_WAITING: Final = text("UPDATE waiting SET zone = :zone WHERE job = :job AND thing = :thing")
_MOVE_PENDING: Final = text(
    f"UPDATE executions SET zone = :zone WHERE job = :job AND thing = :thing AND {PENDING_SQL}"
)
_LOOK: Final = text("UPDATE jobs SET look_at = 0 WHERE id = :job")
