"""Cuts a byte stream into MQTT packets, with a limit on each, before anything looks inside them."""

from __future__ import annotations

from typing import Final, NamedTuple

from broker.embedded.reasons import Reason

CONNECT: Final = 1
CONNACK: Final = 2
PUBLISH: Final = 3
PUBACK: Final = 4
SUBSCRIBE: Final = 8
SUBACK: Final = 9
UNSUBSCRIBE: Final = 10
UNSUBACK: Final = 11
PINGREQ: Final = 12
PINGRESP: Final = 13
DISCONNECT: Final = 14

_LENGTH_BYTES: Final = 4


class ProtocolError(Exception):
    """The peer does not speak MQTT as agreed; its connection ends. The text is for the log."""

    def __init__(self, text: str, reason: Reason = Reason.PROTOCOL_ERROR) -> None:
        super().__init__(text)
        self.reason = reason


#: Properties of MQTT 5 by their numbers: those that are numbers, and those made of bytes.
Properties = dict[int, int | bytes]


class Frame(NamedTuple):
    """One packet: its type, the four flag bits, and everything after the fixed header.

    ``properties`` are those a PUBLISH of MQTT 5 had before it was translated.
    """

    kind: int
    flags: int
    body: bytes
    properties: Properties | None = None

    def encode(self) -> bytes:
        return bytes([self.kind << 4 | self.flags]) + encode_length(len(self.body)) + self.body


class Framer:
    """Bytes in, packets out. The limits are the longest bodies taken, in bytes; they may change on the way.

    Only a PUBLISH has reason to be long: a filter list of megabytes would cost seconds to read.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.publish_limit = limit
        self._buffer = bytearray()
        self._at = 0

    @property
    def waiting(self) -> int:
        """How many bytes are here that no packet was made of yet."""
        return len(self._buffer) - self._at

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def next(self) -> Frame | None:
        """Return the next whole packet, or None until more bytes come. Raises ``ProtocolError``."""
        buffer, at = self._buffer, self._at
        header = read_length(buffer, at + 1)
        if header is None:
            self._compact()
            return None
        length, start = header
        first = buffer[at]
        limit = self.publish_limit if first >> 4 == PUBLISH else self.limit
        if length > limit:
            raise ProtocolError(f"a packet of {length} bytes; at most {limit} are taken", Reason.TOO_LARGE)
        end = start + length
        if len(buffer) < end:
            self._compact()
            return None
        self._at = end
        return Frame(first >> 4, first & 0x0F, bytes(buffer[start:end]))

    def _compact(self) -> None:
        del self._buffer[: self._at]
        self._at = 0


def read_length(buffer: bytes | bytearray, at: int) -> tuple[int, int] | None:
    """Return a variable byte integer at ``at`` and where it ends; None if it is not all there yet."""
    value = 0
    for place in range(_LENGTH_BYTES):
        if at + place >= len(buffer):
            return None
        byte = buffer[at + place]
        value |= (byte & 0x7F) << 7 * place
        if not byte & 0x80:
            return value, at + place + 1
    raise ProtocolError("a length of more than four bytes", Reason.MALFORMED)


def encode_length(length: int) -> bytes:
    """Return the variable byte integer; ``length`` is below 2**28."""
    out = bytearray()
    while length > 0x7F:
        out.append(length & 0x7F | 0x80)
        length >>= 7
    out.append(length)
    return bytes(out)
