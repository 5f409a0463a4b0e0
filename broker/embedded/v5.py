"""MQTT 5 for clients that speak it: their packets become 3.1.1 on the way in, ours become 5 on the way out.

Nothing the jobs protocol needs is in the properties of MQTT 5. They are read where MQTT obliges us to honour
them (session expiry, receive maximum, packet size) and where a request says how it is to be answered, and
passed over everywhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from broker.embedded import properties
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
    Properties,
    ProtocolError,
)
from broker.embedded.reasons import Reason

#: Where CONNECT names its protocol level, and where its properties begin.
LEVEL_AT: Final = 6
_PROPERTIES_AT: Final = 10
_WILL_FLAG: Final = 0x04
_QOS_BITS: Final = 0x03
_RETAIN_HANDLING: Final = 0x30
_RESERVED_OPTIONS: Final = 0xC0
_WITH_WILL: Final = 0x04
_WILDCARDS: Final = frozenset(b"+#")
#: Maximum QoS 1; no retained messages, no subscription identifiers, no shared subscriptions.
_NOT_HERE: Final = bytes(
    [
        *(properties.MAXIMUM_QOS, 1),
        *(properties.RETAIN_AVAILABLE, 0),
        *(properties.SUBSCRIPTION_ID_AVAILABLE, 0),
        *(properties.SHARED_AVAILABLE, 0),
    ]
)
#: CONNACK codes of 3.1.1 as reason codes of 5; the last exists only there.
_REASONS: Final = {0: 0x00, 1: 0x84, 2: 0x85, 3: 0x88, 4: 0x86, 5: 0x87, 6: 0x8C}


@dataclass(frozen=True, slots=True)
class Terms:
    """What a client of MQTT 5 asks of its connection. ``expiry`` and ``will_delay`` are in seconds."""

    expiry: int = 0
    will_delay: int = 0
    enhanced_authentication: bool = False
    receive_maximum: int = 65_535
    packet_size: int = 2**28
    #: Whether a refusal may say why in words wherever it stands.
    problem_information: bool = True


@dataclass(frozen=True, slots=True)
class Given:
    """What a client of MQTT 5 gets; None where it is what the client asked for."""

    packet_size: int
    keep_alive: int | None = None
    expiry: int | None = None
    client_id: str | None = None
    reason: str | None = None


def plain_connect(frame: Frame) -> tuple[Frame, Terms]:
    """Return the CONNECT of 3.1.1 and what the properties asked for. Raises ``ProtocolError``."""
    body = frame.body
    asked, after = properties.read(body, _PROPERTIES_AT, CONNECT)
    head = body[:LEVEL_AT] + b"\x04" + body[LEVEL_AT + 1 : _PROPERTIES_AT]
    rest = body[after:]
    of_will: Properties = {}
    if body[LEVEL_AT + 1] & _WILL_FLAG:
        client_id_ends = 2 + int.from_bytes(rest[:2])
        of_will, will_at = properties.read(rest, client_id_ends, properties.WILL)
        rest = rest[:client_id_ends] + rest[will_at:]
    terms = Terms(
        expiry=properties.number(asked, properties.SESSION_EXPIRY, 0),
        will_delay=properties.number(of_will, properties.WILL_DELAY, 0),
        enhanced_authentication=properties.AUTHENTICATION in asked,
        receive_maximum=properties.number(asked, properties.RECEIVE_MAXIMUM, 65_535),
        packet_size=properties.number(asked, properties.MAXIMUM_PACKET_SIZE, 2**28),
        problem_information=bool(properties.number(asked, properties.PROBLEM_INFORMATION, 1)),
    )
    if not terms.receive_maximum or not terms.packet_size:
        raise ProtocolError("CONNECT with a receive maximum or packet size of 0")
    return Frame(CONNECT, frame.flags, head + rest), terms


def plain(frame: Frame) -> Frame:
    """Return any later packet as 3.1.1 has it. Raises ``ProtocolError``."""
    kind, flags, body, _ = frame
    match kind:
        case 3:  # PUBLISH
            at = 2 + int.from_bytes(body[:2]) + (2 if flags & 0x06 else 0)
            found, after = properties.read(body, at, PUBLISH)
            if properties.TOPIC_ALIAS in found:
                raise ProtocolError("a topic alias, of which none were granted", Reason.NO_TOPIC_ALIAS)
            response_topic = properties.data(found, properties.RESPONSE_TOPIC)
            if response_topic is not None and (not response_topic or _WILDCARDS & set(response_topic)):
                raise ProtocolError("a response topic that is empty or has a wildcard")
            return Frame(PUBLISH, flags, body[:at] + body[after:], found or None)
        case 8:  # SUBSCRIBE
            found, after = properties.read(body, 2, SUBSCRIBE)
            if properties.SUBSCRIPTION_ID in found:
                raise ProtocolError("a subscription identifier", Reason.NO_SUBSCRIPTION_ID)
            return Frame(SUBSCRIBE, flags, body[:2] + _plain_filters(body, after))
        case 10:  # UNSUBSCRIBE
            _, after = properties.read(body, 2, UNSUBSCRIBE)
            return Frame(UNSUBSCRIBE, flags, body[:2] + body[after:])
        case 4:  # PUBACK
            if len(body) > 3:
                _only(body, 3, PUBACK)
            return Frame(PUBACK, flags, body[:2])
        case _:
            return frame


def farewell(frame: Frame) -> tuple[bool, int | None]:
    """Return whether a DISCONNECT wants the will said all the same, and a new session expiry, if any."""
    if len(frame.body) < 2:
        return frame.body == bytes([_WITH_WILL]), None
    found = _only(frame.body, 1, DISCONNECT)
    wanted = properties.number(found, properties.SESSION_EXPIRY, -1)
    return frame.body[0] == _WITH_WILL, None if wanted < 0 else wanted


def dress_connack(code: int, *, session_present: bool, given: Given) -> bytes:
    """Return the CONNACK of MQTT 5, with what this broker does not do, or does within limits."""
    told = _NOT_HERE + bytes([properties.MAXIMUM_PACKET_SIZE]) + given.packet_size.to_bytes(4)
    if given.keep_alive is not None:
        told += bytes([properties.SERVER_KEEP_ALIVE]) + given.keep_alive.to_bytes(2)
    if given.expiry is not None:
        told += bytes([properties.SESSION_EXPIRY]) + given.expiry.to_bytes(4)
    if given.client_id is not None:
        told += properties.encode(properties.ASSIGNED_CLIENT_ID, given.client_id.encode())
    if given.reason is not None:
        told += properties.encode(properties.REASON_STRING, given.reason.encode())
    body = bytes([session_present, _REASONS[code]]) + properties.sized(told)
    return Frame(CONNACK, 0, body).encode()


def dress_suback(packet_id: int, codes: Sequence[int], why: str, terms: Terms) -> bytes:
    said = why if terms.problem_information else ""
    return _saying(said, terms, lambda told: Frame(SUBACK, 0, packet_id.to_bytes(2) + told + bytes(codes)))


def dress_unsuback(packet_id: int, filters: int) -> bytes:
    return Frame(UNSUBACK, 0, packet_id.to_bytes(2) + b"\x00" + bytes(filters)).encode()


def disconnect(reason: int, why: str, terms: Terms) -> bytes:
    return _saying(why, terms, lambda told: Frame(DISCONNECT, 0, bytes([reason]) + told))


def _saying(why: str, terms: Terms, build: Callable[[bytes], Frame]) -> bytes:
    """Return a packet with a reason string, or without it where that is too much for the client."""
    if why:
        packet = build(properties.sized(properties.encode(properties.REASON_STRING, why.encode()))).encode()
        if len(packet) <= terms.packet_size:
            return packet
    return build(b"\x00").encode()


def _plain_filters(body: bytes, at: int) -> bytes:
    """Return the filters with nothing but the QoS in their options.

    What the other options ask for holds here anyway: nobody hears himself, and nothing is retained.
    """
    out = bytearray()
    while at < len(body):
        end = at + 2 + int.from_bytes(body[at : at + 2])
        if end >= len(body):
            raise ProtocolError("SUBSCRIBE ends inside a filter", Reason.MALFORMED)
        options = body[end]
        if options & _RESERVED_OPTIONS or options & _RETAIN_HANDLING == _RETAIN_HANDLING:
            raise ProtocolError(f"subscription options {options:#x}")
        out += body[at:end]
        out.append(options & _QOS_BITS)
        at = end + 1
    return bytes(out)


def _only(body: bytes, at: int, place: int) -> Properties:
    """Return the properties at ``at``, behind which the packet must end."""
    found, end = properties.read(body, at, place)
    if end != len(body):
        raise ProtocolError("bytes behind the properties", Reason.MALFORMED)
    return found
