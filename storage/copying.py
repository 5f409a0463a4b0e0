"""Moving an installation: all that an SQLite database holds into an empty one on PostgreSQL, and proof of it.

All or nothing: one transaction there, which reads back what it has written before it commits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, NamedTuple

import psycopg
from sqlalchemy import Connection, Table, exists, select, text
from sqlalchemy.exc import DBAPIError

from domain.errors import Conflict, Unavailable
from storage import partitions, reach, schema, sqlite
from storage.snapshot import DATABASE
from storage.tables import meta, metadata

_AT_A_TIME: Final = 2000
_DIGEST_BYTES: Final = 16


class Copied(NamedTuple):
    """What went over of one table: how many rows, and what they come to in whatever order."""

    table: str
    rows: int
    digest: str


def copy(data_dir: Path, url: str, told: Callable[[Copied], None]) -> None:
    """Copy everything; ``told`` hears of each table once it was found to be the same on both sides.

    The directory is locked meanwhile, and brought to this version's schema, as by a server. Raises
    ``Unavailable`` if either side cannot be used, ``Conflict`` if something is there already.
    """
    if not (data_dir / DATABASE).is_file():
        raise Unavailable(f"there is no database {data_dir / DATABASE}")
    target = reach.writer(url)
    try:
        source = sqlite.File(data_dir)
        try:
            schema.upgrade(target)
            with target.begin() as connection:
                source.look(lambda there: _copy_all(there, connection, told))
            with target.begin() as connection:
                connection.exec_driver_sql("ANALYZE")
        finally:
            source.close()
    except (DBAPIError, psycopg.Error) as error:
        raise Unavailable(f"the database cannot be written: {getattr(error, 'orig', error)}") from error
    finally:
        target.dispose()


def _copy_all(source: Connection, target: Connection, told: Callable[[Copied], None]) -> None:
    tables = metadata.sorted_tables
    names = ", ".join(target.dialect.identifier_preparer.format_table(table) for table in tables)
    target.exec_driver_sql("SET LOCAL statement_timeout = 0")
    # A server that starts there now waits until it is all there.
    target.exec_driver_sql(f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE")
    for table in tables:
        if table is not meta and target.execute(select(exists(select(1).select_from(table)))).scalar():
            raise Conflict(f"there are {table.name} in the database already; it must be empty")
    # What its schema has made for itself: keys, for which those of the source come.
    target.execute(meta.delete())
    # What was numbered there is to find its partition here.
    partitions.provide(target, upto=_numbered(source).get("execution_events", 0))
    for table in tables:
        copied = _copy_table(source, target, table)
        found = _look_at(target, table)
        if found != copied:
            raise Unavailable(f"{table.name} came over as {found}, not as {copied}; nothing was kept")
        told(copied)
    _go_on_numbering(source, target)


def _copy_table(source: Connection, target: Connection, table: Table) -> Copied:
    preparer = target.dialect.identifier_preparer
    columns = ", ".join(preparer.quote(column.name) for column in table.columns)
    tally = _Tally()
    driver: Any = target.connection.driver_connection
    with (
        driver.cursor() as cursor,
        cursor.copy(f"COPY {preparer.format_table(table)} ({columns}) FROM STDIN") as stream,
    ):
        for row in _rows(source, table):
            tally.add(row)
            stream.write_row(row)
    return tally.of(table)


def _look_at(connection: Connection, table: Table) -> Copied:
    tally = _Tally()
    for row in _rows(connection, table):
        tally.add(row)
    return tally.of(table)


def _rows(connection: Connection, table: Table) -> Iterable[tuple[Any, ...]]:
    for row in connection.execute(select(table).execution_options(yield_per=_AT_A_TIME)):
        yield tuple(row)


class _Tally:
    """Counts rows and adds up their hashes, so that their order means nothing."""

    def __init__(self) -> None:
        self._rows = 0
        self._sum = 0

    def add(self, row: tuple[Any, ...]) -> None:
        said = repr(row).encode("utf-8", "surrogatepass")
        self._rows += 1
        self._sum += int.from_bytes(blake2b(said, digest_size=_DIGEST_BYTES).digest(), "big")

    def of(self, table: Table) -> Copied:
        return Copied(table.name, self._rows, f"{self._sum % 2 ** (8 * _DIGEST_BYTES):032x}")


def _go_on_numbering(source: Connection, target: Connection) -> None:
    """Give no number again that was given there, to rows that are gone either."""
    for name, highest in _numbered(source).items():
        if name in metadata.tables and highest:
            target.execute(
                text("SELECT setval(pg_get_serial_sequence(:name, 'id'), :highest)"),
                {"name": name, "highest": highest},
            )


def _numbered(source: Connection) -> dict[str, int]:
    """Return the highest number that was given in each table."""
    numbered = source.exec_driver_sql("SELECT name, seq FROM sqlite_sequence")
    return {row.name: row.seq for row in numbered}
