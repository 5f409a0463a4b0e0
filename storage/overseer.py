"""Ends calls that a server never answers: a frozen one keeps the network alive, and its time-outs sleep."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from sqlalchemy import Connection


class Overseer:
    """Cuts the connection of whoever has waited for longer than ``patience`` seconds."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
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
            self._busy[id(driver)] = (time.monotonic() + self._patience, driver)
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
        while not self._stop.wait(min(1.0, self._patience / 4)):
            now = time.monotonic()
            # Under the lock: a connection that is still in here has not been given back.
            with self._lock:
                for until, driver in self._busy.values():
                    if now >= until:
                        _cut(driver)


def _cut(driver: Any) -> None:
    """End the connection under the call that waits on it, which then fails as if the server had gone."""
    with suppress(OSError):
        twin = socket.socket(fileno=os.dup(driver.fileno()))
        try:
            twin.shutdown(socket.SHUT_RDWR)
        finally:
            twin.close()
