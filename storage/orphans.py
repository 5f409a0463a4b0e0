"""Orphans: what things have of continuous jobs none of whose targets covers them any more (contract 2.5)."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, text

from storage.lists import bound, ints, pairs
from storage.tables import OPEN_SQL


class Orphan(NamedTuple):
    """A pending execution, or (0) a place in the waiting list."""

    thing: int
    job: int
    execution: int


class Found(NamedTuple):
    """The orphans of the first ``things`` of those asked for, among the ``held`` places these have."""

    orphans: list[Orphan]
    things: int
    held: int


_ALL: Final = 2**62
_FOLLOWS: Final = f"j.target_selection = 'CONTINUOUS' AND j.{OPEN_SQL}"
_HELD: Final = (
    "SELECT e.thing, e.job, e.id FROM {keys} k CROSS JOIN executions e JOIN jobs j ON j.id = e.job "
    f"WHERE e.thing = k.v AND e.status IN ('QUEUED', 'IN_PROGRESS') AND {_FOLLOWS} "
    "UNION ALL SELECT w.thing, w.job, 0 FROM {keys} k CROSS JOIN waiting w JOIN jobs j ON j.id = w.job "
    f"WHERE w.thing = k.v AND {_FOLLOWS} ORDER BY 1, 2 LIMIT :limit"
)
#: The groups each thing is in, directly or through one inside; one that is being deleted holds nobody.
_UP: Final = (
    'WITH RECURSIVE up(thing, id) AS (SELECT m.thing, m."group" FROM {keys} k CROSS JOIN group_members m '
    "JOIN thing_groups g ON g.id = m.\"group\" WHERE m.thing = k.v AND g.sweep = '' "
    "UNION SELECT u.thing, g.parent FROM up u JOIN thing_groups g ON g.id = u.id "
    "WHERE g.parent IS NOT NULL) SELECT thing, id FROM up"
)
_GROUPS: Final = (
    'SELECT x.job, x."group" FROM {groups} g CROSS JOIN job_targets x WHERE x."group" = g.v '
    "AND NOT x.excluded AND x.job IN (SELECT v FROM {jobs} k)"
)
_EXCLUSIONS: Final = (
    'SELECT x.job, x.thing, x."group" FROM {jobs} k CROSS JOIN job_targets x WHERE x.job = k.v AND x.excluded'
)
_NAMED: Final = (
    "SELECT x.job, x.thing FROM {pairs} p CROSS JOIN job_targets x "
    "WHERE x.job = p.a AND x.thing = p.b AND NOT x.excluded"
)


def find(connection: Connection, things: Sequence[int], *, limit: int) -> Found:
    """Look at what the first of these things have, as many (at least one) as have ``limit`` places together.

    ``things`` rise. Costs what they have, not who follows.
    """
    held = _held(connection, things, limit + 1)
    if len(held) <= limit:
        return Found(_orphans(connection, held), len(things), len(held))
    # The thing at the limit is not read to its end: it is left out, or looked at alone.
    cut = held[limit].thing
    whole = [orphan for orphan in held if orphan.thing < cut]
    if not whole:
        whole = _held(connection, [cut], _ALL)
        return Found(_orphans(connection, whole), bisect_right(things, cut), len(whole))
    return Found(_orphans(connection, whole), bisect_left(things, cut), len(whole))


def _held(connection: Connection, things: Sequence[int], limit: int) -> list[Orphan]:
    return [Orphan(*row) for row in _run(connection, _HELD, limit, keys=things)]


def _orphans(connection: Connection, held: Sequence[Orphan]) -> list[Orphan]:
    if not held:
        return []
    named = {(row.job, row.thing) for row in _named(connection, held)}
    free = [orphan for orphan in held if (orphan.job, orphan.thing) not in named]
    up = _sets(_run(connection, _UP, keys=sorted({orphan.thing for orphan in free})))
    groups = sorted(set().union(*up.values()))
    jobs = sorted({orphan.job for orphan in free})
    followed = _sets(_run(connection, _GROUPS, groups=groups, jobs=jobs))
    lost = {o for o in free if not followed.get(o.job, set()) & up.get(o.thing, set())}
    lost |= _excluded(connection, [orphan for orphan in held if orphan not in lost])
    return [orphan for orphan in held if orphan in lost]


def _excluded(connection: Connection, held: Sequence[Orphan]) -> set[Orphan]:
    """Return those that an exclusion of their job names, by themselves or by a group around them."""
    jobs = sorted({orphan.job for orphan in held})
    barred = _run(connection, _EXCLUSIONS, jobs=jobs)
    if not barred:
        return set()
    groups = _sets([(row.job, row.group) for row in barred if row.group is not None])
    named = {(row.job, row.thing) for row in barred}
    up = _sets(_run(connection, _UP, keys=sorted({orphan.thing for orphan in held})))
    return {o for o in held if (o.job, o.thing) in named or groups.get(o.job, set()) & up.get(o.thing, set())}


def _named(connection: Connection, held: Sequence[Orphan]) -> Sequence[Any]:
    wanted = sorted({(orphan.job, orphan.thing) for orphan in held})
    statement = text(_NAMED.format(pairs=pairs(connection, "pairs")))
    return connection.execute(statement, {"pairs": json.dumps(wanted)}).all()


def _run(
    connection: Connection, statement: str, limit: int | None = None, **values: Sequence[int]
) -> Sequence[Any]:
    lists = {name: ints(connection, name) for name in values}
    parameters = {name: bound(connection, value) for name, value in values.items()} | {"limit": limit}
    return connection.execute(text(statement.format(**lists)), parameters).all()


def _sets(rows: Sequence[Any]) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {}
    for key, value in rows:
        found.setdefault(key, set()).add(value)
    return found
