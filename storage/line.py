"""The line to a PostgreSQL server: calls on it are watched over, and cut where nobody answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from sqlalchemy import Connection, Engine

from storage.breaker import Breaker
from storage.overseer import Answer, Overseer, Place
from storage.reach import knock


class Line:
    """One for each server, with a breaker of its own.

    ``direct``: where the server itself is, if ``url`` leads to a bouncer. Whoever has waited for ``patience``
    seconds has the server asked whether it is there; nobody waits for longer than ``at_most``.
    """

    def __init__(self, url: str, *, direct: str | None = None, patience: float, at_most: float) -> None:
        self._url = url
        self._direct = direct
        self.breaker = Breaker()
        self._overseer = Overseer(
            self._is_back, self._is_there, self.breaker, patience=patience, at_most=at_most
        )

    def _is_back(self) -> bool:
        return knock(self._url) is Answer.WELCOME

    def _is_there(self, place: Place) -> bool:
        if self._direct is None:
            return knock(self._url, place) is not Answer.NONE
        # Not through the bouncer: all that it has to the server may be at work, for good reason.
        answers = (knock(self._url, place, asks=False), knock(self._direct))
        return Answer.NONE not in answers

    @contextmanager
    def on(self, engine: Engine) -> Iterator[Connection]:
        """Have a connection for a while. Raises ``Unavailable`` if none is to be had in time."""
        with (
            self.breaker.watch(),
            engine.connect() as connection,
            self.over(connection.connection.driver_connection),
        ):
            yield connection

    def over(self, driver: Any) -> AbstractContextManager[None]:
        """Watch over what is done meanwhile on a connection out of no pool."""
        return self._overseer.over(driver)

    def close(self) -> None:
        """Stop watching."""
        self._overseer.close()
