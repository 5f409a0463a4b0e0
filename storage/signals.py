"""What a transaction leaves for others to do, noted on its connection and raised after the commit."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from sqlalchemy import Connection


class Signal(StrEnum):
    """Who should look at the store soon."""

    MARKS = "marks"
    AGENDA = "agenda"
    REVOKED = "revoked"
    EVENTS = "events"
    SWITCHED = "switched"
    REGISTERED = "registered"
    TRUSTED = "trusted"


_KEY: Final = "thingjobs.signals"


def raise_after_commit(connection: Connection, signal: Signal) -> None:
    """Note ``signal``; ``Store.write`` wakes its listeners once the transaction is on disk."""
    connection.info.setdefault(_KEY, set()).add(signal)


def take(connection: Connection) -> frozenset[Signal]:
    """Return and forget what was noted on this connection."""
    return frozenset(connection.info.pop(_KEY, ()))
