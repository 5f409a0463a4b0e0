"""Statements that do not need each other's results: sent together, they cost a server one journey.

For the hot path, in the driver's own words as in ``storage.many``. They run in the order given; on PostgreSQL
each sees what was committed until it begins: one that follows a lock sees what the lock's last holder did.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from storage.many import Many, execute_many, over_all, spelt


class Asked(NamedTuple):
    """A statement and what it binds, by name: values, or rows where it is one for many."""

    statement: str | Many
    values: Any


class Found(NamedTuple):
    """The rows that a statement returned, and how many it hit."""

    rows: Sequence[Sequence[Any]]
    rowcount: int


def together(connection: Connection, *asked: Asked) -> list[Found]:
    """Return what each statement found. Raises what SQLAlchemy does."""
    if len(asked) == 1 or connection.dialect.name == "sqlite":
        return [_alone(connection, *each) for each in asked]
    driver: Any = connection.connection.driver_connection
    try:
        with driver.pipeline():
            cursors = [driver.execute(*_worded(connection, *each)) for each in asked]
    except connection.dialect.loaded_dbapi.Error as error:
        raise _wrapped(connection, error) from error
    return [Found(each.fetchall() if each.description else (), each.rowcount) for each in cursors]


def _alone(connection: Connection, statement: str | Many, values: Any) -> Found:
    if isinstance(statement, Many):
        return Found((), execute_many(connection, statement, values).rowcount)
    words, order = spelt(statement, connection.dialect)
    bound = values if order is None else tuple(values[name] for name in order)
    result = connection.exec_driver_sql(words, bound)
    return Found(result.all() if result.returns_rows else (), result.rowcount)


def _worded(
    connection: Connection, statement: str | Many, values: Any
) -> tuple[str, Mapping[str, Any] | None]:
    if isinstance(statement, Many):
        return over_all(connection, statement, values)
    return spelt(statement, connection.dialect)[0], values


def _wrapped(connection: Connection, error: Exception) -> BaseException:
    """Return what SQLAlchemy would raise, and have it know of a connection that is lost."""
    dialect: Any = connection.dialect
    is_lost = dialect.is_disconnect(error, connection.connection.driver_connection, None)
    if is_lost:
        connection.invalidate(error)
    return DBAPIError.instance(
        None, None, error, dialect.loaded_dbapi.Error, connection_invalidated=is_lost, dialect=dialect
    )
