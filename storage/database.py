"""What a store needs of its database: what SQLite and PostgreSQL do each in its own way."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from domain.errors import Unavailable
from storage.signals import Signal

T = TypeVar("T")


class Overtaken(Unavailable):
    """Another writer changed what this one had read: the same again, from the beginning, may do."""


class Trouble(NamedTuple):
    """Why the database cannot serve; ``is_fatal``: nothing may be promised any more."""

    reason: str
    is_fatal: bool = False


class Passed(Exception):
    """A replica does not answer this one: the primary is to."""


class Browsing(Protocol):
    """A copy of a database that may be some seconds behind it."""

    @property
    def is_asked(self) -> bool:
        """Whether it was there and close enough when somebody last looked."""

    def look(self, work: Callable[[Connection], T]) -> T:
        """Run ``work`` on one snapshot of it. Raises ``Passed``."""


class Database(Protocol):
    """One open database. Its calls block: the store makes them in threads of its own."""

    #: Whether other processes may write to it as well.
    is_shared: bool
    #: How many transactions may run at once.
    write_threads: int
    read_threads: int

    @property
    def replica(self) -> Browsing | None:
        """Who else can be asked what may be some seconds old."""

    @property
    def is_reachable(self) -> bool:
        """Whether it was there when somebody last tried."""

    def admit(self) -> None:
        """Raise ``Unavailable`` if it is known that a call would be in vain: it must not cost a thread."""

    def transact(self, work: Callable[[Connection], T], *, alone: bool) -> tuple[T, frozenset[Signal]]:
        """Run ``work`` in a writing transaction; return its value and signals once that is on disk.

        ``alone``: no other writing transaction may run meanwhile. ``work`` may run again after a rollback.
        """

    def look(self, work: Callable[[Connection], T]) -> T:
        """Run ``work`` on one snapshot, from which it can only read."""

    def trouble(self, error: DBAPIError) -> Trouble | None:
        """Return what this error means if it is no fault of the statement."""

    def listen(self, wake: Callable[[Signal], None]) -> None:
        """Call ``wake``, from any thread, for signals that other processes raised."""

    def ring(self, signals: frozenset[Signal]) -> None:
        """Pass on to other processes what a commit of ours raised; returns at once."""

    def close(self) -> None:
        """Let go of every connection."""
