"""SQLite as we run it: WAL, every commit on disk, one writer, readers that never block it."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool

BUSY_TIMEOUT_MS: Final = 5000
READERS: Final = 4

#: `synchronous=FULL` is what "an answered update is on disk" means.
_PRAGMAS: Final = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}",
    "PRAGMA cache_size=-65536",
    "PRAGMA temp_store=MEMORY",
)


def writer(path: Path) -> Engine:
    """Return the engine of the one writing connection; its transactions take the lock at once.

    A transaction that begins by reading and upgrades later fails without waiting, hence IMMEDIATE.
    """
    return _engine(path, pool_size=1, begin="BEGIN IMMEDIATE")


def readers(path: Path) -> Engine:
    """Return the engine of the reading connections; each transaction sees one snapshot and cannot write."""
    return _engine(path, pool_size=READERS, begin="BEGIN", more=("PRAGMA query_only=ON",))


def _engine(path: Path, *, pool_size: int, begin: str, more: tuple[str, ...] = ()) -> Engine:
    engine = create_engine(
        # Built from parts: in one string a ? or % of the directory's name would be read as something else.
        URL.create("sqlite+pysqlite", database=str(path)),
        poolclass=QueuePool,
        pool_size=pool_size,
        max_overflow=0,
        connect_args={"check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in (*_PRAGMAS, *more):
            connection.execute(pragma).close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine
