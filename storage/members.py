"""Who is in which group: the members of one, the groups of a thing."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, text

from domain.errors import NotFound
from storage import groups
from storage.lists import bound, ints
from storage.nesting import DESCENDANTS
from storage.pages import Page, cut, size, start
from storage.targets import thing_keys


def of_group(
    connection: Connection,
    name: str,
    *,
    recursive: bool = False,
    max_results: int = 250,
    next_token: str | None = None,
) -> Page[str]:
    """Return the names of the things in a group (and in the groups inside it), oldest things first."""
    key = groups.key_of(connection, name)
    question = ("members", key, recursive)
    after = start(connection, question, next_token)
    below = DESCENDANTS.format(roots=ints(connection, "keys")) if recursive else ""
    same_group = 'AND m."group" = :key'
    source = '(SELECT DISTINCT m.thing FROM below b CROSS JOIN group_members m WHERE m."group" = b.id)'
    found = connection.execute(
        text(
            f"{below}SELECT t.id, t.name FROM {source if recursive else 'group_members'} m "
            f"CROSS JOIN things t WHERE t.id = m.thing {'' if recursive else same_group} "
            f"{'' if after is None else 'AND m.thing > :after'} ORDER BY m.thing LIMIT :limit"
        ),
        {"keys": bound(connection, [key]), "key": key, "after": after, "limit": size(max_results) + 1},
    )
    return cut(connection, question, [(row.id, row.name) for row in found], max_results)


def of_thing(
    connection: Connection, thing_name: str, *, max_results: int = 250, next_token: str | None = None
) -> Page[str]:
    """Return the names of the groups a thing is in directly, by name. Raises ``NotFound``."""
    key = thing_keys(connection, [thing_name]).get(thing_name)
    if key is None:
        raise NotFound(f"There is no thing {thing_name}")
    question = ("groups of", key)
    after = start(connection, question, next_token)
    found = connection.execute(
        text(
            'SELECT g.name FROM group_members m JOIN thing_groups g ON g.id = m."group" '
            f"WHERE m.thing = :key AND g.sweep = '' {'' if after is None else 'AND g.name > :after'} "
            "ORDER BY g.name LIMIT :limit"
        ),
        {"key": key, "after": after, "limit": size(max_results) + 1},
    )
    return cut(connection, question, [(row.name, row.name) for row in found], max_results)


def of_things(connection: Connection, thing_names: Sequence[str]) -> dict[str, list[str]]:
    """Return the names of the groups each thing is in directly, by name; strangers are left out."""
    keys = thing_keys(connection, thing_names)
    found = connection.execute(
        text(
            f"SELECT m.thing, g.name FROM {ints(connection, 'keys')} k CROSS JOIN group_members m "
            "CROSS JOIN thing_groups g "
            "WHERE m.thing = k.v AND g.id = m.\"group\" AND g.sweep = '' ORDER BY g.name"
        ),
        {"keys": bound(connection, sorted(keys.values()))},
    ).all()
    by_key: dict[int, list[str]] = {}
    for row in found:
        by_key.setdefault(row.thing, []).append(row.name)
    return {name: by_key.get(key, []) for name, key in keys.items()}
