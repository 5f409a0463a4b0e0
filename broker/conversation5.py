"""The same conversation in MQTT 5: the broker's limits kept, its reasons heard, devices' wishes granted."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties as Told
from paho.mqtt.reasoncodes import ReasonCode

from broker.conversation import Conversation, nothing
from broker.embedded import properties
from broker.embedded.frames import PUBACK, Properties, ProtocolError, read_length
from broker.embedded.reasons import REFUSED, Reason
from broker.link import LinkDown
from broker.response import Wish, answering, wish
from broker.stream import Stream
from broker.stream5 import Stream5

#: What an answer with a full document and full details may take. A broker that takes less cannot carry them.
LARGEST: Final = 64 * 1024
#: Saying the same again changes nothing about these.
_FINAL: Final = frozenset({Reason.NOT_AUTHORIZED, Reason.BAD_TOPIC, Reason.TOO_LARGE, Reason.BAD_PAYLOAD})
_log = logging.getLogger(__name__)


class TooLarge(LinkDown):
    """The broker takes no packet of this size, now or later."""


class Conversation5(Conversation):
    """``notification_seconds``: so long what is said to a thing unasked may wait at the broker for it."""

    _bare = b"\x00"

    def __init__(self, *args: Any, notification_seconds: int, **options: Any) -> None:
        super().__init__(*args, **options)
        self._expiring = properties.sized(
            bytes([properties.MESSAGE_EXPIRY]) + notification_seconds.to_bytes(4)
        )
        self._window = 65_535
        self._packet_size = 2**28
        self._under_way = 0
        self._held: deque[bytes] = deque()
        self._refusals: set[int] = set()

    def _cutter(self) -> Stream:
        return Stream5(
            publish=self._on_publish,
            dressed=self._on_dressed,
            puback=self._on_puback,
            other=self._on_packet,
        )

    def _agree(self, told: Any) -> None:
        if getattr(told, "MaximumQoS", 1) < 1:
            raise LinkDown("the broker offers QoS 0 only, at which messages can be lost; QoS 1 is needed")
        if self._group is not None and not getattr(told, "SharedSubscriptionAvailable", 1):
            raise LinkDown("the broker has no shared subscriptions, which dispatchers = shared needs")
        self._window = getattr(told, "ReceiveMaximum", self._window)
        self._packet_size = getattr(told, "MaximumPacketSize", self._packet_size)
        if self._packet_size < LARGEST:
            _log.warning(
                "the broker takes packets of %d bytes at most: answers with large documents (up to %d) will "
                "not arrive",
                self._packet_size,
                LARGEST,
            )
        kept = getattr(told, "SessionExpiryInterval", None)
        if kept is not None and self._group is None:
            _log.info("the broker keeps what waits for us for %d s, and no longer", kept)

    async def publish(self, topic: str, payload: bytes) -> None:
        is_for_a_thing = self._topics.segments(topic) is not None
        try:
            number = self._send(topic, payload, self._expiring if is_for_a_thing else None)
        except TooLarge as error:  # tried again it would be as large
            _log.error("%s", error)
            return
        await self._receipts.wait(number)

    def _answer_to(self, topic: str, found: Properties) -> Callable[[str, bytes], None]:
        segments = self._topics.segments(topic)
        wanted = None if segments is None else wish(self._topics, segments[0], found)
        return self.answer if wanted is None else partial(self._answer_as, wanted)

    def _answer_as(self, wanted: Wish, topic: str, payload: bytes) -> None:
        told = None if wanted.correlation is None else answering(wanted.correlation)
        self.answer(wanted.topic or topic, payload, told)

    def _emit(self, packet: bytes) -> None:
        """Send, as far as the broker's receive maximum goes; the rest when it has acknowledged."""
        if len(packet) > self._packet_size:
            raise TooLarge(
                f"{len(packet)} bytes for {_topic_of(packet)}; the broker takes {self._packet_size} at most"
            )
        if self._under_way < self._window:
            self._under_way += 1
            self._put(packet)
        else:
            self._held.append(packet)

    def _on_puback(self, number: int) -> None:
        self._receipts.settle(number)
        self._make_room()

    def _make_room(self) -> None:
        if self._held:
            self._put(self._held.popleft())
        elif self._under_way:
            self._under_way -= 1

    def _on_dressed(
        self,
        topic: bytes,
        payload: bytes,
        number: int,
        retained: bool,  # noqa: FBT001
        found: Properties,
    ) -> None:
        ack = partial(self._ack, number) if number else nothing
        self._take(topic, payload, retained, ack, found)

    def _on_packet(self, packet: bytes) -> None:
        """Read acknowledgements that say more than yes; let paho have the rest."""
        if packet[0] == PUBACK << 4 and len(packet) > 4:
            self._on_said_puback(packet)
        else:
            super()._on_packet(packet)

    def _on_said_puback(self, packet: bytes) -> None:
        number, code, words = int.from_bytes(packet[2:4]), packet[4], b""
        if len(packet) > 5:
            try:
                found, _ = properties.read(packet, 5, PUBACK)
                words = properties.data(found, properties.REASON_STRING) or b""
            except ProtocolError as error:
                words = str(error).encode()
        if code < REFUSED:
            self._on_puback(number)
            return
        reason = f"{_name(code)} ({words.decode()})" if words else _name(code)
        if code not in self._refusals:  # once for each connection: it happens by the thousand or not at all
            self._refusals.add(code)
            _log.error("the broker refuses messages of ours: %s", reason)
        if code in _FINAL:
            self._receipts.settle(number)
        else:
            self._receipts.fail(number, LinkDown(f"the broker did not take a message: {reason}"))
        self._make_room()


def _topic_of(packet: bytes) -> str:
    header = read_length(packet, 1)
    start = len(packet) if header is None else header[1]
    return packet[start + 2 : start + 2 + int.from_bytes(packet[start : start + 2])].decode()


def _name(code: int) -> str:
    try:
        return str(ReasonCode(PacketTypes.PUBACK, identifier=code))
    except (KeyError, ValueError):
        return f"reason {code:#x}"


def greeting(*, session_seconds: int, receive_maximum: int, topic_aliases: int) -> Told:
    """Return the properties of our CONNECT."""
    told = Told(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    told.SessionExpiryInterval = session_seconds
    told.ReceiveMaximum = receive_maximum
    told.TopicAliasMaximum = topic_aliases
    return told
