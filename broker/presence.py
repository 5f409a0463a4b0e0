"""Presence: gathers who comes, goes and is heard, and writes it once a second, however many they are.

Where the broker says who is connected to it, that is what counts. Where it does not, a thing is connected as
long as it was heard within the ``window``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Final

import structlog

from domain.errors import Unavailable
from storage import presence
from storage.presence import CHUNK, Contacts
from storage.store import Store

log = structlog.get_logger(__name__)

TICK: Final = 1.0
#: How often it is looked for things that have fallen silent.
LOOK: Final = timedelta(seconds=10)
#: A thing that goes on talking is written down once in this time.
ONCE_IN: Final = timedelta(minutes=1)


class Presence:
    """What it is told costs a place in a set; the store hears of it in batches."""

    def __init__(
        self, store: Store, *, clock: Callable[[], datetime], window: timedelta | None = None
    ) -> None:
        self._store = store
        self._clock = clock
        self._window = window
        self._turned: dict[str, bool] = {}
        self._heard: set[str] = set()
        self._recent: set[str] = set()
        self._recent_since: datetime | None = None
        # Connected, and not registered yet.
        self._strangers: set[str] = set()
        self._told = False
        self._looked_at: datetime | None = None

    def came(self, thing_name: str) -> None:
        """A thing has a connection, says the broker."""
        self._turned[thing_name] = self._told = True

    def left(self, thing_name: str) -> None:
        """A thing has no connection any more, says the broker."""
        self._turned[thing_name] = False
        self._told = True
        self._strangers.discard(thing_name)

    def heard(self, thing_names: Iterable[str]) -> None:
        """Things have asked for something."""
        self._heard.update(thing_names)

    def registered(self) -> None:
        """There are new things; some may have been connected for long."""
        for name in self._strangers:
            self._turned.setdefault(name, True)
        self._strangers.clear()

    async def reset(self) -> None:
        """Begin with nobody connected: a broker of our own has just started."""
        while await self._store.write(presence.reset, at=self._clock()):
            pass

    async def run(self) -> None:
        """Write down until cancelled; trouble is logged and tried again."""
        while True:
            await asyncio.sleep(TICK)
            try:
                await self.run_once()
            except Unavailable as error:
                log.warning("presence waits", reason=str(error))
            except Exception:
                log.exception("presence could not be written; it is tried again")

    async def run_once(self) -> int:
        """Write down what has gathered; return how many contacts that were."""
        at = self._clock()
        turned, heard = self._take(at)
        came = [name for name, is_here in turned.items() if is_here]
        left = [name for name, is_here in turned.items() if not is_here]
        kinds = [("came", came), ("left", left), ("heard", heard)]
        for kind, names in kinds:
            for start in range(0, len(names), CHUNK):
                contacts = Contacts(**{kind: names[start : start + CHUNK]})
                try:
                    missing = await self._store.write(presence.note, contacts, at=at)
                except BaseException:
                    self._put_back(turned, heard)
                    raise
                if kind == "came":
                    self._strangers.update(name for name in missing if self._turned.get(name, True))
        await self._lapse(at)
        return len(came) + len(left) + len(heard)

    def _take(self, at: datetime) -> tuple[dict[str, bool], list[str]]:
        if not _is_within(ONCE_IN, self._recent_since, at):
            self._recent, self._recent_since = set(), at
        turned, self._turned = self._turned, {}
        fresh, self._heard = self._heard - self._recent, set()
        self._recent |= fresh
        if self._window is not None and not self._told:
            turned = {**dict.fromkeys(fresh, True), **turned}
        return turned, sorted(fresh - turned.keys())

    def _put_back(self, turned: dict[str, bool], heard: list[str]) -> None:
        self._turned = {**turned, **self._turned}
        self._heard.update(heard)
        self._recent.difference_update(heard)

    async def _lapse(self, at: datetime) -> None:
        if self._window is None or self._told or _is_within(LOOK, self._looked_at, at):
            return
        self._looked_at = at
        while await self._store.write(presence.lapse, silent_since=at - self._window, at=at):
            pass


def _is_within(span: timedelta, since: datetime | None, at: datetime) -> bool:
    """Tell whether less than this has passed; a clock that was set back has not."""
    return since is not None and timedelta(0) <= at - since < span
