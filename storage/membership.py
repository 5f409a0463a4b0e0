"""Joining and leaving groups, and what that means for continuous jobs (contract 2.5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, text

from storage import departures, waiting
from storage.departures import Departure, Kind
from storage.lists import bound, ints
from storage.nesting import ANCESTORS
from storage.tables import OPEN_SQL

#: The continuous jobs that follow a group or one that contains it.
_FOLLOWERS: Final = (
    'SELECT DISTINCT j.id FROM above a JOIN job_targets x ON x."group" = a.id JOIN jobs j ON j.id = x.job '
    f"WHERE j.target_selection = 'CONTINUOUS' AND j.{OPEN_SQL} ORDER BY j.id"
)
#: Whether a job's targets, or its exclusions, cover a thing.
_COVERED: Final = (
    'EXISTS (SELECT 1 FROM job_targets x WHERE x.job = :job AND {kind} AND (x.thing = k.v OR x."group" IN '
    "(SELECT u.id FROM up u WHERE u.thing = k.v)))"
)
#: Every group a thing is in, directly or through one inside; one that is being deleted holds nobody.
_UP: Final = (
    'WITH RECURSIVE up(thing, id) AS (SELECT m.thing, m."group" FROM {keys} k CROSS JOIN '
    "group_members m JOIN thing_groups d ON d.id = m.\"group\" WHERE m.thing = k.v AND d.sweep = '' "
    "UNION SELECT u.thing, g.parent FROM up u JOIN thing_groups g ON g.id = u.id WHERE g.parent IS NOT NULL) "
)


def join(connection: Connection, group: int, things: Sequence[int], *, at: datetime) -> int:
    """Put things into a group; return how many are new there.

    Continuous jobs on it (or on a group around it) will release those that no other target of theirs covers;
    jobs that exclude it treat them as leavers.
    """
    members = set(
        connection.execute(
            text(
                f"SELECT m.thing FROM {ints(connection, 'keys')} k CROSS JOIN group_members m "
                'WHERE m.thing = k.v AND m."group" = :group'
            ),
            {"group": group, "keys": bound(connection, things)},
        ).scalars()
    )
    fresh = [thing for thing in things if thing not in members]
    if not fresh:
        return 0
    followers = _followers(connection, group)
    before = {job: set(_uncovered(connection, job, fresh)) for job in followers}
    connection.execute(
        text('INSERT INTO group_members ("group", thing) VALUES (:group, :thing)'),
        [{"group": group, "thing": thing} for thing in fresh],
    )
    barred: set[int] = set()
    for job, outside in before.items():
        after = set(_uncovered(connection, job, fresh)) if outside or _excludes(connection, job) else set()
        _wait(connection, job, sorted(outside - after))
        barred |= after - outside
    if barred:
        departures.leave(connection, sorted(barred), at=at)
    return len(fresh)


def _excludes(connection: Connection, job: int) -> bool:
    statement = text("SELECT 1 FROM job_targets WHERE job = :job AND excluded LIMIT 1")
    return connection.execute(statement, {"job": job}).scalar() is not None


def _wait(connection: Connection, job: int, things: Sequence[int]) -> None:
    """Put newcomers into a job's waiting list; one that ended it earlier does it again (contract O4)."""
    if not things:
        return
    source = (
        f"SELECT k.v AS thing FROM {ints(connection, 'keys')} k WHERE NOT EXISTS (SELECT 1 FROM executions p "
        "WHERE p.job = :job AND p.thing = k.v AND p.status IN ('QUEUED', 'IN_PROGRESS'))"
    )
    waiting.put(connection, job, source, {"keys": bound(connection, things)})


def leave(connection: Connection, group: int, things: Sequence[int], *, at: datetime) -> int:
    """Take things out of a group; what no other target of a continuous job covers becomes REMOVED there.

    They are no members any more when this returns; of thousands, the clock ends what they have left.
    """
    before = _barred(connection, group, things)
    gone = connection.execute(
        text(
            'DELETE FROM group_members WHERE "group" = :group '
            f"AND thing IN (SELECT v FROM {ints(connection, 'keys')} k) RETURNING thing"
        ),
        {"group": group, "keys": bound(connection, things)},
    )
    left = list(gone.scalars())
    departures.leave(connection, left, at=at)
    _take_back(connection, before, things)
    return len(left)


def dissolve(connection: Connection, group: int, *, at: datetime) -> None:
    """Let everybody leave a group, which then is no more; it lies in no other and holds nobody at once.

    Of thousands, the clock ends what they have left; the group is there until that is done.
    """
    found = connection.execute(text('SELECT thing FROM group_members WHERE "group" = :key'), {"key": group})
    members = list(found.scalars())
    before = _barred(connection, group, members)
    connection.execute(
        text("UPDATE thing_groups SET sweep = :sweep, parent = NULL WHERE id = :key"),
        {"key": group, "sweep": departures.DELETE},
    )
    departures.begin(connection, Departure(Kind.GROUP, group), at=at)
    _take_back(connection, before, members)


def _barred(connection: Connection, group: int, things: Sequence[int]) -> dict[int, set[int]]:
    """Return which of the things are no targets now of the jobs that exclude something and heed the group."""
    barring = [job for job in _followers(connection, group) if _excludes(connection, job)]
    return {job: set(_uncovered(connection, job, things)) for job in barring}


def _take_back(connection: Connection, before: Mapping[int, set[int]], things: Sequence[int]) -> None:
    """Let those be targets again whom nothing excludes any more."""
    for job, outside in before.items():
        _wait(connection, job, sorted(outside - set(_uncovered(connection, job, things))))


def _uncovered(connection: Connection, job: int, things: Sequence[int]) -> list[int]:
    """Return those of the things that no target of the job covers now, or that an exclusion does."""
    keys = ints(connection, "keys")
    covered, barred = _COVERED.format(kind="NOT x.excluded"), _COVERED.format(kind="x.excluded")
    statement = text(
        f"{_UP.format(keys=keys)}SELECT k.v FROM {keys} k WHERE NOT {covered} OR {barred} ORDER BY k.v"
    )
    return list(connection.execute(statement, {"job": job, "keys": bound(connection, things)}).scalars())


def _followers(connection: Connection, group: int) -> list[int]:
    statement = text(ANCESTORS.format(roots=ints(connection, "roots")) + _FOLLOWERS)
    return list(connection.execute(statement, {"roots": bound(connection, [group])}).scalars())
