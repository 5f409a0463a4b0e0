"""What processes are made of, out of their settings: the parts that any of them may have."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from importlib.metadata import version
from typing import Any, Final

from api.app import ApiOptions
from api.artifact_store import ArtifactStore
from api.call import DispatcherLogin
from broker.clock import Clock
from broker.keeper import Keeper
from broker.scheduler import Scheduler
from cli import database
from cli.artifact_parts import artifact_parts
from cli.certificate_parts import authority_of
from cli.document_parts import document_sources
from cli.endpoint_parts import endpoints_of
from cli.settings import Settings
from domain.artifacts import Links
from domain.errors import Unavailable
from domain.names import Arns
from domain.quarantine import Quarantine
from domain.registry import Registration
from domain.topics import Topics
from storage import timers
from storage.authority import Authority
from storage.history import Kept
from storage.links import minter
from storage.policy import Policy
from storage.signals import Signal
from storage.store import Store

#: Parts that run until they are cancelled, by name.
Runs = Mapping[str, Callable[[], Coroutine[Any, Any, None]]]

#: Seconds between two looks whether the machine's clock was set, where the scheduler does not look.
_CLOCK_EVERY: Final = 5.0


@dataclass(frozen=True, slots=True)
class Ground:
    """What every process stands on."""

    settings: Settings
    store: Store
    clock: Clock
    authority: Authority
    artifacts: ArtifactStore
    #: ``base`` is to be set before the first document goes out.
    links: Links
    policy: Policy


@asynccontextmanager
async def standing(settings: Settings, *, browses: bool = True) -> AsyncIterator[Ground]:
    """Open the store around the block. Raises ``JobsError`` if that cannot be.

    ``browses``: it serves operators, some of whose questions a replica may answer.
    """
    store = await asyncio.to_thread(database.opened, settings, browses=browses)
    try:
        clock = Clock(not_before=await store.read(timers.newest))
        authority = await authority_of(settings, at=clock())
        kept, links = await artifact_parts(settings, store)
        yield Ground(settings, store, clock, authority, kept, links, policy_of(settings, links))
    finally:
        await store.close()


@asynccontextmanager
async def running(runs: Runs) -> AsyncIterator[None]:
    """Run parts around the block; one that ends by an error ends it."""
    async with asyncio.TaskGroup() as tasks:
        started = [tasks.create_task(run(), name=name) for name, run in runs.items()]
        try:
            yield
        finally:
            for task in started:
                task.cancel()


def watch_of(store: Store) -> Runs:
    """Return what ends a process whose disk has failed."""

    async def fail() -> None:
        await store.failed.wait()
        raise Unavailable("the disk failed under a commit; stopping, since nothing more can be promised")

    return {"disk watch": fail}


def timekeeping_of(ground: Ground, *, but: Callable[[], bool] = lambda: False) -> Runs:
    """Return what follows the machine's clock where it is set, ``but`` while the scheduler here does.

    Running timers are moved by the scheduler that is at work, and by none besides.
    """

    async def follow() -> None:
        while True:
            await asyncio.sleep(_CLOCK_EVERY)
            if not but():
                ground.clock.leap()

    return {"timekeeping": follow} if ground.store.is_shared else {}


def scheduler_of(ground: Ground) -> Scheduler:
    days = ground.settings.history_days
    kept = Kept() if days is None else Kept(timedelta(days=days))
    scheduler = Scheduler(
        ground.store,
        clock=ground.clock,
        leap=ground.clock.leap,
        policy=ground.policy,
        keeper=Keeper(ground.store, kept),
    )
    ground.store.listen(Signal.AGENDA, scheduler.wake)
    return scheduler


def has_ticked(scheduler: Scheduler, clock: Clock) -> bool:
    """Tell whether it has within a minute."""
    ticked = scheduler.last_tick_at
    return ticked is not None and (clock() - ticked).total_seconds() < 60


def arns_of(settings: Settings) -> Arns:
    return Arns(settings.partition, settings.region, settings.account)


def api_options(ground: Ground, ready: Callable[[], Mapping[str, bool]]) -> ApiOptions:
    settings, key = ground.settings, ground.settings.api_key
    return ApiOptions(
        arns=arns_of(settings),
        policy=ground.policy,
        api_key=None if key is None else key.get_secret_value(),
        clock=ground.clock,
        ready=ready,
        optional=partial(_optional, ground.store),
        version=version("thingjobs"),
        links={},
        insecure=settings.insecure_operators,
        control_plane_rate=settings.control_plane_rate,
        data_plane_rate=settings.data_plane_rate,
        artifacts=ground.artifacts,
        endpoints=endpoints_of(settings),
        topics=Topics(settings.topic_root),
        dispatcher=_dispatcher(settings),
        authority=ground.authority,
        sources=document_sources(settings, ground.links),
    )


def _optional(store: Store) -> Mapping[str, bool]:
    """Return what is there that the API can do without."""
    return {} if store.asks_replica is None else {"replica": store.asks_replica}


def policy_of(settings: Settings, links: Links) -> Policy:
    period = timedelta(minutes=settings.quarantine_minutes)
    return Policy(
        Registration(settings.registration),
        schedule_lead=timedelta(minutes=settings.schedule_min_lead_minutes),
        quarantine=Quarantine(settings.quarantine_after, period),
        minter=minter(links),
    )


def _dispatcher(settings: Settings) -> DispatcherLogin | None:
    if settings.broker_username is None or settings.broker_password is None:
        return None
    return DispatcherLogin(settings.broker_username, settings.broker_password.get_secret_value())
