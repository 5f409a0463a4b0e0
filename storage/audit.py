"""The audit: asks the database whether what must hold between any two transactions holds, and of whom not.

Every check is one question whose answer is the rows at fault, so that a sound store answers nothing at all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from sqlalchemy import Connection, text

from storage.audit_checks import CHECKS, Check
from storage.lists import bound, ints

#: How many rows at fault are named of each check.
NAMED: Final = 20

#: Which columns of an answer are keys, and where the name behind a key stands.
_NAMES: Final[Mapping[str, str]] = {
    "job": "SELECT id, job_id FROM jobs",
    "thing": "SELECT id, name FROM things",
    "group": "SELECT id, name FROM thing_groups",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """A check that failed, and the first of those it failed for."""

    check: Check
    #: Names by what they are names of; what is nobody's name any more is its number behind a ``#``.
    offenders: tuple[Mapping[str, str], ...]
    #: Whether there are more than these.
    more: bool


def checks_for(connection: Connection) -> Sequence[Check]:
    """Return the checks that make sense on this database."""
    return [check for check in CHECKS if connection.dialect.name in check.dialects]


def faults(
    connection: Connection, *, named: int = NAMED, only: Collection[str] | None = None
) -> Iterator[Fault]:
    """Ask everything (or only the checks of these names) in the table's order; yield what is wrong.

    Reads whole tables: some ten seconds for a million executions.
    """
    for check in checks_for(connection):
        if only is not None and check.name not in only:
            continue
        found = list(islice(_rows(connection, check, named + 1), named + 1))
        if found:
            yield Fault(check, tuple(_named(connection, found[:named])), len(found) > named)


def _rows(connection: Connection, check: Check, limit: int) -> Iterator[dict[str, Any]]:
    if not isinstance(check.question, str):
        yield from check.question(connection)
        return
    zones = _ZONES[connection.dialect.name]
    statement = f"SELECT * FROM ({check.question.replace('{zones}', zones)}) AS found LIMIT :limit"
    for row in connection.execute(text(statement), {"limit": limit}).mappings():
        yield dict(row)


def _named(connection: Connection, found: Iterable[dict[str, Any]]) -> Iterator[Mapping[str, str]]:
    rows = list(found)
    names = {
        what: _look_up(connection, what, {row[what] for row in rows if row.get(what) is not None})
        for what in _NAMES
    }
    for row in rows:
        yield {
            what: names[what].get(value, f"#{value}") if what in names else str(value)
            for what, value in row.items()
            if value is not None
        }


def _look_up(connection: Connection, what: str, keys: set[int]) -> dict[int, str]:
    if not keys:
        return {}
    statement = f"{_NAMES[what]} WHERE id IN (SELECT v FROM {ints(connection, 'keys')} k)"
    rows = connection.execute(text(statement), {"keys": bound(connection, sorted(keys))})
    return {key: name for key, name in rows}  # noqa: C416 - a row is no pair of known types


#: A job's time zones and whether their windows are open, as rows.
_ZONES: Final[Mapping[str, str]] = {
    "sqlite": "(SELECT key AS zone, value AS is_open FROM json_each(j.open_zones))",
    "postgresql": (
        "(SELECT key AS zone, CASE value WHEN 'true' THEN 1 ELSE 0 END AS is_open "
        "FROM json_each_text(CAST(j.open_zones AS json)))"
    ),
}
