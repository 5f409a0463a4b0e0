"""SQLite as we run it: WAL, every commit on disk, one writer, readers that never block it."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from domain.errors import Unavailable
from storage import schema
from storage.database import Trouble
from storage.signals import Signal, take

T = TypeVar("T")

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


class StoreInUse(Unavailable):
    """Another process has this data directory open."""


class File:
    """A database file that this process alone has open."""

    is_shared = False
    write_threads = 1
    read_threads = READERS
    replica = None

    def __init__(self, data_dir: Path) -> None:
        """Lock the directory and bring the schema up to date.

        Raises ``StoreInUse`` if another process holds it, ``Unavailable`` if it cannot be written.
        """
        self._lock = _lock(data_dir)
        path = data_dir / "thingjobs.sqlite3"
        self._writer = writer(path)
        try:
            schema.upgrade(self._writer)
        except BaseException as error:
            self._writer.dispose()
            os.close(self._lock)
            if isinstance(error, DBAPIError):
                raise Unavailable(f"the database {path} cannot be used: {error.orig}") from error
            raise
        self._readers = readers(path)

    @property
    def is_reachable(self) -> bool:
        """A file always is."""
        return True

    def admit(self) -> None:
        """Admit everything: what a file refuses it refuses fast."""

    def transact(self, work: Callable[[Connection], T], *, alone: bool) -> tuple[T, frozenset[Signal]]:  # noqa: ARG002
        """Run the one writing transaction: there is one thread for it."""
        with self._writer.connect() as connection:
            take(connection)
            with connection.begin():
                value = work(connection)
            return value, take(connection)

    def look(self, work: Callable[[Connection], T]) -> T:
        """Run ``work`` on one snapshot; sees every commit that has returned."""
        with self._readers.begin() as connection:
            return work(connection)

    def trouble(self, error: DBAPIError) -> Trouble | None:
        """Return what of SQLite's complaints is about the file or the disk."""
        exact = getattr(error.orig, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
        # The log's index is shared memory, not data: no room for it to grow is a full disk like any other.
        code = sqlite3.SQLITE_FULL if exact == sqlite3.SQLITE_IOERR_SHMSIZE else exact & 0xFF
        reason = _REASONS.get(code)
        return None if reason is None else Trouble(reason, is_fatal=code == sqlite3.SQLITE_IOERR)

    def listen(self, wake: Callable[[Signal], None]) -> None:
        """Nobody else can write."""

    def ring(self, signals: frozenset[Signal]) -> None:
        """Nobody else listens."""

    def close(self) -> None:
        """Release the files, then the lock."""
        self._readers.dispose()
        self._writer.dispose()
        os.close(self._lock)


_REASONS: Final = {
    sqlite3.SQLITE_BUSY: "the database is locked by another process",
    sqlite3.SQLITE_LOCKED: "the database is locked",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "the disk failed",
    sqlite3.SQLITE_READONLY: "the database is read-only",
    sqlite3.SQLITE_CANTOPEN: "the database cannot be opened",
}


def _lock(data_dir: Path) -> int:
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(data_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Unavailable(f"the data directory {data_dir} cannot be used: {error.strerror}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        owner = os.pread(handle, 32, 0).decode(errors="replace").strip() or "unknown"
        os.close(handle)
        raise StoreInUse(
            f"the data directory {data_dir} is in use by process {owner}; "
            "stop it or choose another directory (--data-dir)"
        ) from None
    os.ftruncate(handle, 0)
    os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
    return handle
