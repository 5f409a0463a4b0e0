"""Which versions of the program may be at work on one database, while servers go from one to the next.

What only newer programs understand is not done before no older one can be there.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, text

#: The first program, by its own newest migration, that goes on with a large job which is there in part.
PIECEWISE: Final = "0008"

_NAME: Final = "schema-serves"
_OLDEST: Final = text("SELECT value FROM meta WHERE name = :name")
_NOTE: Final = text(
    "INSERT INTO meta (name, value) VALUES (:name, :value) ON CONFLICT (name) DO UPDATE SET value = :value"
)


def note(connection: Connection, oldest: str) -> None:
    """Note the oldest program, by its own newest migration, that may start on this database."""
    connection.execute(_NOTE, {"name": _NAME, "value": oldest.encode()})


def oldest(connection: Connection) -> str | None:
    """Return the oldest program that may start; None: none that is older than the schema."""
    found = connection.execute(_OLDEST, {"name": _NAME}).scalar()
    return None if found is None else bytes(found).decode()


def all_know(connection: Connection, revision: str) -> bool:
    """Tell whether every program that may be at work knows what came with a migration."""
    known = oldest(connection)
    return known is None or known >= revision
