"""Lists of values as one bound parameter, so that a statement's text never depends on how many there are.

Join them with CROSS JOIN and a WHERE: SQLite then walks the list and looks up the table by index; left to
itself it may walk the table and search the list for every row.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection


def ints(connection: Connection, name: str) -> str:
    """Return a sub-select with the one column ``v`` over the integers bound to ``:name``."""
    if _is_sqlite(connection):
        return f"(SELECT value AS v FROM json_each(:{name}))"
    return f"(SELECT unnest(CAST(:{name} AS bigint[])) AS v)"


def texts(connection: Connection, name: str) -> str:
    """Return a sub-select with the one column ``v`` over the strings bound to ``:name``."""
    if _is_sqlite(connection):
        return f"(SELECT value AS v FROM json_each(:{name}))"
    return f"(SELECT unnest(CAST(:{name} AS text[])) AS v)"


def pairs(connection: Connection, name: str, kind: str = "bigint") -> str:
    """Return a sub-select with the columns ``a`` and ``b``, of one kind, over the JSON pairs in ``:name``."""
    if _is_sqlite(connection):
        return (
            "(SELECT json_extract(value, '$[0]') AS a, json_extract(value, '$[1]') AS b "
            f"FROM json_each(:{name}))"
        )
    return (
        f"(SELECT CAST(p ->> 0 AS {kind}) AS a, CAST(p ->> 1 AS {kind}) AS b "
        f"FROM jsonb_array_elements(CAST(:{name} AS jsonb)) p)"
    )


def bound(connection: Connection, values: Sequence[Any]) -> object:
    """Return the values as what ``ints`` and ``texts`` expect to be bound."""
    return json.dumps(list(values)) if _is_sqlite(connection) else list(values)


def _is_sqlite(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite"
