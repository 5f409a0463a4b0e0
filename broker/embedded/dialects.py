"""The two versions of MQTT a client may speak: 3.1.1 as it is, and 5 by translation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, Protocol

from broker.embedded import hot, packets, v5
from broker.embedded.frames import Frame, ProtocolError
from broker.embedded.packets import Connect
from broker.embedded.reasons import REFUSED
from broker.embedded.session import Message
from broker.response import answering

_MQTT: Final = b"\x00\x04MQTT"
_NO_PROPERTIES: Final = b"\x00"
_MQTT_3_1: Final = b"\x00\x06MQIsdp"


class Dialect(Protocol):
    """What differs between the versions, seen from a connection."""

    #: Whether a password may come without a user name.
    password_alone: bool
    terms: v5.Terms

    def plain(self, frame: Frame) -> Frame: ...
    def expiry(self, connect: Connect) -> float: ...
    def farewell(self, frame: Frame) -> tuple[bool, int | None]: ...
    def connack(self, code: int, *, session_present: bool, given: v5.Given) -> bytes: ...
    def publish(self, message: Message, packet_id: int | None, *, dup: bool) -> bytes: ...
    def suback(self, packet_id: int, codes: Sequence[int], why: str) -> bytes: ...
    def unsuback(self, packet_id: int, filters: int) -> bytes: ...
    def disconnect(self, reason: int, why: str) -> bytes: ...


class _V4:
    """MQTT 3.1.1: packets as they are; a server cannot say good-bye."""

    password_alone = False
    terms = v5.Terms()

    def plain(self, frame: Frame) -> Frame:
        return frame

    def expiry(self, connect: Connect) -> float:
        return 0.0 if connect.clean else math.inf

    def farewell(self, frame: Frame) -> tuple[bool, int | None]:
        if frame.body:
            raise ProtocolError("DISCONNECT with a body")
        return False, None

    def connack(self, code: int, *, session_present: bool, given: v5.Given) -> bytes:
        del given
        return packets.encode_connack(code, session_present=session_present)

    def publish(self, message: Message, packet_id: int | None, *, dup: bool) -> bytes:
        return hot.encode_publish(message.topic, message.payload, message.qos, packet_id, dup=dup)

    def suback(self, packet_id: int, codes: Sequence[int], why: str) -> bytes:
        del why
        return packets.encode_suback(packet_id, [min(code, REFUSED) for code in codes])

    def unsuback(self, packet_id: int, filters: int) -> bytes:
        del filters
        return packets.encode_unsuback(packet_id)

    def disconnect(self, reason: int, why: str) -> bytes:
        del reason, why
        return b""


class _V5:
    """MQTT 5."""

    password_alone = True

    def __init__(self, terms: v5.Terms) -> None:
        self.terms = terms

    def plain(self, frame: Frame) -> Frame:
        return v5.plain(frame)

    def expiry(self, connect: Connect) -> float:
        del connect
        return float(self.terms.expiry)

    def farewell(self, frame: Frame) -> tuple[bool, int | None]:
        return v5.farewell(frame)

    def connack(self, code: int, *, session_present: bool, given: v5.Given) -> bytes:
        return v5.dress_connack(code, session_present=session_present, given=given)

    def publish(self, message: Message, packet_id: int | None, *, dup: bool) -> bytes:
        """Return nothing where the client refuses packets of this size (MQTT-3.1.2-24)."""
        topic, payload, qos, *_, correlation = message
        told = _NO_PROPERTIES if correlation is None else answering(correlation)
        packet = hot.encode_publish(topic, payload, qos, packet_id, dup=dup, properties=told)
        return packet if len(packet) <= self.terms.packet_size else b""

    def suback(self, packet_id: int, codes: Sequence[int], why: str) -> bytes:
        return v5.dress_suback(packet_id, codes, why, self.terms)

    def unsuback(self, packet_id: int, filters: int) -> bytes:
        return v5.dress_unsuback(packet_id, filters)

    def disconnect(self, reason: int, why: str) -> bytes:
        return v5.disconnect(reason, why, self.terms)


V4: Dialect = _V4()


def open_dialect(connect: Frame) -> tuple[Dialect, Frame | None]:
    """Return what a CONNECT speaks and the CONNECT in 3.1.1; None for a version nobody here speaks.

    Raises ``ProtocolError`` for one that is no CONNECT of MQTT, or one of MQTT 5 that is malformed.
    """
    if connect.body.startswith(_MQTT_3_1):
        return V4, None
    if not connect.body.startswith(_MQTT):
        raise ProtocolError("CONNECT of something that is not MQTT")
    match connect.body[v5.LEVEL_AT : v5.LEVEL_AT + 1]:
        case b"\x04":
            return V4, connect
        case b"\x05":
            plain, terms = v5.plain_connect(connect)
            return _V5(terms), plain
        case _:
            return V4, None
