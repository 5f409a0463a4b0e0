"""A circuit breaker: while a server is known to be out of reach, a call is refused before it costs a thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
from sqlalchemy.exc import DBAPIError, TimeoutError as PoolTimeout

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

    def admit(self) -> None:
        """Raise ``Unavailable`` while it is open; whoever passes when it is not quite closed is the probe."""
        with self._lock:
            if not self._wait:
                return
            now = self._clock()
            if now < self._opens_at:
                raise Unavailable("the database server is out of reach; trying again soon")
            self._opens_at = now + self._wait

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Learn from a call how the server is. A pool that stays empty becomes ``Unavailable``."""
        try:
            yield
        except DBAPIError as error:
            if is_out_of_reach(error):
                self._lost()
            else:
                self._wait = 0.0
            raise
        except PoolTimeout as error:
            raise Unavailable("every connection to the database is busy") from error
        self._wait = 0.0

    def _lost(self) -> None:
        with self._lock:
            now = self._clock()
            # Many calls that fail together are one failure.
            if not self._wait or now >= self._opens_at - self._wait / 2:
                self._wait = min(self._wait * 2 or FIRST_WAIT, LONGEST_WAIT)
            self._opens_at = now + self._wait


def is_out_of_reach(error: DBAPIError) -> bool:
    """Tell whether there was no connection, or is none any more."""
    if error.connection_invalidated:
        return True
    return isinstance(error.orig, psycopg.OperationalError) and getattr(error.orig, "sqlstate", None) is None
