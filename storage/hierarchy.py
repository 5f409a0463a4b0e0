"""Groups by where they lie: the way down to one, and the groups inside another."""

from __future__ import annotations

from sqlalchemy import Connection, text

from domain.registry import Group
from storage import groups
from storage.lists import bound, ints
from storage.nesting import DESCENDANTS
from storage.pages import Page, cut, size, start


def around(connection: Connection, name: str) -> tuple[str, ...]:
    """Return the names of the groups that a group lies in, the outermost first. Raises ``NotFound``."""
    found = connection.execute(
        text(
            "WITH RECURSIVE up(id, name, parent, distance) AS (SELECT id, name, parent, 0 FROM thing_groups "
            "WHERE id = :key UNION ALL SELECT g.id, g.name, g.parent, u.distance + 1 FROM up u "
            "JOIN thing_groups g ON g.id = u.parent) "
            "SELECT name FROM up WHERE distance > 0 ORDER BY distance DESC"
        ),
        {"key": groups.key_of(connection, name)},
    )
    return tuple(found.scalars())


def placed(connection: Connection, name: str) -> tuple[Group, tuple[str, ...]]:
    """Return a group that stays, and the names of those around it, the outermost first.

    Raises ``NotFound``, ``Departing``.
    """
    return groups.standing(connection, name), around(connection, name)


def page(
    connection: Connection,
    *,
    parent: str | None = None,
    recursive: bool = False,
    name_prefix: str | None = None,
    max_results: int = 250,
    next_token: str | None = None,
) -> Page[str]:
    """Return the names of the groups directly inside ``parent`` (None: of those inside no other), in order.

    ``recursive``: also of those inside these. What is being deleted is left out. Raises ``NotFound``.
    """
    key = None if parent is None else groups.key_of(connection, parent)
    question = ("groups inside", key, recursive, name_prefix)
    after = start(connection, question, next_token)
    below = recursive and key is not None
    inside = "g.parent IS NULL" if key is None else "g.parent = :key"
    conditions = [
        "g.sweep = ''",
        *([] if recursive else [inside]),
        *(["g.id IN (SELECT id FROM below) AND g.id <> :key"] if below else []),
        *([] if after is None else ["g.name > :after"]),
        *([] if name_prefix is None else ["g.name >= :prefix AND g.name < :prefix || '{'"]),
    ]
    found = connection.execute(
        text(
            f"{DESCENDANTS.format(roots=ints(connection, 'keys')) if below else ''}"
            f"SELECT g.name FROM thing_groups g WHERE {' AND '.join(conditions)} ORDER BY g.name LIMIT :limit"
        ),
        {
            "key": key,
            "keys": bound(connection, [key]),
            "after": after,
            "prefix": name_prefix,
            "limit": size(max_results) + 1,
        },
    )
    return cut(connection, question, [(row.name, row.name) for row in found], max_results)
