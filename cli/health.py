"""How a process tells whether it works: on a port of its own where it serves no API, and without guessing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import structlog

from api.health import health
from api.server import ApiServer
from cli.parts import Runs
from cli.settings import Settings
from domain.errors import Unavailable
from storage import timers
from storage.store import Store

log = structlog.get_logger(__name__)

#: Seconds between two looks at a database that nobody may be asking anything.
_EVERY: Final = 2.0


@asynccontextmanager
async def telling(
    settings: Settings, ready: Callable[[], Mapping[str, bool]], is_active: Callable[[], bool]
) -> AsyncIterator[None]:
    """Answer probes around the block, where the settings name a port for them. Raises ``Unavailable``."""
    if settings.health_port is None:
        yield
        return
    door = ApiServer(health(ready, is_active), settings.health_host, settings.health_port)
    await door.start()
    try:
        log.info("answers probes", host=settings.health_host, port=door.port)
        yield
    finally:
        await door.close()


class Readiness:
    """What a process says of its parts; from when it is about to stop also that it takes nothing more."""

    def __init__(self, parts: Callable[[], Mapping[str, bool]]) -> None:
        self._parts = parts
        self._is_stopping = False

    def __call__(self) -> Mapping[str, bool]:
        return {**self._parts(), **({"serving": False} if self._is_stopping else {})}

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Serve within the block: whoever asks hears first of its end, before anything is taken down."""
        try:
            yield
        finally:
            self._is_stopping = True


class Pulse:
    """Asks the database now and then: one that is out of reach is noticed though no caller comes."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._is_there = True

    @property
    def is_there(self) -> bool:
        return self._is_there and self._store.ready

    def runs(self) -> Runs:
        return {"pulse": self._look_on} if self._store.is_shared else {}

    async def _look_on(self) -> None:
        while True:
            await asyncio.sleep(_EVERY)
            try:
                await self._store.read(timers.newest)
            except Unavailable:
                self._is_there = False
            else:
                self._is_there = True
