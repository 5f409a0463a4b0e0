"""One statement for many rows, in the driver's own words: what a row costs SQLAlchemy is spent once for all.

For the statements of the hot path. SQLite runs one for each row, which halves them: names become positions
without a dictionary and a compiler's look at each row. PostgreSQL, to which each would be a journey, gets one
statement over all rows, its columns as arrays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import Connection, CursorResult, Dialect, TextClause, text


class Many(NamedTuple):
    """A statement for each row, the same over all rows, and the names that the latter binds as arrays."""

    each: TextClause
    over: TextClause
    names: tuple[str, ...]


def many(each: str, over: str, **types: str) -> Many:
    """Return a statement in both forms; ``types`` are PostgreSQL's, by name.

    In ``over``, ``{rows}`` stands for the rows as ``v``, with ``v.place`` for the order they are given in.
    """
    arrays = ", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in types.items())
    rows = f"unnest({arrays}) WITH ORDINALITY AS v({', '.join(types)}, place)"
    return Many(text(each), text(over.format(rows=rows)), tuple(types))


def execute_many(
    connection: Connection, statement: TextClause | Many, rows: Sequence[Mapping[str, Any]]
) -> CursorResult[Any]:
    """Run ``statement`` for each row. Values go to the driver as they are: no types, at least two names."""
    if isinstance(statement, Many) and connection.dialect.name != "sqlite":
        words, _ = _compiled(statement.over, connection.dialect)
        columns = {name: [row[name] for row in rows] for name in statement.names}
        return connection.exec_driver_sql(words, columns)
    each = statement.each if isinstance(statement, Many) else statement
    words, order = _compiled(each, connection.dialect)
    if order is None:
        return connection.exec_driver_sql(words, [dict(row) for row in rows])
    return connection.exec_driver_sql(words, list(map(itemgetter(*order), rows)))


@lru_cache(maxsize=16)
def _compiled(statement: TextClause, dialect: Dialect) -> tuple[str, Sequence[str] | None]:
    """Return the statement as the driver spells it, and the order of its names if it wants positions."""
    compiled: Any = statement.compile(dialect=dialect)
    return str(compiled), compiled.positiontup
