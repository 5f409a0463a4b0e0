"""Keeps history to its length: looks now and then for what is too old, and has it go piece by piece."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import structlog

from domain.errors import Unavailable
from storage import history
from storage.history import Kept
from storage.store import Store

log = structlog.get_logger(__name__)

#: How long it rests when there is nothing to do, or no way to do it: an idle clock does not pay for it.
EVERY: Final = timedelta(minutes=1)


class Keeper:
    """Part of the clock's work; several may be at it."""

    def __init__(self, store: Store, kept: Kept) -> None:
        self._store = store
        self._kept = kept
        self._next: datetime | None = None

    async def look(self, at: datetime) -> int:
        """Do a piece if one is due and it is time to look; return how many that was. Raises nothing."""
        if self._next is not None and self._next - EVERY <= at < self._next:
            return 0
        try:
            piece = await self._store.read(history.due, self._kept, at=at)
            if piece is not None:
                await self._store.write(history.go_on, piece, self._kept, at=at)
                log.debug("history was kept to its length", piece=piece.kind.value)
                return 1
        except Unavailable as error:
            log.info("history is kept to its length later", reason=str(error))
        except Exception:
            log.exception("history is longer than it should be; it is tried again")
        self._next = at + EVERY
        return 0
