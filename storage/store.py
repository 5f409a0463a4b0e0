"""The store: runs verbs, one transaction each, in threads; the only way to the database.

A verb is a plain function ``(connection, …) -> value``. Being plain it cannot await, so no transaction spans
a network call. It commits when the verb returns and rolls back when it raises.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Concatenate, Final, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, OperationalError

from domain.errors import Unavailable
from storage import schema, sqlite
from storage.signals import Signal, take
from storage.vault import Vault

P = ParamSpec("P")
T = TypeVar("T")
Verb = Callable[Concatenate[Connection, P], T]

MAX_WAITING: Final = 2000


class StoreInUse(Unavailable):
    """Another process has this data directory open."""


class Store:
    """One database, one writer at a time. Build with ``Store.open``; close when done."""

    def __init__(
        self, writer: Engine, readers: Engine, *, vault: Vault, lock: int, read_threads: int
    ) -> None:
        self._writer = writer
        self._readers = readers
        self._lock = lock
        #: What verbs seal secrets with.
        self.vault: Final = vault
        self._write_threads = ThreadPoolExecutor(1, thread_name_prefix="store-writer")
        self._read_threads = ThreadPoolExecutor(read_threads, thread_name_prefix="store-reader")
        self._listeners: dict[Signal, list[Callable[[], None]]] = {signal: [] for signal in Signal}
        self._waiting = 0
        self._closed = False
        #: Set when the disk failed under a commit: nothing may be promised any more, the process must end.
        self.failed = asyncio.Event()

    @classmethod
    def open(cls, data_dir: Path) -> Store:
        """Lock the directory, bring the schema up to date, return the store.

        Raises ``StoreInUse`` if another process holds it, ``Unavailable`` if it cannot be written.
        """
        lock = _lock(data_dir)
        path = data_dir / "thingjobs.sqlite3"
        writer = sqlite.writer(path)
        try:
            schema.upgrade(writer)
        except BaseException as error:
            writer.dispose()
            os.close(lock)
            if isinstance(error, DBAPIError):
                raise Unavailable(f"the database {path} cannot be used: {error.orig}") from error
            raise
        return cls(
            writer, sqlite.readers(path), vault=Vault(data_dir), lock=lock, read_threads=sqlite.READERS
        )

    def listen(self, signal: Signal, wake: Callable[[], None]) -> None:
        """Call ``wake`` on the event loop after each commit that raised ``signal``."""
        self._listeners[signal].append(wake)

    async def write(self, verb: Verb[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``verb`` in a writing transaction and return its value once that is on disk.

        The caller's code goes on before any listener of the commit's signals runs.
        Raises what the verb raises, and ``Unavailable`` when the store is full, locked or closed.
        """
        if self.failed.is_set():
            raise Unavailable("the store has failed; the server is stopping")
        value, _ = await self._run(
            self._write_threads, lambda: self._transact(verb, *args, **kwargs), then=self._wake
        )
        return value

    async def read(self, verb: Verb[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``verb`` on one snapshot and return its value; sees every commit that has returned."""

        def look() -> T:
            with self._readers.begin() as connection:
                return verb(connection, *args, **kwargs)

        return await self._run(self._read_threads, look)

    @property
    def ready(self) -> bool:
        return not (self._closed or self.failed.is_set())

    async def close(self) -> None:
        """Finish what was begun, then release the files and the lock. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        await asyncio.to_thread(self._shut)

    def _shut(self) -> None:
        self._write_threads.shutdown()
        self._read_threads.shutdown()
        self._readers.dispose()
        self._writer.dispose()
        os.close(self._lock)

    def _transact(self, verb: Verb[P, T], *args: P.args, **kwargs: P.kwargs) -> tuple[T, frozenset[Signal]]:
        with self._writer.connect() as connection:
            take(connection)
            with connection.begin():
                value = verb(connection, *args, **kwargs)
            return value, take(connection)

    async def _run(
        self,
        threads: ThreadPoolExecutor,
        work: Callable[[], T],
        *,
        then: Callable[[asyncio.Future[T]], None] | None = None,
    ) -> T:
        if self._closed:
            raise Unavailable("the store is closed")
        if self._waiting >= MAX_WAITING:
            raise Unavailable(f"{MAX_WAITING} calls wait for the store already")
        self._waiting += 1
        done = asyncio.get_running_loop().run_in_executor(threads, work)
        # Shielded: a caller that is cancelled must not leave its transaction half known.
        mine = asyncio.shield(done)
        # Not the caller's to do: one that is cancelled does not end the work, nor void its signals.
        done.add_done_callback(self._left)
        if then is not None:
            done.add_done_callback(then)
        try:
            return await mine
        except OperationalError as error:
            raise self._unavailable(error) from error

    def _left(self, _done: asyncio.Future[T]) -> None:
        self._waiting -= 1

    def _wake(self, done: asyncio.Future[tuple[T, frozenset[Signal]]]) -> None:
        if done.cancelled() or done.exception() is not None:
            return
        for signal in done.result()[1]:
            for wake in self._listeners[signal]:
                # A turn later than the caller, which `shield` has just woken.
                done.get_loop().call_soon(wake)

    def _unavailable(self, error: DBAPIError) -> Unavailable:
        exact = getattr(error.orig, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
        # The log's index is shared memory, not data: no room for it to grow is a full disk like any other.
        code = sqlite3.SQLITE_FULL if exact == sqlite3.SQLITE_IOERR_SHMSIZE else exact & 0xFF
        if code == sqlite3.SQLITE_IOERR:
            self.failed.set()
        reason = _REASONS.get(code)
        if reason is None:
            raise error
        return Unavailable(f"the store cannot serve now: {reason}")


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
