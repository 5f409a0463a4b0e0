"""Leases: of several processes one at a time does a duty, and another one takes over when it is gone.

A lease only says who should act. What one that was overtaken still tries is refused by the number of its
term, in the transaction that would have done it: then nothing old is done after something new.

Times are the database's own: the clocks of those who compete may differ.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Concatenate, Final, ParamSpec, TypeVar

from sqlalchemy import Connection, text

from domain.errors import Unavailable
from storage.beside import beside, may_run_beside

P = ParamSpec("P")
T = TypeVar("T")

_NOW: Final = {
    "sqlite": "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
    "postgresql": "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)",
}
_TAKE: Final = (
    "INSERT INTO leases (name, holder, until, term) VALUES (:name, :holder, {now} + :span, 1) "
    "ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until, "
    "term = leases.term + CASE WHEN leases.holder = excluded.holder THEN 0 ELSE 1 END "
    "WHERE leases.holder = excluded.holder OR leases.until <= {now} RETURNING term"
)


class Deposed(Unavailable):
    """Another process does this now: whatever is asked is for that one to answer."""


@dataclass(frozen=True, slots=True)
class Term:
    """One time of holding a lease, from taking it to losing it; numbers rise from holder to holder."""

    name: str
    number: int


@beside
def take(connection: Connection, name: str, *, holder: str, span: timedelta) -> Term | None:
    """Take a lease that is free or the caller's own, for ``span`` from now; None if another one has it."""
    taken = connection.execute(
        text(_TAKE.format(now=_NOW[connection.dialect.name])),
        {"name": name, "holder": holder, "span": span // timedelta(milliseconds=1)},
    ).scalar()
    return None if taken is None else Term(name, taken)


@beside
def touch(connection: Connection) -> None:
    """Find out whether the database is there for a writer."""
    connection.execute(text("SELECT 1"))


@beside
def give_back(connection: Connection, term: Term, *, holder: str) -> None:
    """Let another one take the lease at once, if it still is the caller's."""
    connection.execute(
        text("UPDATE leases SET until = 0 WHERE name = :name AND holder = :holder AND term = :term"),
        {"name": term.name, "holder": holder, "term": term.number},
    )


def fenced(
    verb: Callable[Concatenate[Connection, P], T], term: Term | None
) -> Callable[Concatenate[Connection, P], T]:
    """Return the verb as one that raises ``Deposed``, and does nothing, once the term has been overtaken.

    It looks at its end, when it has locked what it changes: whoever comes next waits for those locks, so what
    it does to the same rows comes after.
    """
    if term is None:
        return verb

    def run(connection: Connection, /, *args: P.args, **kwargs: P.kwargs) -> T:
        value = verb(connection, *args, **kwargs)
        now = connection.execute(text("SELECT term FROM leases WHERE name = :name"), {"name": term.name})
        if now.scalar() != term.number:
            raise Deposed(f"another process has taken over as {term.name}")
        return value

    return beside(run) if may_run_beside(verb) else run
