"""One statement for many rows, in the driver's own words: what a row costs SQLAlchemy is spent once for all.

For the statements of the hot path. SQLite runs one for each row, which halves them: names become positions
without a dictionary and a compiler's look at each row. PostgreSQL, to which each would be a journey, gets one
statement over all rows, and these as JSON: the driver takes seven times as long over arrays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

from pydantic_core import to_json
from sqlalchemy import Connection, CursorResult, Dialect, TextClause, text


class Many(NamedTuple):
    """A statement for each row, and the same over all rows, which it binds as one."""

    each: str
    over: str


def many(each: str, over: str, **types: str) -> Many:
    """Return a statement in both forms; ``types`` are PostgreSQL's, by name.

    In ``over``, ``{rows}`` stands for the rows as ``v``, with ``v.ordinality`` for the order they come in.
    """
    columns = ", ".join(f"{name} {kind}" for name, kind in types.items())
    rows = f"ROWS FROM (json_to_recordset(CAST(:rows AS json)) AS ({columns})) WITH ORDINALITY AS v"
    return Many(each, over.format(rows=rows))


def execute_many(
    connection: Connection, statement: TextClause | Many, rows: Sequence[Mapping[str, Any]]
) -> CursorResult[Any]:
    """Run ``statement`` for each row. Values go to the driver as they are: no types, at least two names."""
    if isinstance(statement, Many) and connection.dialect.name != "sqlite":
        return connection.exec_driver_sql(*over_all(connection, statement, rows))
    each = statement.each if isinstance(statement, Many) else statement.text
    words, order = spelt(each, connection.dialect)
    if order is None:
        return connection.exec_driver_sql(words, [dict(row) for row in rows])
    return connection.exec_driver_sql(words, list(map(itemgetter(*order), rows)))


def over_all(
    connection: Connection, statement: Many, rows: Sequence[Mapping[str, Any]]
) -> tuple[str, dict[str, Any]]:
    """Return the one statement over all rows as PostgreSQL's driver takes it, and what it binds."""
    return spelt(statement.over, connection.dialect)[0], {"rows": to_json(rows).decode()}


@lru_cache(maxsize=64)
def spelt(statement: str, dialect: Dialect) -> tuple[str, Sequence[str] | None]:
    """Return the statement as the driver spells it, and the order of its names if it wants positions."""
    compiled: Any = text(statement).compile(dialect=dialect)
    return str(compiled), compiled.positiontup
