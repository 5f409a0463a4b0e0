"""Parts of a server in processes of their own: any number of each, on PostgreSQL and an external broker."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from api.app import build
from api.server import ApiServer
from broker.lease import Lease
from cli.errors import UsageRefused
from cli.health import Pulse, Readiness, telling
from cli.messaging import link_of, messaging_of, standing_by
from cli.parts import api_options, has_ticked, running, scheduler_of, standing, timekeeping_of
from cli.server import http_url, tell_where
from cli.settings import Settings, env_name


@asynccontextmanager
async def api(settings: Settings) -> AsyncIterator[str]:
    """Run an API around the block, which gets its URL; it needs no broker. Raises ``JobsError``."""
    _refuse_sqlite(settings, "api")
    async with standing(settings) as ground:
        pulse = Pulse(ground.store)
        ready = Readiness(lambda: {"store": pulse.is_there})
        door = ApiServer(
            build(ground.store, api_options(ground, ready)), settings.http_host, settings.http_port
        )
        async with running({**pulse.runs(), **timekeeping_of(ground)}):
            try:
                await door.start()
                tell_where(ground, http_url(settings, door.port))
                with ready.serving():
                    yield http_url(settings, door.port)
            finally:
                await door.close()


@asynccontextmanager
async def dispatcher(settings: Settings) -> AsyncIterator[str]:
    """Run a dispatcher around the block, which gets the broker's address. Raises ``JobsError``."""
    _refuse_sqlite(settings, "dispatcher")
    if settings.broker != "external":
        raise UsageRefused(f"thingjobs dispatcher needs an external broker: {env_name('broker')}=external")
    async with standing(settings, browses=False) as ground:
        tell_where(ground, http_url(settings, settings.http_port))
        messaging = messaging_of(ground, await link_of(ground))

        def parts() -> Mapping[str, bool]:
            return {"store": ground.store.ready, **messaging.ready()}

        ready = Readiness(parts)
        async with (
            telling(settings, ready, lambda: messaging.is_active),
            running(timekeeping_of(ground)),
            messaging.serving(),
        ):
            with ready.serving():
                yield f"{settings.broker_host}:{settings.broker_port}"


@asynccontextmanager
async def scheduler(settings: Settings) -> AsyncIterator[str]:
    """Run a scheduler around the block; it needs no broker. Raises ``JobsError``."""
    _refuse_sqlite(settings, "scheduler")
    async with standing(settings, browses=False) as ground:
        clock, duty = scheduler_of(ground), Lease(ground.store, "clock")

        def parts() -> Mapping[str, bool]:
            ticks = {"clock": has_ticked(clock, ground.clock)} if duty.is_held else {}
            return {"store": ground.store.ready, **ticks}

        ready = Readiness(parts)
        async with (
            telling(settings, ready, lambda: duty.is_held),
            running(timekeeping_of(ground, but=lambda: duty.is_held)),
            standing_by(duty, {"scheduler": clock.run}),
        ):
            with ready.serving():
                yield "on duty" if duty.is_held else "standing by"


def _refuse_sqlite(settings: Settings, command: str) -> None:
    if settings.database_url is None:
        raise UsageRefused(
            f"thingjobs {command} needs PostgreSQL ({env_name('database_url')}=postgresql://…): "
            "an SQLite database belongs to one process, thingjobs serve"
        )
