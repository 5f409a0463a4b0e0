"""Locks that only PostgreSQL needs, where several write at once; on SQLite all of them cost nothing.

Taken in one order, so that nobody waits in a ring: things by key, executions by key, the log of transitions,
jobs by key. Advisory ones are numbered here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import Connection, CursorResult, text

from storage.database import Overtaken
from storage.lists import bound, ints
from storage.together import Asked, Found, together

#: Held by every writing transaction: shared by verbs that may run beside others, else alone.
GATE: Final = 7_401_000
#: Held by whoever changes the schema.
SCHEMA: Final = 7_401_001
#: Held from the first transition a transaction writes until it commits.
LOG: Final = 7_401_002


def require_hit(result: CursorResult[Any] | Found, rows: int = 1) -> None:
    """Raise ``Overtaken`` unless an UPDATE guarded by versions has hit so many rows."""
    if result.rowcount != rows:
        raise Overtaken("another writer was faster; try again")


def lock_log(connection: Connection) -> None:
    """Be the only one who writes transitions until the commit: their numbers rise in the order of commits."""
    together(connection, *log_locks(connection))


def log_locks(connection: Connection) -> list[Asked]:
    """Return what does that, to be sent together with what is written then."""
    return [] if connection.dialect.name == "sqlite" else [Asked(f"SELECT pg_advisory_xact_lock({LOG})", {})]


def lock_things(connection: Connection, keys: Iterable[int]) -> None:
    """Let nobody else decide about these things until the commit."""
    wanted = sorted(set(keys))
    if wanted and connection.dialect.name != "sqlite":
        connection.execute(
            text(
                f"SELECT t.id FROM things t WHERE t.id IN (SELECT v FROM {ints(connection, 'keys')} k) "
                f"{locked(connection, 't')}"
            ),
            {"keys": bound(connection, wanted)},
        )


def locked(connection: Connection, alias: str) -> str:
    """Return the end of a SELECT that locks the rows of ``alias`` by key until the commit."""
    if connection.dialect.name == "sqlite":
        return ""
    return f"ORDER BY {alias}.id FOR NO KEY UPDATE OF {alias}"
