"""Dynamic groups: whoever meets a group's query is a member, by its own row, so that all else just works.

Every change of a thing is followed at once. A new query goes over all things once, in chunks by the clock;
how far that has come is on record (``thing_groups.built_to``), so that a killed process loses nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import product
from typing import Any, Final, NamedTuple

from pydantic_core import from_json
from sqlalchemy import Connection, text

from domain.errors import Conflict, LimitExceeded
from domain.query import Query, matches, parse
from domain.query_terms import Facts
from domain.registry import GroupStatus
from storage import departures, membership
from storage.lists import bound, ints
from storage.rows import distinct
from storage.signals import Signal, raise_after_commit

#: How many things one transaction looks at.
CHUNK: Final = 1000
#: Each of them is asked at every change of a thing (contract 2.12).
MAX_GROUPS: Final = 100
#: A name's beginning is looked up in every mix of cases, of at most so many letters.
_LETTERS: Final = 4


class Pass(NamedTuple):
    """How far the pass of a query has come: first over the members so far, if any, then over all things."""

    status: GroupStatus
    over: str
    after: str

    @property
    def text(self) -> str:
        return " ".join(self)

    @classmethod
    def of(cls, text: str) -> Pass:
        status, over, after = text.split(" ")
        return cls(GroupStatus(status), over, after)


FIRST_PASS: Final = Pass(GroupStatus.BUILDING, "things", "")
_NEW_QUERY: Final = Pass(GroupStatus.REBUILDING, "members", "0")


class _Group(NamedTuple):
    key: int
    query: Query


def status_of(built_to: str | None) -> GroupStatus:
    return GroupStatus.ACTIVE if built_to is None else Pass.of(built_to).status


# --- groups ---


def begin(connection: Connection, group: int, query: str, *, at: datetime) -> None:
    """Give a new group its query; where few things are, they are in it at once. Raises ``LimitExceeded``."""
    count = connection.execute(text("SELECT count(*) FROM thing_groups WHERE query IS NOT NULL")).scalar_one()
    if count >= MAX_GROUPS:
        raise LimitExceeded(
            f"There are {count} dynamic thing groups already; at most {MAX_GROUPS} are allowed"
        )
    _start(connection, group, query, FIRST_PASS, at=at)


def change(connection: Connection, group: int, query: str, *, at: datetime) -> None:
    """Give a group another query: who does not meet it leaves, who does joins."""
    _start(connection, group, query, _NEW_QUERY, at=at)


def _start(connection: Connection, group: int, query: str, begun: Pass, *, at: datetime) -> None:
    connection.execute(
        text("UPDATE thing_groups SET query = :query, built_to = :begun WHERE id = :group"),
        {"group": group, "query": parse(query).text, "begun": begun.text},
    )
    # A small fleet is gone over on the spot, a large one by the clock.
    if build_some(connection, group, at=at):
        build_some(connection, group, at=at)


def unbuilt(connection: Connection, *, limit: int = 10) -> list[int]:
    """Return groups whose query has not gone over all things; costs what those are."""
    found = connection.execute(
        text(
            "SELECT id FROM thing_groups WHERE query IS NOT NULL AND built_to IS NOT NULL AND sweep = '' "
            "ORDER BY id LIMIT :limit"
        ),
        {"limit": limit},
    )
    return list(found.scalars())


def build_some(connection: Connection, group: int, *, at: datetime) -> int:
    """Go over the next chunk for this group; return 1, or 0 if there was nothing to do."""
    try:
        more = _go_on(connection, group, at=at)
    except Conflict:
        # Some still have much to leave behind before they can join; the clock sees to that first.
        return 0
    if more:
        raise_after_commit(connection, Signal.AGENDA)
    return int(more)


def _go_on(connection: Connection, group: int, *, at: datetime) -> bool:
    row = connection.execute(
        text("SELECT query, built_to FROM thing_groups WHERE id = :group AND sweep = ''"), {"group": group}
    ).one_or_none()
    if row is None or row.built_to is None:
        return False
    done = Pass.of(row.built_to)
    over = _over_members if done.over == "members" else _over_things
    further = over(connection, _Group(group, parse(row.query)), done, at)
    connection.execute(
        text("UPDATE thing_groups SET built_to = :further WHERE id = :group"),
        {"group": group, "further": None if further is None else further.text},
    )
    return further is not None


def _over_members(connection: Connection, group: _Group, done: Pass, at: datetime) -> Pass | None:
    members = connection.execute(
        text(
            'SELECT thing FROM group_members WHERE "group" = :group AND thing > :after '
            "ORDER BY thing LIMIT :limit"
        ),
        {"group": group.key, "after": int(done.after), "limit": CHUNK},
    )
    keys = list(members.scalars())
    facts = _facts(connection, keys)
    gone = [key for key in keys if key not in facts or not matches(group.query, facts[key])]
    _leave(connection, group.key, gone, at=at)
    if len(keys) < CHUNK:
        return done._replace(over="things", after="")
    return done._replace(after=str(keys[-1]))


def _over_things(connection: Connection, group: _Group, done: Pass, at: datetime) -> Pass | None:
    found = candidates(connection, group.query, after=done.after, limit=CHUNK)
    _join(connection, group.key, [row.id for row in found if matches(group.query, facts_of(row))], at=at)
    return None if len(found) < CHUNK else done._replace(after=found[-1].name)


# --- things ---


def registered(connection: Connection, things: Sequence[int], *, at: datetime) -> None:
    """Follow the arrival of new things."""
    raise_after_commit(connection, Signal.REGISTERED)
    follow(connection, things, at=at)


def follow(
    connection: Connection, things: Sequence[int], *, connectivity: bool = False, at: datetime
) -> None:
    """Follow a change of these things (``connectivity``: of nothing else) into and out of dynamic groups."""
    groups = [each for each in _groups(connection) if each.query.asks_connectivity or not connectivity]
    if not groups or not things:
        return
    facts = _facts(connection, distinct(things))
    members = _members(connection, groups, sorted(facts))
    wanted = {group.key: {key for key in facts if matches(group.query, facts[key])} for group in groups}
    # First in, then out: a job that targets both groups never sees the thing without one.
    for group, met in wanted.items():
        _follow_in(connection, group, sorted(met - members[group]), at=at)
    for group, met in wanted.items():
        _leave(connection, group, sorted(members[group] - met), at=at)


def _follow_in(connection: Connection, group: int, things: Sequence[int], *, at: datetime) -> None:
    try:
        _join(connection, group, things, at=at)
    except Conflict:
        # They still have much to leave behind. The change of a thing does not fail for that: the clock goes
        # over them again.
        connection.execute(
            text("UPDATE thing_groups SET built_to = :begun WHERE id = :group"),
            {"group": group, "begun": _NEW_QUERY.text},
        )
        raise_after_commit(connection, Signal.AGENDA)


def _join(connection: Connection, group: int, things: Sequence[int], *, at: datetime) -> None:
    if things:
        departures.settle(connection, things, at=at)
        membership.join(connection, group, things, at=at)


def _leave(connection: Connection, group: int, things: Sequence[int], *, at: datetime) -> None:
    if things:
        membership.leave(connection, group, things, at=at)


def _groups(connection: Connection) -> list[_Group]:
    found = connection.execute(
        text("SELECT id, query FROM thing_groups WHERE query IS NOT NULL AND sweep = '' ORDER BY id")
    )
    return [_Group(row.id, parse(row.query)) for row in found]


def _members(
    connection: Connection, groups: Sequence[_Group], things: Sequence[int]
) -> Mapping[int, set[int]]:
    found: dict[int, set[int]] = {group.key: set() for group in groups}
    rows = connection.execute(
        text(
            f'SELECT m."group", m.thing FROM {ints(connection, "keys")} k CROSS JOIN group_members m '
            "WHERE m.thing = k.v"
        ),
        {"keys": bound(connection, things)},
    )
    for group, thing in rows:
        found.get(group, set()).add(thing)
    return found


def _facts(connection: Connection, things: Sequence[int]) -> dict[int, Facts]:
    rows = connection.execute(
        text(
            f"SELECT t.id, t.name, t.attributes, t.connected, t.thing_type FROM {ints(connection, 'keys')} k "
            "CROSS JOIN things t WHERE t.id = k.v AND t.deleted_at IS NULL"
        ),
        {"keys": bound(connection, things)},
    )
    return {row.id: facts_of(row) for row in rows}


def facts_of(row: Any) -> Facts:
    attributes = {} if row.attributes == "{}" else from_json(row.attributes)
    return Facts(row.name, attributes, bool(row.connected), row.thing_type)


def candidates(connection: Connection, query: Query, *, after: str, limit: int) -> list[Any]:
    """Return the next things by name that may meet the query; fewer than ``limit`` are the last ones."""
    found: list[Any] = []
    for low, high in _ranges(query.prefix):
        if high > after and len(found) < limit:
            rows = connection.execute(
                text(
                    "SELECT * FROM things WHERE deleted_at IS NULL AND name >= :low AND name > :after "
                    "AND name < :high ORDER BY name LIMIT :limit"
                ),
                {"low": low, "after": after, "high": high, "limit": limit - len(found)},
            )
            found += rows.all()
    return found


def _ranges(prefix: str) -> Iterator[tuple[str, str]]:
    """Yield the ranges of names that begin like this in any mix of cases, in order.

    The highest character a name may have is 'z'; '{' comes after it.
    """
    letters = 0
    choices = []
    for character in prefix:
        letters += character.isalpha()
        if letters > _LETTERS:
            break
        choices.append(sorted({character.upper(), character}))
    for beginning in map("".join, product(*choices)):
        yield beginning, f"{beginning}{{"
