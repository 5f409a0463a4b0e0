"""PUBLISH and PUBACK, read and written by hand: every request needs two of each, a codec costs tenfold."""

from __future__ import annotations

from typing import Final, NamedTuple

from broker.embedded.frames import PUBACK, PUBLISH, Frame, Properties, ProtocolError, encode_length
from broker.embedded.reasons import Reason

_DUP: Final = 0x08
_RETAIN: Final = 0x01
_PUBACK_HEAD: Final = bytes([PUBACK << 4, 2])


class Publish(NamedTuple):
    """A PUBLISH of a device. ``packet_id`` is None at QoS 0."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    dup: bool
    packet_id: int | None
    properties: Properties | None = None

    @property
    def size(self) -> int:
        """Bytes that it keeps while it waits; the topic is short."""
        if self.properties is None:
            return len(self.payload)
        return len(self.payload) + sum(
            len(each) for each in self.properties.values() if isinstance(each, bytes)
        )


def publish(frame: Frame) -> Publish:
    """Raises ``ProtocolError``, as ``puback`` does."""
    _, flags, body, properties = frame
    topic_ends = 2 + int.from_bytes(body[:2])
    qos = flags >> 1 & 3
    starts = topic_ends + 2 if qos else topic_ends
    if len(body) < starts or qos == 3:
        raise ProtocolError("PUBLISH that ends too early, or at QoS 3", Reason.MALFORMED)
    try:
        topic = body[2:topic_ends].decode()
    except UnicodeDecodeError:
        raise ProtocolError("PUBLISH to a topic that is not UTF-8", Reason.MALFORMED) from None
    packet_id = _checked(body[topic_ends:starts]) if qos else None
    return Publish(
        topic, body[starts:], qos, bool(flags & _RETAIN), bool(flags & _DUP), packet_id, properties
    )


def puback(frame: Frame) -> int:
    """Return the packet id acknowledged."""
    if frame.flags or len(frame.body) != 2:
        raise ProtocolError("PUBACK with flags, or not of two bytes", Reason.MALFORMED)
    return _checked(frame.body)


def encode_publish(
    topic: str, payload: bytes, qos: int, packet_id: int | None, *, dup: bool, properties: bytes = b""
) -> bytes:
    """``properties`` are those of MQTT 5 with their length, or nothing."""
    name = topic.encode()
    number = b"" if packet_id is None else packet_id.to_bytes(2)
    head = bytes([PUBLISH << 4 | (_DUP if dup else 0) | qos << 1])
    rest = len(name) + 2 + len(number) + len(properties) + len(payload)
    return b"".join((head, encode_length(rest), len(name).to_bytes(2), name, number, properties, payload))


def encode_puback(packet_id: int) -> bytes:
    return _PUBACK_HEAD + packet_id.to_bytes(2)


def _checked(number: bytes) -> int:
    packet_id = int.from_bytes(number)
    if not packet_id:
        raise ProtocolError("a packet id of 0")
    return packet_id
