"""PostgreSQL as we run it: several writers, each transaction retried as a whole, no state in any session.

Everything a transaction needs it sets for itself, so that PgBouncer may hand each one another connection.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from domain.errors import Unavailable
from storage import schema
from storage.bell import Bell
from storage.breaker import is_out_of_reach, state_of
from storage.database import Overtaken, Trouble
from storage.line import Line
from storage.locks import GATE
from storage.reach import LIMITS, READERS, WRITERS, begun, readers, writer
from storage.replica import Replica, Standby
from storage.signals import Signal, take

T = TypeVar("T")

#: How often a transaction is tried that another one got into the way of.
ATTEMPTS: Final = 6
#: Seconds after which a server that has not answered a call is asked whether it is there, and after which the
#: call is given up in any case.
PATIENCE: Final = 3.0
AT_MOST: Final = 120.0

_GATE: Final = {
    True: f"SELECT pg_advisory_xact_lock({GATE})",
    False: f"SELECT pg_advisory_xact_lock_shared({GATE})",
}

_SERIALIZATION: Final = "40001"
_DEADLOCK: Final = "40P01"
_LOCK_TIMEOUT: Final = "55P03"
_UNIQUE: Final = "23505"
#: Another transaction was in the way: the same again may do. A unique violation is one as well: a name that
#: was free when the verb looked has been taken since, and when it looks again it will see that.
_TRY_AGAIN: Final = {_SERIALIZATION, _DEADLOCK, _LOCK_TIMEOUT, _UNIQUE}

#: By the beginning of the SQLSTATE, the longest that fits.
_REASONS: Final = {
    _SERIALIZATION: "other writers were in the way",
    _DEADLOCK: "other writers were in the way",
    _LOCK_TIMEOUT: "the database is locked by other writers",
    "57014": "the database took too long",
    "57P": "the database server is stopping or starting",
    "08": "there is no connection to the database",
    "25P03": "this process stood still in a transaction",
    "25006": "the database is read-only",
    "28": "the database refuses our name or password",
    "3D000": "there is no such database",
    "53": "the database server has run out of something",
    "58": "the disk of the database server failed",
}


def upgrade(url: str, *, finish: bool = False) -> None:
    """Bring the schema up to date, or else have older programs refused. Raises ``Unavailable``."""
    upgrading = writer(url)
    try:
        with _told_in_a_line():
            (schema.finish if finish else schema.upgrade)(upgrading)
    finally:
        upgrading.dispose()


@contextmanager
def _told_in_a_line() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        found = trouble(error)
        reason = "" if found is None else f"{found.reason}: "
        said = " ".join(str(error.orig).split())
        raise Unavailable(f"the database cannot be used: {reason}{said}") from error


class Server:
    """A PostgreSQL server that other processes may write to as well."""

    is_shared = True
    write_threads = WRITERS
    read_threads = READERS

    def __init__(self, url: str, *, direct: str | None = None, standby: Standby | None = None) -> None:
        """Connect. Raises ``Unavailable``, also for a schema too old or new, and ``InvalidRequest``.

        ``direct``: where the server itself is, if ``url`` leads to a bouncer. ``standby``: who is asked what
        may be stale.
        """
        self._writer, self._readers = writer(url), readers(url)
        try:
            with _told_in_a_line():
                schema.require(self._writer)
        except BaseException:
            self._writer.dispose()
            raise
        self._line = Line(url, direct=direct, patience=PATIENCE, at_most=AT_MOST)
        self._bell = Bell(self._line, self._writer, direct or url)
        self.replica = None if standby is None else Replica(standby, primary=url)

    @property
    def is_reachable(self) -> bool:
        """Whether it was there when somebody last tried; the overseer goes on trying."""
        return not self._line.breaker.is_open

    def admit(self) -> None:
        """Raise ``Unavailable`` while the server is known to be out of reach."""
        self._line.breaker.admit()

    def transact(self, work: Callable[[Connection], T], *, alone: bool) -> tuple[T, frozenset[Signal]]:
        """Run ``work``, again if others were in the way, and once more if the connection had gone stale."""
        for attempt in range(1, ATTEMPTS + 1):
            committing = False
            try:
                with self._line.on(self._writer) as connection:
                    take(connection)
                    with begun(connection, *LIMITS, then=_GATE[alone]) as transaction:
                        value = work(connection)
                        signals = take(connection)
                        committing = True
                        transaction.commit()
                    return value, signals
            except Overtaken:
                if attempt == ATTEMPTS:
                    raise
            except DBAPIError as error:
                # What was lost while committing may be on disk: only the caller can find out.
                is_in_doubt = committing and error.connection_invalidated
                if is_in_doubt or attempt == ATTEMPTS or not _may_go_again(error, attempt):
                    raise
            time.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311 - apart, not secret
        raise AssertionError("unreachable")

    def look(self, work: Callable[[Connection], T]) -> T:
        """Run ``work`` on one snapshot, once more if the connection has gone stale."""
        try:
            return self._look(work)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            return self._look(work)

    def _look(self, work: Callable[[Connection], T]) -> T:
        with self._line.on(self._readers) as connection, begun(connection, "statement_timeout"):
            return work(connection)

    def trouble(self, error: DBAPIError) -> Trouble | None:
        """Return what is the server's, not the statement's."""
        return trouble(error)

    def listen(self, wake: Callable[[Signal], None]) -> None:
        """Hear what other processes raise; what is missed while disconnected is raised on coming back."""
        self._bell.listen(wake)

    def ring(self, signals: frozenset[Signal]) -> None:
        """Have the other processes told soon."""
        self._bell.ring(signals)

    def close(self) -> None:
        """Let go of every connection."""
        self._bell.close()
        if self.replica is not None:
            self.replica.close()
        self._line.close()
        self._readers.dispose()
        self._writer.dispose()


def _may_go_again(error: DBAPIError, attempt: int) -> bool:
    if error.connection_invalidated:
        return attempt == 1
    state = state_of(error)
    return state in _TRY_AGAIN and (state != _LOCK_TIMEOUT or attempt == 1)


def trouble(error: DBAPIError) -> Trouble | None:
    """Return what of PostgreSQL's complaints is about the server and those who write beside us."""
    state = state_of(error)
    for length in (5, 3, 2):
        if state[:length] in _REASONS:
            return Trouble(_REASONS[state[:length]])
    return Trouble(_REASONS["08"]) if is_out_of_reach(error) else None
