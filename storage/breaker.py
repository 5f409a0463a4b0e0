"""A circuit breaker: a call to a server that is known to be out of reach is refused and costs no thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from domain.errors import Unavailable

#: Seconds between two tries at a server that is out of reach: the first wait, and the longest.
FIRST_WAIT: Final = 0.25
LONGEST_WAIT: Final = 5.0


class Breaker:
    """Opens when a connection is lost or cannot be had; lets one call through after a while to find out."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._wait = 0.0
        self._opens_at = 0.0
        self._is_trying = False

    def admit(self) -> None:
        """Raise ``Unavailable`` while it is open; whoever passes when it is not quite closed is the probe."""
        with self._lock:
            if not self._wait:
                return
            now = self._clock()
            if now < self._opens_at:
                raise Unavailable("the database server is out of reach; trying again soon")
            self._opens_at = now + self._wait
            self._is_trying = True

    @property
    def is_open(self) -> bool:
        """Whether the server was out of reach when somebody last tried."""
        return self._wait > 0

    def close(self) -> None:
        """Learn that the server is there."""
        self._wait = 0.0

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Learn from a call how the server is. A pool that stays empty becomes ``Unavailable``."""
        try:
            yield
        except PoolTimeout as error:
            raise Unavailable("every connection to the database is busy") from error
        except BaseException as error:
            if isinstance(error, DBAPIError) and is_out_of_reach(error):
                self._lost()
            else:
                self.close()
            raise
        self.close()

    def _lost(self) -> None:
        with self._lock:
            # Many calls that fail together are one failure.
            if self._is_trying or not self._wait:
                self._wait = min(self._wait * 2 or FIRST_WAIT, LONGEST_WAIT)
            self._is_trying = False
            self._opens_at = self._clock() + self._wait


def is_out_of_reach(error: DBAPIError) -> bool:
    """Tell whether there was no connection, or is none any more."""
    if error.connection_invalidated:
        return True
    # A bouncer without a server says so by a state of the class 08.
    state = state_of(error)
    return isinstance(error.orig, psycopg.OperationalError) and (not state or state.startswith("08"))


def state_of(error: DBAPIError) -> str:
    """Return the SQLSTATE, '' where the server has not spoken."""
    found: Any = getattr(error.orig, "sqlstate", None)
    return found or ""
