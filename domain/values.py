"""Values per thing for a job's document: a table with a row per thing, given as CSV or as an object."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Mapping
from typing import Final

from domain.errors import InvalidRequest
from domain.names import thing_name
from domain.substitution import PARAMETER_PATTERN

#: The head of the column that says whose row it is.
THING: Final = "thingName"
MAX_COLUMNS: Final = 50
MAX_TEXT: Final = 4096
MAX_THINGS: Final = 100_000
#: As many things are named in a reason.
NAMED: Final = 5
_NAME: Final = re.compile(PARAMETER_PATTERN)

Value = str | int | float | bool
Values = Mapping[str, Mapping[str, Value]]
NO_VALUES: Final[Values] = {}


def from_csv(text: str) -> dict[str, dict[str, Value]]:
    """Return the rows by thing, every value a string; an empty cell is no value.

    Raises ``InvalidRequest`` with the number of the line at fault.
    """
    lines = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        head = next(lines, [])
        names = _names(head)
        found: dict[str, dict[str, Value]] = {}
        for row in lines:
            if row:
                thing, values = _row(row, names, lines.line_num)
                if thing in found:
                    raise InvalidRequest(f"valuesCsv line {lines.line_num}: thing {thing} has a row already")
                found[thing] = values
    except csv.Error as error:
        raise InvalidRequest(f"valuesCsv line {lines.line_num}: {error}") from None
    return bounded(found)


def _names(head: list[str]) -> list[str]:
    first, *names = [cell.strip() for cell in head] or [""]
    if first != THING:
        raise InvalidRequest(
            f"valuesCsv: the first column of the first line must be {THING}, not {first[:64]!a}"
        )
    for position, name in enumerate(names):
        check_name("valuesCsv line 1", name)
        if name in names[:position]:
            raise InvalidRequest(f"valuesCsv line 1: the column {name} is there twice")
    return names


def _row(row: list[str], names: list[str], number: int) -> tuple[str, dict[str, Value]]:
    thing, *cells = row
    if len(cells) != len(names):
        raise InvalidRequest(
            f"valuesCsv line {number} has {len(row)} cells; the first line has {len(names) + 1}"
        )
    try:
        thing_name(thing := thing.strip())
        values = {name: value(name, cell) for name, cell in zip(names, cells, strict=True) if cell}
    except InvalidRequest as error:
        raise InvalidRequest(f"valuesCsv line {number}: {error}") from None
    return thing, values


def check_name(where: str, name: str) -> str:
    """Return the name of a value, or raise ``InvalidRequest``."""
    if not _NAME.fullmatch(name):
        raise InvalidRequest(f"{where}: the name {name[:64]!a} does not match {PARAMETER_PATTERN}")
    return name


def value(name: str, raw: object) -> Value:
    """Return a string, number or boolean, or raise ``InvalidRequest``."""
    if not isinstance(raw, str | int | float | bool):
        raise InvalidRequest(f"{name} must be a string, a number or a boolean")
    if isinstance(raw, str) and (len(raw) > MAX_TEXT or "\0" in raw):
        raise InvalidRequest(f"{name} has more than {MAX_TEXT} characters, or the character U+0000")
    return raw


def bounded(values: dict[str, dict[str, Value]]) -> dict[str, dict[str, Value]]:
    """Return the values, or raise ``InvalidRequest`` if they are too many."""
    if len(values) > MAX_THINGS:
        raise InvalidRequest(f"values are given for {len(values)} things; at most {MAX_THINGS} are allowed")
    widest = max((len(row) for row in values.values()), default=0)
    if widest > MAX_COLUMNS:
        raise InvalidRequest(f"{widest} values are given for one thing; at most {MAX_COLUMNS} are allowed")
    return values


def together(table: Values, rows: Values) -> dict[str, dict[str, Value]]:
    """Return what is given either way; raises ``InvalidRequest`` for a value that is given twice."""
    both = {thing: dict(values) for thing, values in table.items()}
    for thing, values in rows.items():
        twice = both.get(thing, {}).keys() & values.keys()
        if twice:
            raise InvalidRequest(f"valuesCsv and thingValues both give thing {thing} the value {min(twice)}")
        both.setdefault(thing, {}).update(values)
    return bounded(both)


def few(names: Collection[str], count: int | None = None) -> str:
    """Return how a reason names things, however many there are."""
    shown = sorted(names)[:NAMED]
    more = (len(names) if count is None else count) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
