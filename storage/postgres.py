"""PostgreSQL as we run it: several writers, each transaction retried as a whole, no state in any session.

Everything a transaction needs it sets for itself, so that PgBouncer may hand each one another connection.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import psycopg
from sqlalchemy import Connection, Engine, RootTransaction, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import QueuePool

from domain.errors import InvalidRequest, Unavailable
from storage import schema
from storage.bell import Bell
from storage.breaker import Breaker, is_out_of_reach
from storage.database import Overtaken, Trouble
from storage.locks import GATE
from storage.overseer import Answer, Overseer
from storage.signals import Signal, take

T = TypeVar("T")

WRITERS: Final = 8
READERS: Final = 4
#: How often a transaction is tried that another one got into the way of.
ATTEMPTS: Final = 6
LOCK_TIMEOUT_MS: Final = 5000
STATEMENT_TIMEOUT_MS: Final = 30_000
#: A process of ours that stands still in a transaction holds locks: the server ends it for the others' sake.
IDLE_TIMEOUT_MS: Final = 10_000
#: Seconds after which a server that has not answered a call is asked whether it is there, and after which the
#: call is given up in any case.
PATIENCE: Final = 3.0
AT_MOST: Final = 120.0

#: Kept by libpq: how soon a server is given up that does not answer the network.
_CONNECT: Final[Mapping[str, Any]] = {
    "application_name": "thingjobs",
    "connect_timeout": 4,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
    # Prepared statements are state of a session.
    "prepare_threshold": None,
}

#: Milliseconds, for one transaction. They hold from the next statement on, the first one for the gate.
_LIMITS: Final = {
    "lock_timeout": LOCK_TIMEOUT_MS,
    "statement_timeout": STATEMENT_TIMEOUT_MS,
    "idle_in_transaction_session_timeout": IDLE_TIMEOUT_MS,
}
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

_NO_URL: Final = "the database URL is none: postgresql://user@host/name is one"


def engine(url: str, *, connections: int, isolation: str, read_only: bool = False) -> Engine:
    """Return an engine of up to so many connections. Raises ``InvalidRequest`` for a URL of another kind."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise InvalidRequest(_NO_URL) from None
    if parsed.drivername.partition("+")[0] not in {"postgresql", "postgres"}:
        raise InvalidRequest(f"the database URL begins with {parsed.drivername}, not with postgresql")
    made = create_engine(
        parsed.set(drivername="postgresql+psycopg"),
        poolclass=QueuePool,
        pool_size=connections,
        max_overflow=0,
        # The driver would begin transactions with a journey of its own.
        isolation_level="AUTOCOMMIT",
        connect_args=dict(_CONNECT),
        # It would look that type up on every new connection.
        use_native_hstore=False,
    )
    begin = f"BEGIN ISOLATION LEVEL {isolation} {'READ ONLY' if read_only else 'READ WRITE'}"

    @event.listens_for(made, "begin")
    def _begin(connection: Connection) -> None:
        more = connection.get_execution_options().get("begins", "")
        # Without parameters it may be several statements, which are one journey.
        connection.exec_driver_sql(f"{begin}; {more}", execution_options={"no_parameters": True})

    return made


def writer(url: str) -> Engine:
    """Return the engine of writing connections.

    READ COMMITTED: every statement sees what was committed when it began, so one that follows a lock sees
    what the lock's last holder did. What a verb must not see changing it locks (``storage.beside``).
    """
    return engine(url, connections=WRITERS, isolation="READ COMMITTED")


def readers(url: str) -> Engine:
    """Return the engine of reading connections; each transaction sees one snapshot and cannot write."""
    return engine(url, connections=READERS, isolation="REPEATABLE READ", read_only=True)


def with_password(url: str, password: str) -> str:
    """Return the URL with a password in it. Raises ``InvalidRequest`` for what is no URL."""
    try:
        return make_url(url).set(password=password).render_as_string(hide_password=False)
    except (ArgumentError, ValueError):
        raise InvalidRequest(_NO_URL) from None


def upgrade(url: str) -> None:
    """Bring the schema up to date. Raises ``Unavailable`` and ``InvalidRequest``."""
    upgrading = writer(url)
    try:
        with _told_in_a_line():
            schema.upgrade(upgrading)
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

    def __init__(self, url: str) -> None:
        """Connect. Raises ``Unavailable``, also for a schema too old or new, and ``InvalidRequest``."""
        self._writer, self._readers = writer(url), readers(url)
        try:
            with _told_in_a_line():
                schema.require(self._writer)
        except BaseException:
            self._writer.dispose()
            raise
        self._breaker = Breaker()
        self._overseer = Overseer(self._knock, self._breaker, patience=PATIENCE, at_most=AT_MOST)
        self._bell = Bell(self._writer)

    def _knock(self) -> Answer:
        """Ask the server for a new connection."""
        where = self._writer.url.set(drivername="postgresql").render_as_string(hide_password=False)
        try:
            psycopg.connect(where, **_CONNECT).close()
        except psycopg.errors.ConnectionTimeout:
            return Answer.NONE
        except psycopg.Error:
            return Answer.REFUSAL
        return Answer.WELCOME

    @property
    def is_reachable(self) -> bool:
        """Whether it was there when somebody last tried; the overseer goes on trying."""
        return not self._breaker.is_open

    def admit(self) -> None:
        """Raise ``Unavailable`` while the server is known to be out of reach."""
        self._breaker.admit()

    def transact(self, work: Callable[[Connection], T], *, alone: bool) -> tuple[T, frozenset[Signal]]:
        """Run ``work``, again if others were in the way, and once more if the connection had gone stale."""
        for attempt in range(1, ATTEMPTS + 1):
            committing = False
            try:
                with self._on(self._writer) as connection:
                    take(connection)
                    with _begun(connection, *_LIMITS, then=_GATE[alone]) as transaction:
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
        with self._on(self._readers) as connection, _begun(connection, "statement_timeout"):
            return work(connection)

    @contextmanager
    def _on(self, engine_: Engine) -> Iterator[Connection]:
        with self._breaker.watch(), engine_.connect() as connection, self._overseer.over(connection):
            yield connection

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
        self._overseer.close()
        self._readers.dispose()
        self._writer.dispose()


def _begun(connection: Connection, *limits: str, then: str = "") -> RootTransaction:
    """Begin a transaction with these limits, all in one journey."""
    begins = "".join(f"SET LOCAL {limit} = {_LIMITS[limit]}; " for limit in limits) + then
    return connection.execution_options(begins=begins).begin()


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


def state_of(error: DBAPIError) -> str:
    """Return the SQLSTATE, '' where the server has not spoken."""
    found: Any = getattr(error.orig, "sqlstate", None)
    return found or ""
