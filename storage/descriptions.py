"""A job as it is described in full: beside itself, what its targets are and which of them still go out."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, text

from domain.job import OPEN, Job, JobStatus
from domain.names import Target, parse_target
from storage import jobs, targets
from storage.lists import bound, ints
from storage.nesting import DESCENDANTS
from storage.targets import Resolved


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """``targets`` and ``processing`` are things and groups by kind and name, in the order they were given."""

    job: Job
    targets: tuple[Target, ...]
    #: Those that cover things which have no execution yet (contract 2.9).
    processing: tuple[Target, ...]


def describe(connection: Connection, job_id: str) -> Description:
    """Return a job with its targets, or raise ``NotFound``."""
    job = jobs.get(connection, job_id)
    key = jobs.key_of(connection, job_id)
    named = targets.of_job(connection, key)
    goes_out = job.status in OPEN - {JobStatus.SCHEDULED} and _waits(connection, key)
    return Description(
        job=job,
        targets=tuple(_target(each) for each in named),
        processing=tuple(_target(each) for each in named if goes_out and _is_left(connection, key, each)),
    )


def _target(named: Resolved) -> Target:
    name = parse_target(named.text).name
    return Target("thinggroup" if named.thing is None else "thing", name)


#: Who waits for a first execution; retries owed are no part of the rollout.
_NEW = "w.job = :job AND w.attempt = 0"


def _waits(connection: Connection, job_key: int) -> bool:
    statement = text(f"SELECT 1 FROM waiting w WHERE {_NEW} LIMIT 1")
    return connection.execute(statement, {"job": job_key}).first() is not None


def _is_left(connection: Connection, job_key: int, named: Resolved) -> bool:
    if named.thing is not None:
        statement = f"SELECT 1 FROM waiting w WHERE {_NEW} AND w.thing = :thing"
        return connection.execute(text(statement), {"job": job_key, "thing": named.thing}).first() is not None
    below = DESCENDANTS.format(roots=ints(connection, "groups"))
    statement = (
        f"{below}SELECT 1 FROM waiting w WHERE {_NEW} AND EXISTS (SELECT 1 FROM group_members m "
        'WHERE m.thing = w.thing AND m."group" IN (SELECT b.id FROM below b)) LIMIT 1'
    )
    asked = {"job": job_key, "groups": bound(connection, [named.group])}
    return connection.execute(text(statement), asked).first() is not None
