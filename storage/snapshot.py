"""A database as it is at one moment, to look at only: also beside running servers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from alembic.migration import MigrationContext
from sqlalchemy import URL, Connection, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from domain.errors import Unavailable
from storage.schema import HEAD

DATABASE: Final = "thingjobs.sqlite3"


@contextmanager
def snapshot(data_dir: Path) -> Iterator[Connection]:
    """Open what the directory's database holds now; a server goes on writing, and none of that is seen.

    Takes no lock and needs none: readers of a write-ahead log hinder nobody. While it is open the log cannot
    be begun anew, so it grows. Raises ``Unavailable`` if there is no database, or one of another version.
    """
    path = data_dir / DATABASE
    if not path.is_file():
        raise Unavailable(f"there is no database {path}")
    # `mode=ro` makes no file and changes none; the name is quoted, or a ? or # in it would end it.
    address = URL.create(
        "sqlite+pysqlite", database=path.resolve().as_uri(), query={"uri": "true", "mode": "ro"}
    )
    engine = create_engine(address, poolclass=NullPool)
    try:
        with engine.connect() as connection:
            # The driver begins no transaction before it writes; the first SELECT then fixes the moment.
            connection.exec_driver_sql("PRAGMA temp_store=MEMORY")
            connection.exec_driver_sql("PRAGMA cache_size=-65536")
            connection.exec_driver_sql("BEGIN")
            _fits(f"the database {path}", connection)
            yield connection
    except DBAPIError as error:
        raise Unavailable(f"the database {path} cannot be read: {error.orig}") from error
    finally:
        engine.dispose()


@contextmanager
def server_snapshot(url: str) -> Iterator[Connection]:
    """Look at what a PostgreSQL database holds now, for as long as it takes; others go on writing.

    Raises ``Unavailable`` if it cannot be read or is of another version, ``InvalidRequest`` for another URL.
    """
    # Not with SQLite: its driver is an extra.
    from storage import reach  # noqa: PLC0415

    engine = reach.engine(url, connections=1, isolation="REPEATABLE READ", read_only=True)
    try:
        with engine.connect() as connection, connection.begin():
            # What its owner has set for short transactions is too short for whole tables.
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            _fits("the database", connection)
            yield connection
    except DBAPIError as error:
        raise Unavailable(f"the database cannot be read: {error.orig}") from error
    finally:
        engine.dispose()


def _fits(what: str, connection: Connection) -> None:
    heads = MigrationContext.configure(connection).get_current_heads()
    if heads != (HEAD,):
        raise Unavailable(
            f"{what} has schema {', '.join(heads) or 'none'} and this program reads {HEAD}; "
            "a server of this version brings an older one up to date when it starts"
        )
