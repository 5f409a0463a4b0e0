"""Wake-ups between processes by LISTEN and NOTIFY: a doorbell, no truth. Whoever misses one looks by itself.

Rung after the commit, together for what was raised in a moment, never within the transaction: PostgreSQL
lets transactions that notify commit only one after another. A process that dies in between has rung for
nobody; that is what the slow looks of all listeners are for.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Any, Final
from uuid import uuid4

import psycopg
import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from storage.line import Line
from storage.reach import connect
from storage.signals import Signal

log = structlog.get_logger(__name__)

CHANNEL: Final = "thingjobs"
#: Seconds: what is raised within one of them is told together; how often a listener looks whether to stop.
_TOGETHER: Final = 0.005
_STOP_EVERY: Final = 0.5
_RETRY_EVERY: Final = 1.0
#: Seconds after which a listener makes sure that there is somebody to be heard.
_LOOK_EVERY: Final = 10.0

_RING: Final = "SELECT pg_notify(%(channel)s, %(payload)s)"


class Bell:
    """One per process. It rings on the line, by a connection of ``engine``, and listens at ``url``.

    Where that leads to a bouncer nothing can be heard, and the looks remain.
    """

    def __init__(self, line: Line, engine: Engine, url: str) -> None:
        self._line = line
        self._engine = engine
        self._url = url
        self._name = uuid4().hex
        self._raised: set[Signal] = set()
        self._lock = threading.Lock()
        self._some = threading.Event()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._tell, name="store-bell", daemon=True)]
        self._threads[0].start()

    def ring(self, signals: frozenset[Signal]) -> None:
        """Have other processes told of these soon; returns at once."""
        with self._lock:
            self._raised |= signals
        self._some.set()

    def listen(self, wake: Callable[[Signal], None]) -> None:
        """Call ``wake`` for what other processes raise, and for everything after having been deaf."""
        self._threads.append(
            threading.Thread(target=self._hear, args=(wake,), name="store-listener", daemon=True)
        )
        self._threads[-1].start()

    def close(self) -> None:
        """Ring for what is left, stop listening."""
        self._stop.set()
        self._some.set()
        for thread in self._threads:
            thread.join()

    def _tell(self) -> None:
        while not self._stop.wait(_TOGETHER):
            self._some.wait()
            self._tell_once()
        self._tell_once()

    def _tell_once(self) -> None:
        self._some.clear()
        with self._lock:
            raised, self._raised = self._raised, set()
        if raised:
            payload = f"{self._name} {' '.join(sorted(raised))}"
            # Whoever is not told looks by himself.
            with suppress(SQLAlchemyError), self._engine.connect() as connection:
                driver: Any = connection.connection.driver_connection
                with self._line.over(driver):
                    try:
                        # A statement alone: what begins and ends a transaction would be two more journeys.
                        driver.execute(_RING, {"channel": CHANNEL, "payload": payload})
                    except psycopg.Error:
                        connection.invalidate()

    def _hear(self, wake: Callable[[Signal], None]) -> None:
        was_deaf = False
        while not self._stop.is_set():
            with suppress(psycopg.Error), closing(connect(self._url)) as driver:
                if not _has_session(driver):
                    log.warning(
                        "a bouncer is in the way: other processes are not heard, looking every few seconds"
                    )
                    return
                self._hear_until_lost(driver, wake, was_deaf=was_deaf)
            was_deaf = True
            self._stop.wait(_RETRY_EVERY)

    def _hear_until_lost(
        self, driver: psycopg.Connection[Any], wake: Callable[[Signal], None], *, was_deaf: bool
    ) -> None:
        driver.execute(f"LISTEN {CHANNEL}")
        for signal in Signal if was_deaf else ():
            wake(signal)
        while not self._stop.is_set():
            look_at = time.monotonic() + _LOOK_EVERY
            while not self._stop.is_set() and time.monotonic() < look_at:
                for heard in driver.notifies(timeout=_STOP_EVERY):
                    self._pass_on(heard.payload, wake)
            # A server that stands still says nothing either, and another one may have taken over.
            with self._line.over(driver):
                driver.execute("SELECT 1")

    def _pass_on(self, payload: str, wake: Callable[[Signal], None]) -> None:
        name, *words = payload.split(" ")
        if name == self._name:
            return
        for word in words:
            # A newer program may know more.
            with suppress(ValueError):
                wake(Signal(word))


def _has_session(driver: psycopg.Connection[Any]) -> bool:
    """Tell whether a connection has a server process of its own, as a bouncer gives to no one.

    To listen through one would do harm: the notifications come to whoever is given that process next.
    """
    found = driver.execute("SELECT pg_backend_pid()").fetchone()
    return found is not None and found[0] == driver.pgconn.backend_pid
