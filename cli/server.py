"""One server process: builds the parts from the settings, starts them bottom up, stops them top down."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from importlib.metadata import version
from typing import Final

import structlog

from api.app import ApiOptions, build
from api.artifact_store import ArtifactStore
from api.call import DispatcherLogin
from api.server import ApiServer
from broker.clock import Clock
from broker.credentials import DeviceCredentials
from broker.dispatcher import Dispatcher
from broker.embedded.link import EmbeddedLink
from broker.embedded.listener import Secure
from broker.lifecycle import Publisher
from broker.link import Link
from broker.mqtt import ExternalLink
from broker.notifier import Notifier
from broker.presence import Presence
from broker.revocation import Revocation
from broker.scheduler import Scheduler
from cli.artifact_parts import artifact_parts, warn_of_loopback
from cli.certificate_parts import authority_of, secure_listener
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
from storage.links import minter
from storage.policy import Policy
from storage.signals import Signal
from storage.store import Store

log = structlog.get_logger(__name__)

#: How long a stopping server works off what it has taken in.
DRAIN: Final = 10.0


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
        host = self.settings.http_host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.http_port}"

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
    store = await asyncio.to_thread(_opened, settings)
    try:
        clock = Clock(not_before=await store.read(timers.newest))
        authority = await authority_of(settings, at=clock())
        secure = await secure_listener(settings, store, authority, at=clock())
        link = _link(settings, store, clock, secure)
        kept, links = await artifact_parts(settings, store)
        policy = _policy(settings, links)
        engine = _engine(settings, store, link, clock, policy)
        try:
            if settings.broker == "embedded":
                await engine.presence.reset()
            await link.start(engine.dispatcher)
            async with asyncio.TaskGroup() as tasks:
                options = replace(
                    _api_options(settings, store, link, engine, clock=clock, policy=policy, kept=kept),
                    authority=authority,
                    sources=document_sources(settings, links),
                )
                api = ApiServer(build(store, options), settings.http_host, settings.http_port)
                await api.start()
                server = Server(settings, store, link, api.port, clock)
                # Before the first document goes out: only now is it certain where we are.
                links.base = settings.artifact_url or server.http_url
                warn_of_loopback(settings, links.base)
                running = engine.run(tasks, store)
                try:
                    yield server
                finally:
                    await api.close()
                    await link.stop_intake()
                    await _drain(engine.dispatcher)
                    for task in running:
                        task.cancel()
        finally:
            await link.close()
    finally:
        await store.close()


def _opened(settings: Settings) -> Store:
    if settings.database_url is None:
        return Store.open(settings.data_dir)
    return Store.connect(settings.database_url.get_secret_value(), data_dir=settings.data_dir)


async def _drain(dispatcher: Dispatcher) -> None:
    try:
        async with asyncio.timeout(DRAIN):
            await dispatcher.drain()
    except TimeoutError:
        log.warning("stopping with requests unanswered; devices will send them again")


def _link(settings: Settings, store: Store, clock: Clock, secure: Secure | None) -> Link:
    topics = Topics(settings.topic_root)
    if settings.broker == "embedded":
        return EmbeddedLink(
            host=settings.mqtt_host,
            port=settings.mqtt_port,
            topics=topics,
            authenticate=DeviceCredentials(store, clock=clock, insecure=settings.insecure_devices),
            secure=secure,
        )
    password = settings.broker_password
    return ExternalLink(
        host=settings.broker_host or "",
        port=settings.broker_port,
        topics=topics,
        username=settings.broker_username,
        password=None if password is None else password.get_secret_value(),
    )


@dataclass(frozen=True, slots=True)
class Engine:
    """The parts that work between the store and the link."""

    dispatcher: Dispatcher
    notifier: Notifier
    publisher: Publisher
    scheduler: Scheduler
    revocation: Revocation
    presence: Presence

    def run(self, tasks: asyncio.TaskGroup, store: Store) -> list[asyncio.Task[None]]:
        """Start every part; one that ends by an error takes the server down."""
        return [
            tasks.create_task(self.dispatcher.run(), name="dispatcher"),
            tasks.create_task(self.notifier.run(), name="notifier"),
            tasks.create_task(self.publisher.run(), name="publisher of lifecycle events"),
            tasks.create_task(self.scheduler.run(), name="scheduler"),
            tasks.create_task(self.revocation.run(), name="revocation"),
            tasks.create_task(self.presence.run(), name="presence"),
            tasks.create_task(_fail_with(store), name="disk watch"),
        ]


async def _fail_with(store: Store) -> None:
    await store.failed.wait()
    raise Unavailable("the disk failed under a commit; stopping, since nothing more can be promised")


def _policy(settings: Settings, links: Links) -> Policy:
    period = timedelta(minutes=settings.quarantine_minutes)
    return Policy(
        Registration(settings.registration),
        schedule_lead=timedelta(minutes=settings.schedule_min_lead_minutes),
        quarantine=Quarantine(settings.quarantine_after, period),
        minter=minter(links),
    )


def _engine(settings: Settings, store: Store, link: Link, clock: Clock, policy: Policy) -> Engine:
    topics = Topics(settings.topic_root)
    dispatcher = Dispatcher(store, topics, clock=clock, policy=policy)
    notifier = Notifier(store, link, topics, clock=clock, replied=dispatcher.replied, policy=policy)
    dispatcher.greet, dispatcher.forget = notifier.greet, notifier.forget
    publisher = Publisher(store, link, topics, _arns(settings))
    scheduler = Scheduler(store, clock=clock, leap=clock.leap, policy=policy)
    revocation = Revocation(store, link, clock=clock)
    is_told = settings.broker == "embedded"
    window = None if is_told else timedelta(minutes=settings.contact_minutes)
    presence = Presence(store, clock=clock, window=window)
    dispatcher.came, dispatcher.left, dispatcher.heard = presence.came, presence.left, presence.heard
    store.listen(Signal.MARKS, notifier.wake)
    store.listen(Signal.EVENTS, publisher.wake)
    store.listen(Signal.SWITCHED, publisher.switched)
    store.listen(Signal.AGENDA, scheduler.wake)
    store.listen(Signal.REVOKED, revocation.wake)
    store.listen(Signal.REGISTERED, presence.registered)
    return Engine(dispatcher, notifier, publisher, scheduler, revocation, presence)


def _arns(settings: Settings) -> Arns:
    return Arns(settings.partition, settings.region, settings.account)


def _api_options(
    settings: Settings,
    store: Store,
    link: Link,
    engine: Engine,
    *,
    clock: Clock,
    policy: Policy,
    kept: ArtifactStore,
) -> ApiOptions:
    def ready() -> Mapping[str, bool]:
        ticked = engine.scheduler.last_tick_at
        return {
            "store": store.ready,
            "broker": link.connected,
            "clock": ticked is not None and (clock() - ticked).total_seconds() < 60,
        }

    key = settings.api_key
    return ApiOptions(
        arns=_arns(settings),
        policy=policy,
        api_key=None if key is None else key.get_secret_value(),
        clock=clock,
        ready=ready,
        version=version("thingjobs"),
        links={},
        insecure=settings.insecure_operators,
        artifacts=kept,
        endpoints=endpoints_of(settings),
        topics=Topics(settings.topic_root),
        dispatcher=_dispatcher(settings),
    )


def _dispatcher(settings: Settings) -> DispatcherLogin | None:
    if settings.broker_username is None or settings.broker_password is None:
        return None
    return DispatcherLogin(settings.broker_username, settings.broker_password.get_secret_value())
