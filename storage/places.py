"""One thing and its static groups, under limits that a dialect sets: how many, and which not together."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, text

from domain.errors import Conflict, LimitExceeded, NotFound
from domain.registry import Limits
from storage import groups
from storage.lists import bound, ints
from storage.policy import Policy
from storage.targets import thing_keys


def change(
    connection: Connection,
    thing_name: str,
    *,
    into: Sequence[str] = (),
    out_of: Sequence[str] = (),
    limits: Limits,
    policy: Policy,
    at: datetime,
) -> None:
    """Take a thing out of groups and put it into others, as one step; what is so already stays so.

    A group of both lists is one to be in. Limits hold for what comes of it. Raises ``NotFound``,
    ``LimitExceeded``, ``Conflict`` for a dynamic group and for one of a hierarchy that the thing is in.
    """
    key = thing_keys(connection, [thing_name]).get(thing_name)
    if key is None:
        raise NotFound(f"There is no thing {thing_name}")
    left = sorted(set(out_of) - set(into))
    leaving = {groups.key_of(connection, name) for name in left}
    for name in into:
        _refuse(connection, key, name, leaving, limits)
        # First in, then out: a job that targets both groups never sees the thing without one.
        groups.add(connection, name, [thing_name], policy=policy, at=at)
    for name in left:
        groups.remove(connection, name, [thing_name], at=at)


def _refuse(connection: Connection, thing: int, name: str, leaving: Collection[int], limits: Limits) -> None:
    group = groups.key_of(connection, name)
    held = [key for key in connection.execute(_HELD, {"thing": thing}).scalars() if key not in leaving]
    if group in held:
        return
    if limits.memberships is not None and len(held) >= limits.memberships:
        count, most = len(held), limits.memberships
        raise LimitExceeded(
            f"thingGroupName {name}: the thing is in {count} groups; at most {most} are allowed"
        )
    if limits.nests_members:
        return
    roots = {
        row.begun: row
        for row in connection.execute(
            text(_ROOTS.format(keys=ints(connection, "keys"))), {"keys": bound(connection, [*held, group])}
        )
    }
    for other in held:
        if roots[other].root == roots[group].root:
            raise Conflict(
                f"thingGroupName {name}: the thing is in {roots[other].name}, a group of the same hierarchy"
            )


_HELD: Final = text(
    'SELECT g.id FROM group_members m JOIN thing_groups g ON g.id = m."group" '
    "WHERE m.thing = :thing AND g.query IS NULL AND g.sweep = '' ORDER BY g.name"
)
#: The outermost group around each of the groups.
_ROOTS: Final = (
    "WITH RECURSIVE up(begun, id) AS (SELECT v, v FROM {keys} k UNION "
    "SELECT u.begun, g.parent FROM up u JOIN thing_groups g ON g.id = u.id WHERE g.parent IS NOT NULL) "
    "SELECT u.begun, b.name, u.id AS root FROM up u JOIN thing_groups g ON g.id = u.id "
    "JOIN thing_groups b ON b.id = u.begun WHERE g.parent IS NULL"
)
