"""One MQTT conversation over one TCP connection: requests in, answers and publishes out.

Everything a conversation was asked (acks, answers, publishes) dies with it: the numbers of MQTT messages are
used again on the next connection, and an ack of yesterday would release the wrong message of today.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage
from paho.mqtt.reasoncodes import ReasonCode

from broker import client_events
from broker.embedded.frames import Properties
from broker.embedded.hot import encode_puback, encode_publish
from broker.link import LinkDown, Received
from broker.mqtt_client import WireClient
from broker.receipts import Receipts
from broker.stream import Stream
from broker.wire import Wire
from domain.topics import Topics, matcher

FLUSH_SECONDS: Final = 5.0
HEARTBEAT_SECONDS: Final = 1.0
MAX_UNCONFIRMED: Final = 8_192

_CONNACK: Final = 0  # MQTT numbers its messages from 1: the greeting waits under the number left over
_UNSPECIFIED: Final = 0x80
_OTHER_VERSION: Final = 0x84
_log = logging.getLogger(__name__)


class NotSpoken(LinkDown):
    """The broker does not let us in with this version of MQTT, or (not certain) hangs up on it."""

    def __init__(self, text: str, *, is_certain: bool) -> None:
        super().__init__(text)
        self.is_certain = is_certain


def said(code: ReasonCode, properties: object) -> str:
    """Return a reason as its code has it, and in the broker's own words if it gives any."""
    words = getattr(properties, "ReasonString", None)
    return f"{code} ({words})" if words else str(code)


class Conversation:
    """One connection, from CONNECT to its loss, in MQTT 3.1.1."""

    #: The properties of a message that has none.
    _bare = b""

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
        self._topics = topics
        self._group = group
        shared = "" if group is None else f"$share/{group}/"
        self._filters = [f"{shared}{each}" for each in topics.request_filters()]
        # A session of old may be subscribed to more: to our own answers, say.
        self._is_request = matcher(topics.request_filters())
        self._receipts = Receipts()
        self._stream = self._cutter()
        self._blocked = False
        self._flushes = False
        self._complained = False
        self.ready = False
        self.lost: asyncio.Future[str] = self._loop.create_future()
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_subscribe = self._on_subscribe
        client.on_socket_open = lambda *_: self._loop.add_reader(wire.fileno(), self._readable)
        client.on_socket_close = lambda *_: self._forget_socket()
        client.on_socket_register_write = lambda *_: nothing(self._loop.call_soon(self._write))

    def _cutter(self) -> Stream:
        return Stream(publish=self._on_publish, puback=self._receipts.settle, other=self._on_packet)

    async def open(self) -> bool:
        """Greet and subscribe (never trusting old filters); return whether the broker remembers us.

        Raises ``NotSpoken`` if that may be for the version of MQTT, ``LinkDown`` if it cannot be otherwise.
        """
        self._client.reconnect()
        try:
            flags, code, properties = await self._receipts.wait(_CONNACK)
        except LinkDown as error:
            if self._wire.trouble is not None:
                raise LinkDown(f"the broker ended the connection: {self._wire.trouble}") from None
            raise NotSpoken(str(error), is_certain=False) from None
        if code.is_failure:
            reason = said(code, properties)
            if code.value == _OTHER_VERSION:
                raise NotSpoken(f"the broker refused the connection: {reason}", is_certain=True)
            raise LinkDown(f"the broker refused the connection: {reason}")
        self._agree(properties)
        _, mid = self._client.subscribe([(each, 1) for each in self._filters])
        codes, properties = await self._receipts.wait(mid or _CONNACK)
        refused = [said(code, properties) for code in codes if code.is_failure]
        if refused:
            raise LinkDown(f"the broker will not let us hear requests: {', '.join(refused)}")
        if any(not code.value for code in codes):
            _log.warning("the broker grants requests at QoS 0 only: some can be lost")
        self._ask_for_events()
        self.ready = True
        return bool(flags.session_present)

    def _agree(self, properties: Any) -> None:
        """Take note of what the broker offers, if it says so. Raises ``LinkDown`` if that is too little."""

    def _ask_for_events(self) -> None:
        """Subscribe to what some brokers tell of their clients; those that do not may refuse or ignore it."""
        _, mid = self._client.subscribe([(each, 1) for each in client_events.FILTERS])
        if mid is not None:
            self._receipts.note(mid)

    def _on_subscribe(self, _c: Client, _u: object, mid: int, codes: object, properties: object) -> None:
        self._receipts.settle(mid, (codes, properties))

    async def keep_alive(self) -> str:
        """Mind the keepalive until the connection is lost; return why it was."""
        while not self.lost.done():
            await asyncio.wait({self.lost}, timeout=HEARTBEAT_SECONDS)
            self._client.loop_misc()
        return self.lost.result()

    async def publish(self, topic: str, payload: bytes) -> None:
        await self._receipts.wait(self._send(topic, payload))

    def answer(self, topic: str, payload: bytes, properties: bytes | None = None) -> None:
        """Send and forget: a device that hears nothing asks again with the same client token."""
        try:
            self._receipts.note(self._send(topic, payload, properties))
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

    def _send(self, topic: str, payload: bytes, properties: bytes | None = None) -> int:
        if self.lost.done():
            raise LinkDown(f"a message for {topic} could not be sent: the connection is lost")
        if self._receipts.owed >= MAX_UNCONFIRMED:
            raise LinkDown(f"a message for {topic} could not be sent: {MAX_UNCONFIRMED} are unconfirmed")
        number = self._receipts.unused()
        told = self._bare if properties is None else properties
        self._emit(encode_publish(topic, payload, 1, number, dup=False, properties=told))
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

    #: How a message leaves.
    _emit = _put

    def _on_message(self, client: Client, _u: object, message: MQTTMessage) -> None:
        """Take a message of QoS 2, which an old subscription of this session may still bring."""
        topic, payload = message.topic.encode(), bytes(message.payload)
        self._take(topic, payload, message.retain, lambda: nothing(client.ack(message.mid, message.qos)))

    def _on_publish(self, topic: bytes, payload: bytes, number: int, retained: bool) -> None:  # noqa: FBT001
        self._take(topic, payload, retained, partial(self._ack, number) if number else nothing)

    def _take(
        self,
        raw: bytes,
        payload: bytes,
        retained: bool,  # noqa: FBT001
        ack: Callable[[], None],
        found: Properties | None = None,
    ) -> None:
        try:
            topic = raw.decode()
            if not retained and self._is_request(topic):
                answer = self.answer if found is None else self._answer_to(topic, found)
                self._receive(Received(topic, payload, answer, ack))
            else:
                self._hear(topic, payload)
                ack()
        except Exception:  # noqa: BLE001 - raised into the reader it would tear what comes behind it
            _log.exception("a request could not be taken in")
            ack()  # it would fail again, and meanwhile it would hold a place in the broker's window for us

    def _answer_to(self, topic: str, found: Properties) -> Callable[[str, bytes], None]:
        """Return how a request with these properties is answered."""
        del topic, found
        return self.answer

    def _on_packet(self, packet: bytes) -> None:
        """Let paho have what is rare."""
        self._wire.give(packet)
        self._read()

    def _on_connect(
        self, _c: Client, _u: object, flags: ConnectFlags, code: ReasonCode, told: object
    ) -> None:
        self._receipts.settle(_CONNACK, (flags, code, told))

    def _on_disconnect(self, _c: Client, _u: object, flags: Any, code: ReasonCode, told: object) -> None:
        self.ready = False
        unsaid = code.value == _UNSPECIFIED and not flags.is_disconnect_packet_from_server
        reason = self._wire.trouble or ("it hung up" if unsaid else said(code, told))
        if not self.lost.done():
            self.lost.set_result(reason)
        self._receipts.lose(reason)

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


def nothing(*_: object) -> None:
    """Acknowledge a QoS 0 message, or hear of something nobody asked for: there is nothing to do."""
