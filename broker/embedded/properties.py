"""The properties of MQTT 5 that a client may send: where each may stand, what it is made of, and its bounds.

A message that a broker passes on has the same ones, so they are read here too.

Read to the letter, so that nothing behind them is ever taken for something else: a property in the wrong
packet, twice, too long or not of its kind ends the connection.
"""

from __future__ import annotations

from typing import Final

from broker.embedded.frames import (
    CONNECT,
    DISCONNECT,
    PUBACK,
    PUBLISH,
    SUBSCRIBE,
    UNSUBSCRIBE,
    Properties,
    ProtocolError,
    encode_length,
    read_length,
)
from broker.embedded.reasons import Reason

#: The properties of a will stand in a CONNECT; no packet has this number.
WILL: Final = 0

MESSAGE_EXPIRY: Final = 0x02
RESPONSE_TOPIC: Final = 0x08
CORRELATION_DATA: Final = 0x09
SUBSCRIPTION_ID: Final = 0x0B
SESSION_EXPIRY: Final = 0x11
ASSIGNED_CLIENT_ID: Final = 0x12
SERVER_KEEP_ALIVE: Final = 0x13
AUTHENTICATION: Final = 0x15
PROBLEM_INFORMATION: Final = 0x17
WILL_DELAY: Final = 0x18
REASON_STRING: Final = 0x1F
RECEIVE_MAXIMUM: Final = 0x21
TOPIC_ALIAS: Final = 0x23
MAXIMUM_QOS: Final = 0x24
RETAIN_AVAILABLE: Final = 0x25
USER_PROPERTY: Final = 0x26
MAXIMUM_PACKET_SIZE: Final = 0x27
SUBSCRIPTION_ID_AVAILABLE: Final = 0x29
SHARED_AVAILABLE: Final = 0x2A

_FLAG, _TEXT, _BINARY, _PAIR, _VARINT = "flag", "text", "binary", "pair", "varint"
_MESSAGE: Final = frozenset({PUBLISH, WILL})
_ANYWHERE: Final = frozenset({CONNECT, WILL, PUBLISH, PUBACK, SUBSCRIBE, UNSUBSCRIBE, DISCONNECT})
#: What each property is (a number is a width in bytes), and the packets it may stand in.
_PROPERTIES: Final[dict[int, tuple[int | str, frozenset[int]]]] = {
    0x01: (_FLAG, _MESSAGE),  # payload format
    MESSAGE_EXPIRY: (4, _MESSAGE),
    0x03: (_TEXT, _MESSAGE),  # content type
    RESPONSE_TOPIC: (_TEXT, _MESSAGE),
    CORRELATION_DATA: (_BINARY, _MESSAGE),
    SUBSCRIPTION_ID: (_VARINT, frozenset({SUBSCRIBE})),
    SESSION_EXPIRY: (4, frozenset({CONNECT, DISCONNECT})),
    AUTHENTICATION: (_TEXT, frozenset({CONNECT})),
    0x16: (_BINARY, frozenset({CONNECT})),  # authentication data
    PROBLEM_INFORMATION: (_FLAG, frozenset({CONNECT})),
    WILL_DELAY: (4, frozenset({WILL})),
    0x19: (_FLAG, frozenset({CONNECT})),  # request response information
    REASON_STRING: (_TEXT, frozenset({PUBACK, DISCONNECT})),
    RECEIVE_MAXIMUM: (2, frozenset({CONNECT})),
    0x22: (2, frozenset({CONNECT})),  # topic aliases the client takes
    TOPIC_ALIAS: (2, frozenset({PUBLISH})),
    USER_PROPERTY: (_PAIR, _ANYWHERE),
    MAXIMUM_PACKET_SIZE: (4, frozenset({CONNECT})),
}


def read(body: bytes, at: int, place: int) -> tuple[Properties, int]:
    """Return the properties at ``at`` (of those that may stand often the last), and where they end."""
    header = read_length(body, at)
    if header is None or sum(header) > len(body):
        raise ProtocolError("properties are longer than their packet", Reason.MALFORMED)
    length, at = header
    end = at + length
    body = body[:end]
    found: Properties = {}
    while at < end:
        name = body[at]
        kind, places = _PROPERTIES.get(name, (0, frozenset()))
        if place not in places:
            raise ProtocolError(f"property {name:#x} where it may not stand")
        if name in found and name != USER_PROPERTY:
            raise ProtocolError(f"property {name:#x} twice")
        found[name], at = _value(body, at + 1, kind)
    return found, end


def number(found: Properties, name: int, default: int) -> int:
    """Return a property that is a number."""
    value = found.get(name, default)
    assert isinstance(value, int)
    return value


def data(found: Properties, name: int) -> bytes | None:
    """Return a property that is made of bytes, or text as it is on the wire."""
    value = found.get(name)
    assert not isinstance(value, int)
    return value


def encode(name: int, value: bytes) -> bytes:
    """Return a property made of bytes, on the wire."""
    return bytes([name]) + len(value).to_bytes(2) + value


def sized(*encoded: bytes) -> bytes:
    """Return all properties of a packet with their length before them."""
    whole = b"".join(encoded)
    return encode_length(len(whole)) + whole


def _value(body: bytes, at: int, kind: int | str) -> tuple[int | bytes, int]:
    match kind:
        case int():
            return int.from_bytes(_take(body, at, kind)), at + kind
        case "flag":
            if (value := _take(body, at, 1)[0]) > 1:
                raise ProtocolError(f"a property that is 0 or 1 is {value}")
            return value, at + 1
        case "varint":
            read = read_length(body, at)
            if read is None or not read[0]:
                raise ProtocolError("a property ends too early, or is 0")
            return read
        case "binary":
            length = int.from_bytes(_take(body, at, 2))
            return _take(body, at + 2, length), at + 2 + length
        case "text":
            end = _text(body, at)
            return body[at + 2 : end], end
        case _:
            end = _text(body, _text(body, at))
            return body[at:end], end


def _text(body: bytes, at: int) -> int:
    """Return where the text at ``at`` ends."""
    length = int.from_bytes(_take(body, at, 2))
    data = _take(body, at + 2, length)
    try:
        data.decode()
    except UnicodeDecodeError:
        raise ProtocolError("a property is not UTF-8", Reason.MALFORMED) from None
    if b"\0" in data:
        raise ProtocolError("a property has a NUL in it", Reason.MALFORMED)
    return at + 2 + length


def _take(body: bytes, at: int, length: int) -> bytes:
    if at + length > len(body):
        raise ProtocolError("a property ends too early", Reason.MALFORMED)
    return body[at : at + length]
