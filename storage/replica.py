"""A standby that is asked what may be some seconds old, for as long as it is there and follows closely.

How far it is it says itself, in the very transaction that reads; how far it should be is noted every second
from the primary. So clocks of machines do not matter, a primary where nothing happens has no replica that
lags, and one that has lost its primary does. Whatever is wrong with it, the primary answers instead.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final, NamedTuple, TypeVar

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from domain.errors import JobsError, Unavailable
from storage.breaker import is_out_of_reach, state_of
from storage.database import Passed
from storage.line import Line
from storage.reach import READERS, begun, engine

T = TypeVar("T")
log = structlog.get_logger(__name__)

#: Seconds after which it is asked whether it is there at all, and for which nobody waits longer.
PATIENCE: Final = 1.0
AT_MOST: Final = 35.0
#: Seconds between two looks at the primary and at the replica, and those it is passed over for at least.
_EVERY: Final = 1.0
_AT_LEAST: Final = 5.0
#: Seconds between two words on queries that it gave up, though it is fine otherwise.
_SAY_EVERY: Final = 60.0

#: Which database cluster, which of its timelines, how far on that. A standby knows from its control file
#: which one it follows, and late: after a failover it may be passed over until its next restart point.
_OF_PRIMARY: Final = (
    "SELECT (SELECT system_identifier FROM pg_control_system()), "
    "('x' || left(pg_walfile_name(pg_current_wal_flush_lsn()), 8))::bit(32)::int, "
    "(pg_current_wal_flush_lsn() - '0/0'::pg_lsn)::bigint"
)
_OF_REPLICA: Final = (
    "SELECT system_identifier, greatest(timeline_id, min_recovery_end_timeline), "
    "CASE WHEN pg_is_in_recovery() THEN (pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::bigint END "
    "FROM pg_control_system(), pg_control_checkpoint(), pg_control_recovery()"
)
#: What it says of a query that is in the way of what it has to follow, or takes too long. It may end the
#: connection too.
_GAVE_UP: Final = {"40001", "57014"}
_NOT_YET: Final = "nobody has looked yet"


class Standby(NamedTuple):
    """Who may be asked, and how many seconds what it says may be old."""

    url: str
    lag: float


class Position(NamedTuple):
    """How far a database is: comparable within one timeline of one cluster."""

    cluster: int
    timeline: int
    #: None for what is no standby.
    lsn: int | None


class Replica:
    """Answers by a standby, or says that the primary is to: ``Passed``."""

    def __init__(self, standby: Standby, *, primary: str) -> None:
        self._lag = standby.lag
        # One more than threads that browse: the watch must not wait for them.
        self._readers = engine(
            standby.url, connections=READERS + 1, isolation="REPEATABLE READ", read_only=True
        )
        self._primary = engine(primary, connections=1, isolation="READ COMMITTED", read_only=True)
        self._line = Line(standby.url, patience=PATIENCE, at_most=AT_MOST)
        self._primary_line = Line(primary, patience=PATIENCE, at_most=AT_MOST)
        self._lock = threading.Lock()
        self._samples: deque[tuple[float, Position]] = deque()
        self._why: str | None = _NOT_YET
        self._not_before = 0.0
        self._say_at = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="store-replica", daemon=True)
        self._thread.start()

    @property
    def is_asked(self) -> bool:
        """Whether it is there and followed closely when somebody last looked."""
        return self._why is None

    def look(self, work: Callable[[Connection], T]) -> T:
        """Run ``work`` on one snapshot of it. Raises ``Passed`` if the primary is to be asked.

        What it refuses is for the primary to say as well: it may not know yet what was made a moment ago.
        """
        try:
            with self._line.on(self._readers) as connection, begun(connection, "statement_timeout"):
                self._refuse_late(connection)
                return work(connection)
        except JobsError as error:
            raise Passed from error
        except DBAPIError as error:
            if is_out_of_reach(error) and state_of(error) not in _GAVE_UP:
                self._pass_over("it is out of reach")
            else:
                self._say_given_up(error)
            raise Passed from error

    def close(self) -> None:
        """Let go of every connection."""
        self._stop.set()
        # Before those who would cut it off from a server that does not answer.
        self._thread.join()
        self._line.close()
        self._primary_line.close()
        self._readers.dispose()
        self._primary.dispose()

    def _refuse_late(self, connection: Connection) -> None:
        position = Position(*connection.exec_driver_sql(_OF_REPLICA).one())
        why = self._what_is_wrong_with(position)
        if why is not None:
            self._pass_over(why)
            raise Passed

    def _what_is_wrong_with(self, position: Position) -> str | None:
        with self._lock:
            self._forget(time.monotonic() - self._lag)
            if not self._samples:
                return "how far the primary is cannot be found out"
            _, due = self._samples[0]
        if position.lsn is None:
            return "it is no standby"
        if position.cluster != due.cluster:
            return "it is a standby of another database"
        if position.timeline != due.timeline:
            return f"it is on timeline {position.timeline}, and the primary on {due.timeline}"
        if position.lsn < (due.lsn or 0):
            return f"it is more than {self._lag:g} s behind"
        return None

    def _forget(self, before: float) -> None:
        while self._samples and self._samples[0][0] < before:
            self._samples.popleft()

    def _watch(self) -> None:
        while not self._stop.is_set():
            with suppress(SQLAlchemyError, Unavailable):
                self._note_primary()
            try:
                with self._line.on(self._readers) as connection, begun(connection, "statement_timeout"):
                    self._refuse_late(connection)
                self._ask_again()
            except Passed:
                pass
            except (SQLAlchemyError, Unavailable) as error:
                self._pass_over(_in_a_line(error))
            self._stop.wait(_EVERY)

    def _note_primary(self) -> None:
        at = time.monotonic()
        with self._primary_line.on(self._primary) as connection, begun(connection, "statement_timeout"):
            position = Position(*connection.exec_driver_sql(_OF_PRIMARY).one())
        with self._lock:
            if self._samples and self._samples[-1][1][:2] != position[:2]:
                self._samples.clear()
            self._samples.append((at, position))

    def _pass_over(self, why: str) -> None:
        with self._lock:
            turned, self._why = self._why in (None, _NOT_YET), why
            self._not_before = time.monotonic() + _AT_LEAST
        if turned:
            log.warning("the replica is passed over, the primary answers", why=why)

    def _ask_again(self) -> None:
        with self._lock:
            if self._why is None or time.monotonic() < self._not_before:
                return
            self._why = None
        log.info("the replica is asked what may be some seconds old")

    def _say_given_up(self, error: DBAPIError) -> None:
        with self._lock:
            now = time.monotonic()
            if now < self._say_at:
                return
            self._say_at = now + _SAY_EVERY
        log.warning(
            "the replica gave up a query, the primary answered", state=state_of(error), why=_in_a_line(error)
        )


def _in_a_line(error: Exception) -> str:
    return " ".join(str(getattr(error, "orig", None) or error).split())
