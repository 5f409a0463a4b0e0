"""Ends calls that a server never answers: a frozen one keeps the network alive, and its time-outs sleep."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from typing import Any, Final, NamedTuple

import psycopg

from storage.breaker import Breaker

#: Seconds between two looks.
_EVERY: Final = 0.5


class Answer(Enum):
    """What a server says to one more connection."""

    WELCOME = "welcome"
    REFUSAL = "refusal"
    NONE = "none"


class Place(NamedTuple):
    """Where a connection goes to, of the hosts that a URL may name."""

    host: str
    hostaddr: str
    port: int


class Overseer:
    """Cuts the connections of those who have waited for a server that does not answer.

    Whoever has waited for ``patience`` seconds may wait for good reason: then the very server that he waits
    for is asked on another connection (``is_there``). Nobody waits for longer than ``at_most``. While the
    breaker is open it asks as well (``is_back``), so that a process without calls learns that a server is
    back.
    """

    def __init__(
        self,
        is_back: Callable[[], bool],
        is_there: Callable[[Place], bool],
        breaker: Breaker,
        *,
        patience: float,
        at_most: float,
    ) -> None:
        self._is_back = is_back
        self._is_there = is_there
        self._breaker = breaker
        self._patience = patience
        self._at_most = at_most
        self._lock = threading.Lock()
        self._busy: dict[int, tuple[float, Any]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._oversee, name="store-overseer", daemon=True)
        self._thread.start()

    @contextmanager
    def over(self, driver: Any) -> Iterator[None]:
        """Watch over what is done on the driver's connection meanwhile."""
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
            if self._breaker.is_open and self._is_back():
                self._breaker.close()
            now = time.monotonic()
            for place in self._waited_for(now - self._patience):
                limit = self._at_most if self._is_there(place) else self._patience
                self._cut(place, now - limit)

    def _waited_for(self, since: float) -> set[Place]:
        with self._lock:
            waiting = [driver for begun, driver in self._busy.values() if begun <= since]
            return {place for place in map(_place, waiting) if place is not None}

    def _cut(self, place: Place, before: float) -> None:
        """End the connections under the calls that began by then: they fail as if the server had gone."""
        # Under the lock: a connection that is still in here has not been given back.
        with self._lock:
            for since, driver in self._busy.values():
                if since <= before and _place(driver) == place:
                    _shut(driver)


def _place(driver: Any) -> Place | None:
    try:
        return Place(driver.info.host, driver.info.hostaddr, driver.info.port)
    except psycopg.Error:  # It is closed, and nobody waits any more.
        return None


def _shut(driver: Any) -> None:
    with suppress(OSError):
        twin = socket.socket(fileno=os.dup(driver.fileno()))
        try:
            twin.shutdown(socket.SHUT_RDWR)
        finally:
            twin.close()
