"""A job as it is described in full: beside itself, what its targets are and which of them still go out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

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
    goes_out = job.status in OPEN - {JobStatus.SCHEDULED}
    left = _left(connection, key, named) if goes_out else frozenset()
    return Description(
        job=job,
        targets=tuple(_target(each) for each in named),
        processing=tuple(_target(each) for each in named if each in left),
    )


def _target(named: Resolved) -> Target:
    name = parse_target(named.text).name
    return Target("thinggroup" if named.thing is None else "thing", name)


#: Who waits for a first execution; retries owed are no part of the rollout.
_NEW: Final = "w.job = :job AND w.attempt = 0"


def _left(connection: Connection, job_key: int, named: Sequence[Resolved]) -> frozenset[Resolved]:
    """Return those of a job's targets that cover a thing which waits."""
    asked: dict[str, object] = {"job": job_key}
    if connection.execute(text(f"SELECT 1 FROM waiting w WHERE {_NEW} LIMIT 1"), asked).first() is None:
        return frozenset()
    things = connection.execute(
        text(
            "SELECT x.thing FROM job_targets x CROSS JOIN waiting w WHERE x.job = :job AND NOT x.excluded "
            f"AND w.thing = x.thing AND {_NEW}"
        ),
        asked,
    )
    waits = set(things.scalars())
    below = DESCENDANTS.format(roots=ints(connection, "groups"))
    one_waits = text(
        f"{below}SELECT 1 FROM waiting w WHERE {_NEW} AND EXISTS (SELECT 1 FROM group_members m "
        'WHERE m.thing = w.thing AND m."group" IN (SELECT b.id FROM below b)) LIMIT 1'
    )
    return frozenset(
        each
        for each in named
        if each.thing in waits
        or (
            each.group is not None
            and connection.execute(one_waits, {**asked, "groups": bound(connection, [each.group])}).first()
        )
    )
