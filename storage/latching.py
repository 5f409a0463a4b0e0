"""Latching: who is a target of a job is found out when it is created, of a large one in pieces by the clock.

A large job goes over the things that its targets cover in the order of their keys; how far it has come is on
record (``jobs.latched_to``), so that a killed process loses nothing of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, text

from domain.errors import InvalidRequest
from storage import rollouts, serving, targets, waiting, waves
from storage.lists import bound, ints
from storage.signals import Signal, raise_after_commit

#: So many things are latched by the transaction that creates the job.
AT_ONCE: Final = 2000
#: At most so many where it must look at each: for values that its document needs, or for a dry run.
LOOKED_AT: Final = 50_000
#: About how many things a piece goes over, and how many it puts into their waves.
CHUNK: Final = 1000
ASSIGNED: Final = 5000
#: Up to here all has been gone over: what is left is to put the things into their waves.
_ALL: Final = 2**62

_GROUPS: Final = text(
    'WITH RECURSIVE below(id) AS (SELECT g.id FROM job_targets x JOIN thing_groups g ON g.id = x."group" '
    "WHERE x.job = :job AND x.position >= :first AND NOT x.excluded AND g.sweep = '' "
    "UNION SELECT g.id FROM thing_groups g JOIN below b ON g.parent = b.id) SELECT id FROM below"
)
_NAMED: Final = text(
    "SELECT x.thing FROM job_targets x WHERE x.job = :job AND x.thing > :after AND x.thing <= :to "
    "AND x.position >= :first AND NOT x.excluded LIMIT :most"
)
_SPAN: Final = 'm."group" = k.v AND m.thing > :after AND m.thing <= :to LIMIT :most'
_MEMBERS: Final = {
    "sqlite": f"SELECT m.thing FROM {{groups}} k CROSS JOIN group_members m WHERE {_SPAN}",
    # A look into the index for each group, whatever statistics say.
    "postgresql": (
        "SELECT s.thing FROM {groups} k CROSS JOIN LATERAL "
        f"(SELECT m.thing FROM group_members m WHERE {_SPAN}) s LIMIT :most"
    ),
}
#: Asked so, it is a look into an index for each, whatever statistics say.
_UNDONE: Final = (
    "SELECT k.v AS thing FROM {keys} k WHERE (SELECT 1 FROM executions p WHERE p.job = :job "
    "AND p.thing = k.v AND p.status <> 'REMOVED' LIMIT 1) IS NULL"
)
#: A pass that is under way begins anew, with all that it was about: what it has done it passes over.
_BEGIN: Final = text(
    "UPDATE jobs SET latched_from = CASE WHEN latched_to IS NOT NULL AND latched_from < :first "
    "THEN latched_from ELSE :first END, latched_to = 0, look_at = 0 WHERE id = :job"
)


def begin(connection: Connection, job_key: int, *, first: int, must_see: bool = False) -> None:
    """Latch what a job's targets from position ``first`` on cover: at once, or else by the clock.

    ``must_see``: what is asked of each thing has to be known now. Raises ``InvalidRequest`` if that is too
    much for one transaction.
    """
    covers, at_once = _Covers(connection, job_key, first), LOOKED_AT if must_see else AT_ONCE
    if not (must_see or serving.all_know(connection, serving.PIECEWISE)):
        # A program of before would take what is there so far for all of it, and the job for done.
        at_once = waves.EVERYBODY - 1
    things = covers.between(0, covers.last, most=at_once + 1)
    if len(things) <= at_once:
        _put(connection, job_key, targets.unbarred(connection, job_key, sorted(set(things))))
        return
    if must_see:
        raise InvalidRequest(
            f"targets: they cover more than {LOOKED_AT} things; a dry run, and a document that needs values "
            "of each thing, look at no more together"
        )
    connection.execute(_BEGIN, {"job": job_key, "first": first})
    raise_after_commit(connection, Signal.AGENDA)


def _put(connection: Connection, job_key: int, things: Sequence[int]) -> None:
    """Put those of the things in the waiting list that have nothing of the job, or had it taken away."""
    source = _UNDONE.format(keys=ints(connection, "keys"))
    waiting.put(connection, job_key, source, {"keys": bound(connection, things)})


def go_on(connection: Connection, job_key: int, *, at_once: bool = False, at: datetime) -> int:
    """Do the next piece; return how many executions that has created.

    ``at_once``: nothing holds the job, so who may begin now need not go by way of the waiting list.
    """
    row = connection.execute(
        text("SELECT latched_from, latched_to, wave FROM jobs WHERE id = :job"), {"job": job_key}
    ).one()
    if row.latched_to is None:
        return 0
    if row.latched_to == _ALL:
        if waves.assign_waiting(connection, job_key, limit=ASSIGNED) < ASSIGNED:
            _note(connection, job_key, None)
        return 0
    covers = _Covers(connection, job_key, row.latched_from)
    found, to = covers.behind(row.latched_to, about=CHUNK)
    things = targets.unbarred(connection, job_key, found)
    released = rollouts.release_new(connection, job_key, things, at=at) if at_once else 0
    if released < len(things):
        _put(connection, job_key, things)
    _note(connection, job_key, to if to < covers.last else _ALL if row.wave else None)
    return released


def _note(connection: Connection, job_key: int, latched_to: int | None) -> None:
    connection.execute(
        text("UPDATE jobs SET latched_to = :to, look_at = 0 WHERE id = :job"),
        {"job": job_key, "to": latched_to},
    )
    raise_after_commit(connection, Signal.AGENDA)


class _Covers:
    """What targets of a job cover, from one position on and as groups are now."""

    def __init__(self, connection: Connection, job_key: int, first: int) -> None:
        self._connection = connection
        self._job = {"job": job_key, "first": first}
        self._groups = bound(connection, sorted(connection.execute(_GROUPS, self._job).scalars()))
        self._members = text(_MEMBERS[connection.dialect.name].format(groups=ints(connection, "groups")))
        #: The last thing there is.
        self.last = int(connection.execute(text("SELECT COALESCE(max(id), 0) FROM things")).scalar_one())

    def between(self, after: int, to: int, *, most: int) -> list[int]:
        """Return what is covered of a span of things, some of it twice; from ``most`` on not all of it."""
        span = {**self._job, "groups": self._groups, "after": after, "to": to, "most": most}
        return [
            thing
            for statement in (_NAMED, self._members)
            for thing in self._connection.execute(statement, span).scalars()
        ]

    def behind(self, after: int, *, about: int) -> tuple[list[int], int]:
        """Return about so many of the next things, and up to which thing these are all; costs what they are.

        How far apart they lie nobody knows: spans are tried until one fits.
        """
        width, is_cut = about, False
        while True:
            found = self.between(after, after + width, most=2 * about)
            if len(found) >= 2 * about and width > 1:
                width, is_cut = max(1, width // 4), True
            elif is_cut or len(found) >= about // 2 or after + width >= self.last:
                return sorted(set(found)), after + width
            else:
                width *= 4
