"""Ends calls that a server never answers: a frozen one keeps the network alive, and its time-outs sleep."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from typing import Any, Final

from sqlalchemy import Connection

from storage.breaker import Breaker

#: Seconds between two looks.
_EVERY: Final = 0.5


class Answer(Enum):
    """What a server says to one more connection."""

    WELCOME = "welcome"
    REFUSAL = "refusal"
    NONE = "none"


class Overseer:
    """Cuts the connections of those who have waited for a server that does not answer.

    Whoever has waited for ``patience`` seconds may wait for good reason: then the server is asked on another
    connection (``knock``) whether it is there. Nobody waits for longer than ``at_most``. While the breaker is
    open it asks as well, so that a process without calls learns that the server is back.
    """

    def __init__(
        self, knock: Callable[[], Answer], breaker: Breaker, *, patience: float, at_most: float
    ) -> None:
        self._knock = knock
        self._breaker = breaker
        self._patience = patience
        self._at_most = at_most
        self._lock = threading.Lock()
        self._busy: dict[int, tuple[float, Any]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._oversee, name="store-overseer", daemon=True)
        self._thread.start()

    @contextmanager
    def over(self, connection: Connection) -> Iterator[None]:
        """Watch over what is done on this connection meanwhile."""
        driver = connection.connection.driver_connection
        with self._lock:
            self._busy[id(driver)] = (time.monotonic(), driver)
        try:
            yield
        finally:
            with self._lock:
                del self._busy[id(driver)]

    def close(self) -> None:
        """Stop watching."""
        self._stop.set()
        self._thread.join()

    def _oversee(self) -> None:
        while not self._stop.wait(_EVERY):
            if self._breaker.is_open and self._knock() is Answer.WELCOME:
                self._breaker.close()
            now = time.monotonic()
            if any(now - since >= self._patience for since, _ in self._waiting()):
                limit = self._patience if self._knock() is Answer.NONE else self._at_most
                self._cut(now - limit)

    def _waiting(self) -> list[tuple[float, Any]]:
        with self._lock:
            return list(self._busy.values())

    def _cut(self, before: float) -> None:
        """End the connections under the calls that began by then: they fail as if the server had gone."""
        # Under the lock: a connection that is still in here has not been given back.
        with self._lock:
            for since, driver in self._busy.values():
                if since <= before:
                    _shut(driver)


def _shut(driver: Any) -> None:
    with suppress(OSError):
        twin = socket.socket(fileno=os.dup(driver.fileno()))
        try:
            twin.shutdown(socket.SHUT_RDWR)
        finally:
            twin.close()
