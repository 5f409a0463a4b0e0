"""The store: runs verbs, one transaction each, in threads; the only way to the database.

A verb is a plain function ``(connection, …) -> value``. Being plain it cannot await, so no transaction spans
a network call. It commits when the verb returns and rolls back when it raises.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Concatenate, Final, ParamSpec, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DataError, DBAPIError

from domain.errors import InvalidRequest, Unavailable
from storage.beside import may_run_beside
from storage.database import Database, Passed
from storage.signals import Signal
from storage.sqlite import File, StoreInUse
from storage.vault import Vault

__all__ = ["MAX_WAITING", "Store", "StoreInUse"]

P = ParamSpec("P")
T = TypeVar("T")
Verb = Callable[Concatenate[Connection, P], T]

MAX_WAITING: Final = 2000


class Store:
    """One database. Build with ``Store.open`` or ``Store.connect``; close when done."""

    def __init__(self, database: Database, *, vault: Vault) -> None:
        self._database = database
        #: What verbs seal secrets with.
        self.vault: Final = vault
        self._write_threads = ThreadPoolExecutor(database.write_threads, thread_name_prefix="store-writer")
        self._read_threads = ThreadPoolExecutor(database.read_threads, thread_name_prefix="store-reader")
        # Apart: a replica that hangs must not keep those waiting who ask the primary.
        self._browse_threads = ThreadPoolExecutor(database.read_threads, thread_name_prefix="store-browser")
        self._listeners: dict[Signal, list[Callable[[], None]]] = {signal: [] for signal in Signal}
        self._hears = False
        self._waiting = 0
        self._closed = False
        #: Set when the disk failed under a commit: nothing may be promised any more, the process must end.
        self.failed = asyncio.Event()

    @classmethod
    def open(cls, data_dir: Path) -> Store:
        """Lock the directory, bring the schema up to date, return the store on SQLite.

        Raises ``StoreInUse`` if another process holds it, ``Unavailable`` if it cannot be written.
        """
        return cls(File(data_dir), vault=Vault(data_dir))

    @classmethod
    def connect(
        cls, url: str, *, data_dir: Path, direct: str | None = None, standby: tuple[str, float] | None = None
    ) -> Store:
        """Return the store on PostgreSQL, which others may have open too.

        ``direct``: where the server itself is, if ``url`` leads to a bouncer. ``standby``: whom
        ``browse`` may ask, and how many seconds that may be behind.
        ``data_dir`` holds the key that secrets are sealed with: every process needs the same one. Raises
        ``Unavailable`` if the server cannot be reached or refuses, or if the schema is not that of this
        program (``storage.postgres.upgrade``), ``InvalidRequest`` for another URL.
        """
        # Not with SQLite: its driver is an extra.
        from storage.postgres import Server  # noqa: PLC0415
        from storage.replica import Standby  # noqa: PLC0415

        follows = None if standby is None else Standby(*standby)
        return cls(Server(url, direct=direct, standby=follows), vault=Vault(data_dir))

    def listen(self, signal: Signal, wake: Callable[[], None]) -> None:
        """Call ``wake`` on the event loop after each commit that raised ``signal``, by whomever."""
        self._listeners[signal].append(wake)
        if not self._hears:
            self._hears = True
            self._database.listen(partial(self._heard, asyncio.get_running_loop()))

    def _heard(self, loop: asyncio.AbstractEventLoop, signal: Signal) -> None:
        for wake in self._listeners[signal]:
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(wake)

    async def write(self, verb: Verb[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``verb`` in a writing transaction and return its value once that is on disk.

        The caller's code goes on before any listener of the commit's signals runs. Where several write at
        once it may run again: it must not use up its arguments. Raises what the verb raises, and
        ``Unavailable`` when the store is full, locked, closed or out of reach; whether the verb's work is on
        disk is not known in the last case.
        """
        if self.failed.is_set():
            raise Unavailable("the store has failed; the server is stopping")
        self._database.admit()
        alone = not may_run_beside(verb)
        value, _ = await self._run(
            self._write_threads,
            lambda: self._database.transact(lambda c: verb(c, *args, **kwargs), alone=alone),
            then=self._wake,
        )
        return value

    async def read(self, verb: Verb[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``verb`` on one snapshot and return its value; sees every commit that has returned."""
        self._database.admit()
        return await self._run(
            self._read_threads, lambda: self._database.look(lambda c: verb(c, *args, **kwargs))
        )

    async def browse(self, verb: Verb[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do as ``read`` does, on what may be some seconds old where a replica is there to be asked."""
        replica = self._database.replica
        if replica is not None and replica.is_asked:
            with suppress(Passed):
                return await self._run(
                    self._browse_threads, lambda: replica.look(lambda c: verb(c, *args, **kwargs))
                )
        return await self.read(verb, *args, **kwargs)

    @property
    def asks_replica(self) -> bool | None:
        """Whether ``browse`` asks a replica now; None: there is none."""
        return None if self._database.replica is None else self._database.replica.is_asked

    @property
    def is_shared(self) -> bool:
        """Whether other processes may write as well: what one works off is to be claimed then."""
        return self._database.is_shared

    @property
    def ready(self) -> bool:
        """Whether a call has a chance now."""
        return self._database.is_reachable and not (self._closed or self.failed.is_set())

    async def close(self) -> None:
        """Finish what was begun, then release the database. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        await asyncio.to_thread(self._shut)

    def _shut(self) -> None:
        self._write_threads.shutdown()
        self._read_threads.shutdown()
        self._browse_threads.shutdown()
        self._database.close()

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
        except DBAPIError as error:
            raise self._understood(error) from error

    def _left(self, done: asyncio.Future[T]) -> None:
        self._waiting -= 1
        if not done.cancelled():
            done.exception()  # Whoever was cancelled will not look at it, and nothing is to be said of that.

    def _wake(self, done: asyncio.Future[tuple[T, frozenset[Signal]]]) -> None:
        if done.cancelled() or done.exception() is not None:
            return
        signals = done.result()[1]
        for signal in signals:
            for wake in self._listeners[signal]:
                # A turn later than the caller, which `shield` has just woken.
                done.get_loop().call_soon(wake)
        if signals:
            self._database.ring(signals)

    def _understood(self, error: DBAPIError) -> Exception:
        """Return what a caller is to hear of it."""
        if isinstance(error, DataError) and "NUL" in str(error.orig):
            # PostgreSQL takes it in no text. What is kept was checked by its name; this is looked for.
            return InvalidRequest("no name and no text may hold the character U+0000")
        trouble = self._database.trouble(error)
        if trouble is None:
            return error
        if trouble.is_fatal:
            self.failed.set()
        return Unavailable(f"the store cannot serve now: {trouble.reason}")
