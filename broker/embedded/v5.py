"""MQTT 5 for clients that speak it: their packets become 3.1.1 on the way in, ours become 5 on the way out.

Nothing the jobs protocol needs is in the properties of MQTT 5, so they are read where MQTT obliges us to
honour them (session expiry, receive maximum, packet size) and passed over everywhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from broker.embedded.frames import (
    CONNACK,
    CONNECT,
    DISCONNECT,
    PUBACK,
    PUBLISH,
    SUBACK,
    SUBSCRIBE,
    UNSUBACK,
    UNSUBSCRIBE,
    Frame,
    ProtocolError,
    encode_length,
    read_length,
)

#: Where CONNECT names its protocol level, and where its properties begin.
LEVEL_AT: Final = 6
_PROPERTIES_AT: Final = 10
_WILL_FLAG: Final = 0x04
_QOS_BITS: Final = 0x03
_WITH_WILL: Final = 0x04

_SESSION_EXPIRY: Final = 0x11
_AUTHENTICATION: Final = 0x15
_RECEIVE_MAXIMUM: Final = 0x21
_ASSIGNED_CLIENT_ID: Final = 0x12
_SERVER_KEEP_ALIVE: Final = 0x13
_TOPIC_ALIAS: Final = 0x23
_MAXIMUM_PACKET_SIZE: Final = 0x27
#: Maximum QoS 1; no retained messages, no subscription identifiers, no shared subscriptions.
_NOT_HERE: Final = bytes([0x24, 1, 0x25, 0, 0x29, 0, 0x2A, 0])
#: The width of each property's value in bytes, or what it is made of.
_WIDTHS: Final[dict[int, int | str]] = {
    0x01: 1, 0x02: 4, 0x03: "text", 0x08: "text", 0x09: "text", 0x0B: "varint", 0x11: 4, 0x12: "text",
    0x13: 2, 0x15: "text", 0x16: "text", 0x17: 1, 0x18: 4, 0x19: 1, 0x1A: "text", 0x1C: "text",
    0x1F: "text", 0x21: 2, 0x22: 2, 0x23: 2, 0x24: 1, 0x25: 1, 0x26: "pair", 0x27: 4, 0x28: 1,
    0x29: 1, 0x2A: 1,
}  # fmt: skip
#: CONNACK codes of 3.1.1 as reason codes of 5.
_REASONS: Final = {0: 0x00, 1: 0x84, 2: 0x85, 3: 0x88, 4: 0x86, 5: 0x87}
_REFUSED_FILTER: Final = 0x80
_NOT_AUTHORIZED: Final = 0x87


@dataclass(frozen=True, slots=True)
class Terms:
    """What a client of MQTT 5 asks of its connection. ``expiry`` is in seconds."""

    expiry: int = 0
    receive_maximum: int = 65_535
    packet_size: int = 2**28


@dataclass(frozen=True, slots=True)
class Given:
    """What a client of MQTT 5 gets; None where it is what the client asked for."""

    packet_size: int
    keep_alive: int | None = None
    expiry: int | None = None
    client_id: str | None = None


def plain_connect(frame: Frame) -> tuple[Frame, Terms]:
    """Return the CONNECT of 3.1.1 and what the properties asked for. Raises ``ProtocolError``."""
    body = frame.body
    properties, after = _properties(body, _PROPERTIES_AT)
    if _AUTHENTICATION in properties:
        raise ProtocolError("enhanced authentication is not offered here")
    head = body[:LEVEL_AT] + b"\x04" + body[LEVEL_AT + 1 : _PROPERTIES_AT]
    rest = body[after:]
    if len(body) > LEVEL_AT + 1 and body[LEVEL_AT + 1] & _WILL_FLAG:
        client_id_ends = 2 + int.from_bytes(rest[:2])
        _, will_at = _properties(rest, client_id_ends)
        rest = rest[:client_id_ends] + rest[will_at:]
    terms = Terms(
        expiry=properties.get(_SESSION_EXPIRY, 0),
        receive_maximum=properties.get(_RECEIVE_MAXIMUM, 65_535),
        packet_size=properties.get(_MAXIMUM_PACKET_SIZE, 2**28),
    )
    if not terms.receive_maximum or not terms.packet_size:
        raise ProtocolError("CONNECT with a receive maximum or packet size of 0")
    return Frame(CONNECT, frame.flags, head + rest), terms


def plain(frame: Frame) -> Frame:
    """Return any later packet as 3.1.1 has it. Raises ``ProtocolError``."""
    body = frame.body
    match frame.kind:
        case 3:  # PUBLISH
            at = 2 + int.from_bytes(body[:2]) + (2 if frame.flags & 0x06 else 0)
            properties, after = _properties(body, at)
            if _TOPIC_ALIAS in properties:
                raise ProtocolError("a topic alias, of which none were granted")
            return Frame(PUBLISH, frame.flags, body[:at] + body[after:])
        case 8:  # SUBSCRIBE
            _, after = _properties(body, 2)
            return Frame(SUBSCRIBE, frame.flags, body[:2] + _plain_filters(body, after))
        case 10:  # UNSUBSCRIBE
            _, after = _properties(body, 2)
            return Frame(UNSUBSCRIBE, frame.flags, body[:2] + body[after:])
        case 4:  # PUBACK
            return Frame(PUBACK, frame.flags, body[:2])
        case _:
            return frame


def farewell(frame: Frame) -> tuple[bool, int | None]:
    """Return whether a DISCONNECT wants the will said all the same, and a new session expiry, if any."""
    if len(frame.body) < 2:
        return frame.body == bytes([_WITH_WILL]), None
    properties, _ = _properties(frame.body, 1)
    return frame.body[0] == _WITH_WILL, properties.get(_SESSION_EXPIRY)


def dress_connack(code: int, *, session_present: bool, given: Given) -> bytes:
    """Return the CONNACK of MQTT 5, with what this broker does not do, or does within limits."""
    properties = _NOT_HERE + bytes([_MAXIMUM_PACKET_SIZE]) + given.packet_size.to_bytes(4)
    if given.keep_alive is not None:
        properties += bytes([_SERVER_KEEP_ALIVE]) + given.keep_alive.to_bytes(2)
    if given.expiry is not None:
        properties += bytes([_SESSION_EXPIRY]) + given.expiry.to_bytes(4)
    if given.client_id is not None:
        name = given.client_id.encode()
        properties += bytes([_ASSIGNED_CLIENT_ID]) + len(name).to_bytes(2) + name
    body = bytes([session_present, _REASONS[code]]) + encode_length(len(properties)) + properties
    return Frame(CONNACK, 0, body).encode()


def dress_publish(packet: bytes) -> bytes:
    """Return our PUBLISH with the empty properties MQTT 5 wants."""
    header = read_length(packet, 1)
    if header is None:
        raise ProtocolError("not a PUBLISH")
    body = packet[header[1] :]
    at = 2 + int.from_bytes(body[:2]) + (2 if packet[0] & 0x06 else 0)
    return Frame(PUBLISH, packet[0] & 0x0F, body[:at] + b"\x00" + body[at:]).encode()


def dress_suback(packet_id: int, codes: Sequence[int]) -> bytes:
    reasons = bytes(_NOT_AUTHORIZED if code == _REFUSED_FILTER else code for code in codes)
    return Frame(SUBACK, 0, packet_id.to_bytes(2) + b"\x00" + reasons).encode()


def dress_unsuback(packet_id: int, filters: int) -> bytes:
    return Frame(UNSUBACK, 0, packet_id.to_bytes(2) + b"\x00" + bytes(filters)).encode()


def disconnect(reason: int) -> bytes:
    return Frame(DISCONNECT, 0, bytes([reason, 0])).encode()


def _plain_filters(body: bytes, at: int) -> bytes:
    """Return the filters with nothing but the QoS in their options."""
    out = bytearray()
    while at < len(body):
        end = at + 2 + int.from_bytes(body[at : at + 2])
        if end >= len(body):
            raise ProtocolError("SUBSCRIBE ends inside a filter")
        out += body[at:end]
        out.append(body[end] & _QOS_BITS)
        at = end + 1
    return bytes(out)


def _properties(body: bytes, at: int) -> tuple[dict[int, int], int]:
    """Return the numbers among the properties at ``at`` (0 for any other kind), and where they end."""
    header = read_length(body, at)
    if header is None or sum(header) > len(body):
        raise ProtocolError("properties are longer than their packet")
    length, at = header
    end = at + length
    found: dict[int, int] = {}
    while at < end:
        name = body[at]
        found[name], at = _value(body, at + 1, _WIDTHS.get(name))
    if at != end:
        raise ProtocolError("properties are not as long as they say")
    return found, end


def _value(body: bytes, at: int, width: int | str | None) -> tuple[int, int]:
    match width:
        case int():
            return int.from_bytes(body[at : at + width]), at + width
        case "varint":
            read = read_length(body, at)
            if read is None:
                raise ProtocolError("a property ends too early")
            return read
        case "text":
            return 0, at + 2 + int.from_bytes(body[at : at + 2])
        case "pair":
            at += 2 + int.from_bytes(body[at : at + 2])
            return 0, at + 2 + int.from_bytes(body[at : at + 2])
        case _:
            raise ProtocolError("a property MQTT 5 does not know")
