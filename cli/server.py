"""All in one process: the parts, built from the settings, started bottom up and stopped top down."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from api.app import build
from api.server import ApiServer
from broker.clock import Clock
from broker.embedded.link import EmbeddedLink
from broker.lease import Lease
from broker.link import Link
from cli.artifact_parts import warn_of_loopback
from cli.health import Pulse, Readiness
from cli.messaging import link_of, messaging_of, standing_by
from cli.parts import (
    Ground,
    api_options,
    has_ticked,
    running,
    scheduler_of,
    standing,
    timekeeping_of,
    watch_of,
)
from cli.settings import Settings
from storage.store import Store


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: where it is and what it is made of."""

    settings: Settings
    store: Store
    link: Link
    http_port: int
    clock: Clock

    @property
    def http_url(self) -> str:
        return http_url(self.settings, self.http_port)

    @property
    def mqtt_address(self) -> str:
        if isinstance(self.link, EmbeddedLink):
            return f"{self.settings.mqtt_host}:{self.link.port}"
        return f"{self.settings.broker_host}:{self.settings.broker_port}"

    @property
    def mqtts_address(self) -> str | None:
        """Where devices with certificates come in, if they do here."""
        if not isinstance(self.link, EmbeddedLink) or self.link.secure_port is None:
            return None
        return f"{self.settings.mqtts_host}:{self.link.secure_port}"


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[Server]:
    """Run a server around the block. Raises ``JobsError`` if it cannot start.

    Stopping: no new work, what was taken in is answered, answers are flushed, then the store is closed. A
    part that dies, or a disk that fails, ends the block.
    """
    async with standing(settings) as ground:
        store, clock = ground.store, ground.clock
        link = await link_of(ground)
        messaging, scheduler = messaging_of(ground, link), scheduler_of(ground)
        duty, pulse = Lease(store, "clock"), Pulse(store)

        def parts() -> Mapping[str, bool]:
            ticks = {"clock": has_ticked(scheduler, clock)} if duty.is_held else {}
            return {"store": pulse.is_there, **messaging.ready(), **ticks}

        ready = Readiness(parts)
        api = ApiServer(build(store, api_options(ground, ready)), settings.http_host, settings.http_port)
        others = {**watch_of(store), **timekeeping_of(ground, but=lambda: duty.is_held), **pulse.runs()}
        try:
            await api.start()
            server = Server(settings, store, link, api.port, clock)
            # Before the first document goes out: only now is it certain where we are.
            tell_where(ground, server.http_url)
            clock_duty = standing_by(duty, {"scheduler": scheduler.run})
            async with running(others), clock_duty, messaging.serving():
                try:
                    with ready.serving():
                        yield server
                finally:
                    await api.close()
        finally:
            await api.close()


def http_url(settings: Settings, port: int) -> str:
    """Return where an API with these settings is that listens on ``port``."""
    host = settings.http_host
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def tell_where(ground: Ground, http_url: str) -> None:
    """Let links begin with where devices reach the API."""
    ground.links.base = ground.settings.artifact_url or http_url
    warn_of_loopback(ground.settings, ground.links.base)
