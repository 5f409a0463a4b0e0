"""Cuts what a broker sends: PUBLISH and PUBACK by hand, as every request needs one of each; the rest goes on.

A client library makes a dozen objects of such a packet and takes some locks; that was a third of an update.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from broker.embedded.frames import ProtocolError, read_length

_PUBLISH: Final = 0x30
_PUBACK: Final = 0x40
#: The kind of packet, and the bit of QoS 2, which needs more than two packets.
_KIND: Final = 0xF4
_AT_LEAST_ONCE: Final = 0x02
_RETAIN: Final = 0x01


class Stream:
    """Bytes in, packets out, in the order they came.

    ``publish(topic, payload, number, retained)`` has the topic as it is on the wire, and number 0 at QoS 0.
    ``other(packet)`` is given everything else, and what is no MQTT: whoever takes it finds that out.
    """

    def __init__(
        self,
        *,
        publish: Callable[[bytes, bytes, int, bool], None],
        puback: Callable[[int], None],
        other: Callable[[bytes], None],
    ) -> None:
        self._publish = publish
        self._puback = puback
        self._other = other
        self._chunks: list[bytes] = []
        self._lacking = 0

    def feed(self, data: bytes) -> None:
        self._chunks.append(data)
        self._lacking -= len(data)
        if self._lacking > 0:  # a large packet in many pieces is put together once
            return
        buffer = b"".join(self._chunks) if len(self._chunks) > 1 else data
        self._chunks, self._lacking = [], 1
        rest = buffer[self._cut(buffer) :]
        if rest:
            self._chunks.append(rest)

    def _cut(self, buffer: bytes) -> int:
        """Hand on every whole packet; return where the first that is not whole begins."""
        at, size = 0, len(buffer)
        while size - at >= 2:
            first, length, start = buffer[at], buffer[at + 1], at + 2
            if length & 0x80:
                try:
                    header = read_length(buffer, at + 1)
                except ProtocolError:
                    self._other(buffer[at:])
                    return size
                if header is None:
                    break
                length, start = header
            end = start + length
            if end > size:
                self._lacking = end - size
                break
            if first & _KIND == _PUBLISH:
                self._take(first, buffer[at:end], start - at)
            elif first == _PUBACK and length == 2:
                self._puback(buffer[start] << 8 | buffer[start + 1])
            else:
                self._other(buffer[at:end])
            at = end
        return at

    def _take(self, first: int, packet: bytes, start: int) -> None:
        topic = start + 2
        ends = topic + int.from_bytes(packet[start:topic])
        # The bit that says there is a number is also its length.
        payload = ends + (first & _AT_LEAST_ONCE)
        if payload > len(packet):
            self._other(packet)
            return
        number = int.from_bytes(packet[ends:payload])
        self._publish(packet[topic:ends], packet[payload:], number, bool(first & _RETAIN))
