"""The external adapter: a keeper that always begins the next MQTT conversation, in the broker's version.

Where that is to be found out, 5 is tried first. Who refuses it is never asked again; who only hangs up on it
is spoken to in 3.1.1 until the connection is lost.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Collection
from functools import partial
from typing import Final, Literal
from uuid import uuid4

from paho.mqtt.enums import MQTTProtocolVersion

from broker.backoff import Backoff
from broker.client_events import ClientEvents
from broker.conversation import Conversation, NotSpoken
from broker.conversation5 import Conversation5, greeting
from broker.link import Door, LinkDown, Received
from broker.mqtt_client import V5, V311, WireClient
from broker.secure_wire import dial
from broker.tls import Tls
from broker.wire import Wire
from domain.topics import Topics

CONNECT_SECONDS: Final = 10.0
MAX_PUBLISHES: Final = 1_000
#: How long the broker keeps our session without us: as long as the shipped Mosquitto keeps any. In 3.1.1 it
#: is the broker's decision alone.
SESSION_SECONDS: Final = 14 * 24 * 3600
#: How long a notification may wait for its thing: as long as the embedded broker keeps a session. Who has
#: been away for longer asks, as the protocol says, and its queue has not grown meanwhile.
NOTIFICATION_SECONDS: Final = 24 * 3600
#: Requests on their way to us: fewer than the dispatcher lets wait before it refuses any.
RECEIVE_MAXIMUM: Final = 4_096
#: Topics that the broker may abbreviate to us. We abbreviate none: ours go to a thing each, and are hardly
#: said twice while a broker remembers them (Mosquitto: ten).
TOPIC_ALIASES: Final = 1_024

_log = logging.getLogger(__name__)


class ExternalLink:
    """A ``Link`` over Mosquitto, EMQX and their like; the session on the broker outlives every connection.

    Unless a ``group`` shares the requests: then each of it has a session for as long as it is connected, and
    what it has not acknowledged goes to another one.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        topics: Topics,
        client_id: str = "thingjobs-dispatcher",
        username: str | None = None,
        password: str | None = None,
        keepalive: int = 15,
        group: str | None = None,
        mqtt_version: Literal["auto", "5", "3.1.1"] = "auto",
        notification_seconds: int = NOTIFICATION_SECONDS,
        tls: Tls | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self._topics = topics
        self._group = group
        self._client_id = client_id if group is None else f"{client_id}-{uuid4().hex}"
        self._username = username
        self._password = password
        self._keepalive = keepalive
        self._notification_seconds = notification_seconds
        self._tls = tls
        self._version = V311 if mqtt_version == "3.1.1" else V5
        #: Whether 3.1.1 may be spoken where 5 is not; what hangs up on 5 may only be starting anew.
        self._may_fall_back = mqtt_version == "auto"
        self._has_spoken_5 = False
        #: Asked before it connects anew: another one may have its session by then, and would lose it.
        self.may_connect: Callable[[], bool] = lambda: True
        self._door: Door | None = None
        self._events = ClientEvents()
        self._conversation: Conversation | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._slots = asyncio.Semaphore(MAX_PUBLISHES)

    @property
    def connected(self) -> bool:
        return self._conversation is not None and self._conversation.ready

    async def start(self, door: Door) -> None:
        """Connect, once: a broker that cannot be reached at the start is for the operator to hear of."""
        self._door = door
        await self._converse(door)
        self._keeper = asyncio.create_task(self._keep(door), name="mqtt-link")

    async def publish(self, topic: str, payload: bytes) -> None:
        async with self._slots:
            conversation = self._conversation
            if conversation is None or not conversation.ready:
                raise LinkDown(f"no connection to the broker at {self._host}:{self._port}")
            await conversation.publish(topic, payload)

    def disconnect(self, thing_name: str) -> None:
        """Do nothing: MQTT gives a client no power over another; the broker's own user list has it."""

    def confine(self, certificate_id: str, things: Collection[str]) -> None:
        """Do nothing, for the same reason: there it is a revocation list that ends a certificate."""

    async def stop_intake(self) -> None:
        """Leave what still comes unacknowledged: the broker keeps it for the next dispatcher."""
        self._door = None

    async def close(self) -> None:
        self._door = None
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.cancel()
            await asyncio.wait({keeper})
        conversation, self._conversation = self._conversation, None
        if conversation is not None:
            await conversation.close()

    def _receive(self, message: Received) -> None:
        if self._door is not None:
            self._door.receive(message)

    def _hear(self, topic: str, payload: bytes) -> None:
        """Take what is no request: something the broker tells of a client, or nothing to us."""
        turn = self._events.read(topic, payload)
        if turn is not None and self._door is not None:
            thing_name, is_connected = turn
            (self._door.connected if is_connected else self._door.disconnected)(thing_name)

    async def _keep(self, door: Door) -> None:
        """Stay in conversation; after each loss begin again, with growing patience."""
        loop = asyncio.get_running_loop()
        backoff = Backoff(random.Random())  # noqa: S311 - jitter, not a secret
        while True:
            began = loop.time()
            if self._conversation is not None:
                reason = await self._conversation.keep_alive()
                self._conversation = None
                _log.warning("lost the broker at %s:%s: %s", self._host, self._port, reason)
            await asyncio.sleep(backoff.after(loop.time() - began))
            if not self.may_connect():
                continue
            try:
                await self._converse(door)
            except LinkDown as error:
                _log.warning("%s", error)

    async def _converse(self, door: Door) -> None:
        """Begin a conversation, or raise ``LinkDown`` and leave nothing behind."""
        try:
            remembered = await self._meet(self._version)
        except NotSpoken as error:
            if self._version is V311 or not self._may_fall_back:
                raise
            if self._has_spoken_5 and not error.is_certain:
                raise
            remembered = await self._meet(V311)
            if error.is_certain:
                self._version = V311
            _log.info("MQTT 3.1.1 it is, since the broker does not speak 5: %s", error)
        if not remembered:
            door.session_lost()

    async def _meet(self, version: MQTTProtocolVersion) -> bool:
        """Converse in a version of MQTT; return whether the broker remembers us."""
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                conversation = self._introduce(await dial(self._host, self._port, self._tls), version)
                try:
                    remembered = await conversation.open()
                except BaseException:
                    conversation.hang_up()
                    raise
        except OSError as error:
            reason = str(error) or type(error).__name__
            raise LinkDown(f"no broker at {self._host}:{self._port}: {reason}") from error
        self._conversation = conversation
        self._has_spoken_5 |= version is V5
        _log.info(
            "connected to the broker at %s:%s, MQTT %s",
            self._host,
            self._port,
            "5" if version is V5 else "3.1.1",
        )
        return remembered

    def _introduce(self, wire: Wire, version: MQTTProtocolVersion) -> Conversation:
        is_forgotten = self._group is not None
        client = WireClient(wire, self._client_id, version=version, is_forgotten=is_forgotten)
        client.username_pw_set(self._username, self._password)
        if version is V311:
            client.connect_async(self._host, self._port, self._keepalive)
            begin: Callable[..., Conversation] = Conversation
        else:
            told = greeting(
                session_seconds=0 if is_forgotten else SESSION_SECONDS,
                receive_maximum=RECEIVE_MAXIMUM,
                topic_aliases=TOPIC_ALIASES,
            )
            client.connect_async(
                self._host, self._port, self._keepalive, clean_start=is_forgotten, properties=told
            )
            begin = partial(Conversation5, notification_seconds=self._notification_seconds)
        return begin(client, wire, self._receive, self._topics, self._hear, group=self._group)
