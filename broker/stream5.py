"""Cuts what a broker of MQTT 5 sends: a message without properties costs what it did without MQTT 5."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from broker.embedded import properties
from broker.embedded.frames import PUBLISH, Properties, ProtocolError, read_length
from broker.embedded.hot import encode_publish
from broker.stream import Stream

_NO_PROPERTIES: Final = b"\x00"
_DUP: Final = 0x08
_RETAIN: Final = 0x01


class Stream5(Stream):
    """As ``Stream``, but that ``dressed`` is given the messages whose properties matter to us.

    Topic aliases are resolved here. What is rare goes to ``other`` as it came; a message of QoS 2 with its
    topic in it and without properties.
    """

    def __init__(
        self,
        *,
        publish: Callable[[bytes, bytes, int, bool], None],
        dressed: Callable[[bytes, bytes, int, bool, Properties], None],
        puback: Callable[[int], None],
        other: Callable[[bytes], None],
    ) -> None:
        super().__init__(publish=publish, puback=puback, other=self._undress)
        self._dressed = dressed
        self._pass_on = other
        self._aliases: dict[int, bytes] = {}

    def _take(self, first: int, packet: bytes, start: int) -> None:
        topic = start + 2
        ends = topic + int.from_bytes(packet[start:topic])
        at = ends + (first & 0x02)
        number = int.from_bytes(packet[ends:at])
        if ends > topic and packet[at : at + 1] == _NO_PROPERTIES:
            self._publish(packet[topic:ends], packet[at + 1 :], number, bool(first & _RETAIN))
            return
        try:
            found, after = properties.read(packet, at, PUBLISH)
            name = self._name(packet[topic:ends], found)
        except ProtocolError:
            self._pass_on(packet)
            return
        self._dressed(name, packet[after:], number, bool(first & _RETAIN), found)

    def _name(self, topic: bytes, found: Properties) -> bytes:
        alias = properties.number(found, properties.TOPIC_ALIAS, 0)
        if alias and topic:
            self._aliases[alias] = topic
        topic = topic or self._aliases.get(alias, b"")
        if not topic:
            raise ProtocolError(f"an empty topic, and the alias {alias} stands for none")
        return topic

    def _undress(self, packet: bytes) -> None:
        """Pass on what is no message of QoS 0 or 1."""
        if packet[0] >> 4 != PUBLISH:
            self._pass_on(packet)
            return
        try:
            header = read_length(packet, 1)
            start = len(packet) if header is None else header[1]
            ends = start + 2 + int.from_bytes(packet[start : start + 2])
            found, after = properties.read(packet, ends + 2, PUBLISH)
            topic = self._name(packet[start + 2 : ends], found).decode()
        except (ProtocolError, UnicodeDecodeError):
            self._pass_on(packet)
            return
        number, dup = int.from_bytes(packet[ends : ends + 2]), bool(packet[0] & _DUP)
        self._pass_on(encode_publish(topic, packet[after:], 2, number, dup=dup, properties=_NO_PROPERTIES))
