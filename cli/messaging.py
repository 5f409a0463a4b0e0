"""The parts between the store and the broker, and when they work: all the time, or while it is their duty."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

import structlog

from broker.credentials import DeviceCredentials
from broker.dispatcher import Dispatcher
from broker.embedded.link import EmbeddedLink
from broker.lease import LOOK, RENEW, SPAN, Lease, Reach, on_duty
from broker.lifecycle import Publisher
from broker.link import Link
from broker.mqtt import ExternalLink
from broker.notifier import Notifier
from broker.presence import Presence
from broker.revocation import Revocation
from broker.tls import Tls
from cli.certificate_parts import secure_listener
from cli.parts import Ground, Runs, arns_of, running
from cli.settings import Settings
from domain.errors import Unavailable
from domain.topics import Topics
from storage.signals import Signal
from storage.store import StoreInUse

log = structlog.get_logger(__name__)

#: How long a stopping process works off what it has taken in.
DRAIN: Final = 10.0
#: Who shares the requests, where the broker is to deal them out.
GROUP: Final = "thingjobs"


@dataclass(frozen=True, slots=True)
class Messaging:
    """A link to devices and what works on it."""

    ground: Ground
    link: Link
    lease: Lease
    dispatcher: Dispatcher
    notifier: Notifier
    publisher: Publisher
    revocation: Revocation
    presence: Presence

    @property
    def is_active(self) -> bool:
        """Whether devices are served here, rather than by another process while this one stands by."""
        return self.lease.is_held

    def ready(self) -> Mapping[str, bool]:
        """Return what must be there, by name: a link is nothing that a standby has."""
        return {"broker": self.link.connected} if self.is_active else {}

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Serve devices around the block, as the settings say; returns when that or standing by begins."""
        store, settings = self.ground.store, self.ground.settings
        if not store.is_shared:
            async with self._working():
                yield
        elif settings.broker == "embedded":
            async with self._alone(), self._working():
                yield
        elif settings.dispatchers == "shared":
            publishing = standing_by(Lease(store, "publisher"), {"publisher": self.publisher.run})
            async with standing_by_for(self.lease, partial(self._working, publishes=False)), publishing:
                yield
        else:
            async with standing_by_for(self.lease, self._working):
                yield

    @asynccontextmanager
    async def _working(self, *, publishes: bool = True) -> AsyncIterator[None]:
        self.dispatcher.begin(self.lease.term)
        self.notifier.wake()
        self.publisher.switched()
        runs: Runs = {
            "dispatcher": self.dispatcher.run,
            "notifier": self.notifier.run,
            "revocation": self.revocation.run,
            "presence": self.presence.run,
        }
        publishing: Runs = {"publisher": self.publisher.run} if publishes else {}
        try:
            if self.ground.settings.broker == "embedded":
                await self.presence.reset()
            await self.link.start(self.dispatcher)
            async with running({**runs, **publishing}):
                try:
                    yield
                finally:
                    await self.link.stop_intake()
                    if self.is_active:
                        await self._drain()
        finally:
            await self.link.close()

    async def _drain(self) -> None:
        try:
            async with asyncio.timeout(DRAIN):
                await self.dispatcher.drain()
        except TimeoutError:
            log.warning("stopping with requests unanswered; devices will send them again")

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """Be the one server whose own broker serves this database's devices. Raises ``StoreInUse``."""
        try:
            async with asyncio.timeout(SPAN.total_seconds() + 2 * LOOK):
                while not await self.lease.take():  # noqa: ASYNC110 - another process lets go of it
                    await asyncio.sleep(LOOK)
        except TimeoutError:
            raise StoreInUse(
                "another process serves the devices of this database; several can with an external broker"
            ) from None
        try:
            async with running({"duty": self._keep}):
                yield
        finally:
            await self.lease.give_back()

    async def _keep(self) -> None:
        while not self.lease.is_overtaken:
            await asyncio.sleep(RENEW)
            await self.lease.take()
        raise Unavailable("another process serves the devices of this database since we could not say we do")


def messaging_of(ground: Ground, link: Link) -> Messaging:
    """Build the parts on a link, and have them woken."""
    settings, store, clock, policy = ground.settings, ground.store, ground.clock, ground.policy
    topics = Topics(settings.topic_root)
    dispatcher = Dispatcher(store, topics, clock=clock, policy=policy)
    notifier = Notifier(store, link, topics, clock=clock, replied=dispatcher.replied, policy=policy)
    dispatcher.greet, dispatcher.forget = notifier.greet, notifier.forget
    publisher = Publisher(store, link, topics, arns_of(settings))
    revocation = Revocation(store, link, clock=clock)
    is_told = settings.broker == "embedded"
    window = None if is_told else timedelta(minutes=settings.contact_minutes)
    presence = Presence(store, clock=clock, window=window)
    dispatcher.came, dispatcher.left, dispatcher.heard = presence.came, presence.left, presence.heard
    store.listen(Signal.MARKS, notifier.wake)
    store.listen(Signal.EVENTS, publisher.wake)
    store.listen(Signal.SWITCHED, publisher.switched)
    store.listen(Signal.REVOKED, revocation.wake)
    store.listen(Signal.REGISTERED, presence.registered)
    shares = settings.broker == "external" and settings.dispatchers == "shared"
    lease = (Reach if shares else Lease)(store, "dispatcher")
    if isinstance(link, ExternalLink):
        link.may_connect = lambda: lease.is_held
    return Messaging(ground, link, lease, dispatcher, notifier, publisher, revocation, presence)


async def link_of(ground: Ground) -> Link:
    """Return the link that the settings name, not started. Raises ``Unavailable``."""
    settings, topics = ground.settings, Topics(ground.settings.topic_root)
    # With an external broker too: our own authority's certificate is there to be copied to it.
    secure = await secure_listener(settings, ground.store, ground.authority, at=ground.clock())
    if settings.broker == "embedded":
        authenticate = DeviceCredentials(ground.store, clock=ground.clock, insecure=settings.insecure_devices)
        return EmbeddedLink(
            host=settings.mqtt_host,
            port=settings.mqtt_port,
            topics=topics,
            authenticate=authenticate,
            secure=secure,
        )
    password = settings.broker_password
    return ExternalLink(
        host=settings.broker_host or "",
        port=settings.broker_port,
        topics=topics,
        username=settings.broker_username,
        password=None if password is None else password.get_secret_value(),
        group=GROUP if settings.dispatchers == "shared" else None,
        mqtt_version=settings.broker_mqtt_version,
        notification_seconds=60 * settings.notification_minutes,
        tls=_tls(settings),
    )


def _tls(settings: Settings) -> Tls | None:
    if not settings.broker_tls:
        return None
    return Tls(
        ca_file=settings.broker_tls_ca_file,
        cert_file=settings.broker_tls_cert_file,
        key_file=settings.broker_tls_key_file,
        checks_name=settings.broker_tls_check_name,
    )


@asynccontextmanager
async def standing_by(lease: Lease, runs: Runs) -> AsyncIterator[None]:
    """Around the block, run parts while they are our duty."""
    async with standing_by_for(lease, partial(running, runs)):
        yield


@asynccontextmanager
async def standing_by_for(
    lease: Lease, work: Callable[[], AbstractAsyncContextManager[None]]
) -> AsyncIterator[None]:
    """Around the block, work while it is our duty; returns when one of us is known to."""
    tried = asyncio.Event()
    async with running({lease.name: partial(on_duty, lease, work, tried=tried)}):
        await tried.wait()
        yield
