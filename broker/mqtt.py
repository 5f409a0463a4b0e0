"""The external adapter: one MQTT conversation per TCP connection, and a keeper that always begins the next.

Everything a conversation was asked (acks, answers, publishes) dies with it: the numbers of MQTT messages are
used again on the next connection, and an ack of yesterday would release the wrong message of today.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Collection
from functools import partial
from typing import Final
from uuid import uuid4

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage
from paho.mqtt.reasoncodes import ReasonCode

from broker import client_events
from broker.backoff import Backoff
from broker.client_events import ClientEvents
from broker.embedded.hot import encode_puback, encode_publish
from broker.link import Door, LinkDown, Received
from broker.mqtt_client import WireClient
from broker.receipts import Receipts
from broker.stream import Stream
from broker.wire import Wire, dial
from domain.topics import Topics, matcher

CONNECT_SECONDS: Final = 10.0
FLUSH_SECONDS: Final = 5.0
HEARTBEAT_SECONDS: Final = 1.0
MAX_PUBLISHES: Final = 1_000
MAX_UNCONFIRMED: Final = 8_192

_CONNACK: Final = 0  # MQTT numbers its messages from 1: the greeting waits under the number left over
_log = logging.getLogger(__name__)


class _Conversation:
    """One connection, from CONNECT to its loss."""

    def __init__(
        self,
        client: WireClient,
        wire: Wire,
        receive: Callable[[Received], None],
        topics: Topics,
        hear: Callable[[str, bytes], None],
        *,
        group: str | None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._client = client
        self._wire = wire
        self._receive = receive
        self._hear = hear
        shared = "" if group is None else f"$share/{group}/"
        self._filters = [f"{shared}{each}" for each in topics.request_filters()]
        # A session of old may be subscribed to more: to our own answers, say.
        self._is_request = matcher(topics.request_filters())
        self._receipts = Receipts()
        self._stream = Stream(publish=self._on_publish, puback=self._receipts.settle, other=self._on_packet)
        self._blocked = False
        self._flushes = False
        self._complained = False
        self.ready = False
        self.lost: asyncio.Future[str] = self._loop.create_future()
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_subscribe = lambda _client, _userdata, mid, codes, _: self._receipts.settle(mid, codes)
        client.on_socket_open = lambda *_: self._loop.add_reader(wire.fileno(), self._readable)
        client.on_socket_close = lambda *_: self._forget_socket()
        client.on_socket_register_write = lambda *_: _nothing(self._loop.call_soon(self._write))

    async def open(self) -> bool:
        """Greet and subscribe (never trusting old filters); return whether the broker remembers us."""
        self._client.reconnect()
        flags, code = await self._receipts.wait(_CONNACK)
        if code.is_failure:
            raise LinkDown(f"the broker refused the connection: {code}")
        _, mid = self._client.subscribe([(each, 1) for each in self._filters])
        refused = [str(code) for code in await self._receipts.wait(mid or _CONNACK) if code.is_failure]
        if refused:
            raise LinkDown(f"the broker will not let us hear requests: {', '.join(refused)}")
        self._ask_for_events()
        self.ready = True
        return bool(flags.session_present)

    def _ask_for_events(self) -> None:
        """Subscribe to what some brokers tell of their clients; those that do not may refuse or ignore it."""
        _, mid = self._client.subscribe([(each, 1) for each in client_events.FILTERS])
        if mid is not None:
            self._receipts.note(mid)

    async def keep_alive(self) -> str:
        """Mind the keepalive until the connection is lost; return why it was."""
        while not self.lost.done():
            await asyncio.wait({self.lost}, timeout=HEARTBEAT_SECONDS)
            self._client.loop_misc()
        return self.lost.result()

    async def publish(self, topic: str, payload: bytes) -> None:
        await self._receipts.wait(self._send(topic, payload))

    def answer(self, topic: str, payload: bytes) -> None:
        """Send and forget: a device that hears nothing asks again with the same client token."""
        try:
            self._receipts.note(self._send(topic, payload))
        except (LinkDown, OverflowError) as error:
            if not self._complained:  # once for each connection: this happens by the thousand or not at all
                self._complained = True
                _log.warning("an answer could not be sent, its device will ask again: %s", error)

    async def close(self) -> None:
        """Wait (a while) until the broker has what it was given, then leave."""
        await self._receipts.quiet(FLUSH_SECONDS)
        self.hang_up()

    def hang_up(self) -> None:
        self._client.disconnect()
        self._write()
        self._wire.close()

    def _send(self, topic: str, payload: bytes) -> int:
        if self.lost.done():
            raise LinkDown(f"a message for {topic} could not be sent: the connection is lost")
        if self._receipts.owed >= MAX_UNCONFIRMED:
            raise LinkDown(f"a message for {topic} could not be sent: {MAX_UNCONFIRMED} are unconfirmed")
        number = self._receipts.unused()
        self._put(encode_publish(topic, payload, 1, number, dup=False))
        return number

    def _ack(self, number: int) -> None:
        if not self.lost.done():
            self._put(encode_puback(number))

    def _put(self, packet: bytes) -> None:
        """Have it sent at the end of this turn of the loop, with all else that is sent in it."""
        self._wire.send(packet)
        if not self._flushes:
            self._flushes = True
            self._loop.call_soon(self._flush)

    def _on_message(self, client: Client, _u: object, message: MQTTMessage) -> None:
        """Take a message of QoS 2, which an old subscription of this session may still bring."""
        topic, payload = message.topic.encode(), bytes(message.payload)
        self._take(topic, payload, message.retain, lambda: _nothing(client.ack(message.mid, message.qos)))

    def _on_publish(self, topic: bytes, payload: bytes, number: int, retained: bool) -> None:  # noqa: FBT001
        self._take(topic, payload, retained, partial(self._ack, number) if number else _nothing)

    def _take(self, raw: bytes, payload: bytes, retained: bool, ack: Callable[[], None]) -> None:  # noqa: FBT001
        try:
            topic = raw.decode()
            if not retained and self._is_request(topic):
                self._receive(Received(topic, payload, self.answer, ack))
            else:
                self._hear(topic, payload)
                ack()
        except Exception:  # noqa: BLE001 - raised into the reader it would tear what comes behind it
            _log.exception("a request could not be taken in")
            ack()  # it would fail again, and meanwhile it would hold a place in the broker's window for us

    def _on_packet(self, packet: bytes) -> None:
        """Let paho have what is rare."""
        self._wire.give(packet)
        self._read()

    def _on_connect(self, _c: Client, _u: object, flags: ConnectFlags, code: ReasonCode, _p: object) -> None:
        self._receipts.settle(_CONNACK, (flags, code))

    def _on_disconnect(self, _c: Client, _u: object, _flags: object, code: ReasonCode, _p: object) -> None:
        self.ready = False
        if not self.lost.done():
            self.lost.set_result(str(code))
        self._receipts.lose(str(code))

    def _readable(self) -> None:
        self._wire.fill()
        self._client.hears()
        self._stream.feed(self._wire.take())
        self._read()

    def _read(self) -> None:
        while self._wire.readable:
            self._client.loop_read()

    def _write(self) -> None:
        self._client.loop_write()
        self._flush()

    def _flush(self) -> None:
        self._flushes = False
        blocked = not self._wire.flush()
        if blocked is not self._blocked:
            self._blocked = blocked
            if blocked:
                self._loop.add_writer(self._wire.fileno(), self._flush)
            else:
                self._loop.remove_writer(self._wire.fileno())
        self._read()  # nothing to read, unless writing found that the peer is gone

    def _forget_socket(self) -> None:
        self._loop.remove_reader(self._wire.fileno())
        self._loop.remove_writer(self._wire.fileno())
        self._blocked = False


def _nothing(*_: object) -> None:
    """Acknowledge a QoS 0 message, or hear of something nobody asked for: there is nothing to do."""


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
    ) -> None:
        self._host = host
        self._port = port
        self._topics = topics
        self._group = group
        self._client_id = client_id if group is None else f"{client_id}-{uuid4().hex}"
        self._username = username
        self._password = password
        self._keepalive = keepalive
        #: Asked before it connects anew: another one may have its session by then, and would lose it.
        self.may_connect: Callable[[], bool] = lambda: True
        self._door: Door | None = None
        self._events = ClientEvents()
        self._conversation: _Conversation | None = None
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
            async with asyncio.timeout(CONNECT_SECONDS):
                conversation = self._introduce(await dial(self._host, self._port))
                try:
                    remembered = await conversation.open()
                except BaseException:
                    conversation.hang_up()
                    raise
        except OSError as error:
            reason = str(error) or type(error).__name__
            raise LinkDown(f"no broker at {self._host}:{self._port}: {reason}") from error
        self._conversation = conversation
        _log.info("connected to the broker at %s:%s", self._host, self._port)
        if not remembered:
            door.session_lost()

    def _introduce(self, wire: Wire) -> _Conversation:
        client = WireClient(wire, self._client_id, is_forgotten=self._group is not None)
        client.username_pw_set(self._username, self._password)
        client.connect_async(self._host, self._port, self._keepalive)
        return _Conversation(client, wire, self._receive, self._topics, self._hear, group=self._group)
