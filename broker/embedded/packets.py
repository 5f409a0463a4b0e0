"""The rarer packets of MQTT 3.1.1 by amqtt's codec, held to the letter: only what encodes back is taken.

amqtt reads packets from a stream, a few bytes at a time, and forgives much: it turns broken UTF-8 into other
text and stops quietly where a packet ends too early. Here a packet is complete in memory before the codec
sees it, so its coroutines never wait, and comparing the bytes afterwards takes the forgiveness away.
"""

from __future__ import annotations

import io
from collections.abc import Coroutine, Sequence
from typing import Any, Final, NamedTuple, TypeVar

from amqtt.adapters import ReaderAdapter
from amqtt.errors import AMQTTError, MQTTError, NoDataError
from amqtt.mqtt.connack import ConnackPacket
from amqtt.mqtt.connect import ConnectPacket
from amqtt.mqtt.packet import MQTTFixedHeader, MQTTPacket
from amqtt.mqtt.pingresp import PingRespPacket
from amqtt.mqtt.suback import SubackPacket
from amqtt.mqtt.subscribe import SubscribePacket
from amqtt.mqtt.unsuback import UnsubackPacket
from amqtt.mqtt.unsubscribe import UnsubscribePacket

from broker.embedded.frames import Frame, ProtocolError

_T = TypeVar("_T")
_BAD: Final = (AMQTTError, MQTTError, NoDataError, ValueError, IndexError)
#: The flag bits MQTT prescribes for packets that have no flags.
_RESERVED: Final = {SubscribePacket: 2, UnsubscribePacket: 2}

PINGRESP: Final[bytes] = PingRespPacket.build().to_bytes()


class Will(NamedTuple):
    """What a device wants said for it when it vanishes."""

    topic: str
    payload: bytes
    qos: int
    retain: bool


class Connect(NamedTuple):
    """A CONNECT, not believed yet. ``client_id`` is empty where the device leaves the choice to us."""

    client_id: str
    username: str | None
    password: bytes | None
    clean: bool
    keep_alive: int
    will: Will | None

    def __repr__(self) -> str:
        """Show no password, wherever this ends up."""
        return f"Connect({self.client_id!r}, {self.username!r})"


class Subscribe(NamedTuple):
    """A SUBSCRIBE: filters in order, each with the QoS asked for."""

    packet_id: int
    filters: tuple[tuple[str, int], ...]


class Unsubscribe(NamedTuple):
    """An UNSUBSCRIBE."""

    packet_id: int
    filters: tuple[str, ...]


def connect(frame: Frame, *, password_alone: bool = False) -> Connect:
    """Raises ``ProtocolError``, as all decoders here do. MQTT 5 lets a password come without a user name."""
    packet = _decode(ConnectPacket, frame)
    header, payload = packet.variable_header, packet.payload
    if header.proto_name != "MQTT" or header.proto_level != 4 or header.reserved_flag:
        raise ProtocolError("CONNECT is not that of MQTT 3.1.1")
    promised = (header.username_flag, payload.username), (header.password_flag, payload.password)
    if any(flag and value is None for flag, value in promised):
        raise ProtocolError("CONNECT promises a user name or password that is not there")
    will = None
    if header.will_qos == 3:
        raise ProtocolError("CONNECT with a will at QoS 3")
    if header.will_flag:
        will = Will(payload.will_topic, bytes(payload.will_message), header.will_qos, header.will_retain_flag)
    elif header.will_qos or header.will_retain_flag:
        raise ProtocolError("CONNECT has flags of a will and no will")
    if header.password_flag and not header.username_flag and not password_alone:
        raise ProtocolError("CONNECT has a password and no user name")
    return Connect(
        client_id=payload.client_id,
        username=payload.username,
        password=payload.password.encode() if header.password_flag else None,
        clean=header.clean_session_flag,
        keep_alive=header.keep_alive,
        will=will,
    )


def subscribe(frame: Frame) -> Subscribe:
    packet = _decode(SubscribePacket, frame)
    filters = tuple(packet.payload.topics)
    if not filters or any(qos > 2 for _, qos in filters):
        raise ProtocolError("SUBSCRIBE without a filter, or at a QoS above 2")
    return Subscribe(_checked_id(packet.variable_header.packet_id), filters)


def unsubscribe(frame: Frame) -> Unsubscribe:
    packet = _decode(UnsubscribePacket, frame)
    if not packet.payload.topics:
        raise ProtocolError("UNSUBSCRIBE without a filter")
    return Unsubscribe(_checked_id(packet.variable_header.packet_id), tuple(packet.payload.topics))


def encode_connack(code: int, *, session_present: bool) -> bytes:
    return _bytes(ConnackPacket.build(int(session_present), code))


def encode_suback(packet_id: int, codes: Sequence[int]) -> bytes:
    return _bytes(SubackPacket.build(packet_id, list(codes)))


def encode_unsuback(packet_id: int) -> bytes:
    return _bytes(UnsubackPacket.build(packet_id))


class _Memory(ReaderAdapter):
    """A reader that has everything already."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    async def read(self, n: int = -1) -> bytes:
        return self._data.read(n)

    def feed_eof(self) -> None:
        """There is no more to come anyway."""


def _decode(packet_type: type[MQTTPacket[Any, Any, Any]], frame: Frame) -> Any:
    if frame.flags != _RESERVED.get(packet_type, 0):
        raise ProtocolError(f"reserved flags {frame.flags:#x} in a {packet_type.__name__}")
    header = MQTTFixedHeader(frame.kind, frame.flags, len(frame.body))
    try:
        packet: Any = _run(packet_type.from_stream(_Memory(frame.body), fixed_header=header))
        if packet_type is ConnectPacket and packet.payload.client_id_is_random:
            packet.payload.client_id = ""
        same = _body(packet) == frame.body
    except _BAD as error:
        raise ProtocolError(f"{packet_type.__name__}: {error}") from None
    if not same:
        raise ProtocolError(f"{packet_type.__name__} with bytes too many, too few, or not UTF-8")
    return packet


def _body(packet: Any) -> bytes:
    body = packet.variable_header.to_bytes()
    if packet.payload is not None:
        body = body + packet.payload.to_bytes(packet.fixed_header, packet.variable_header)
    return bytes(body)


def _run(decoding: Coroutine[Any, Any, _T]) -> _T:
    try:
        decoding.send(None)
    except StopIteration as done:
        value: _T = done.value
        return value
    decoding.close()
    raise ProtocolError("the codec waits for bytes that are not there")


def _bytes(packet: Any) -> bytes:
    return bytes(packet.to_bytes())


def _checked_id(packet_id: int | None) -> int:
    if not packet_id:
        raise ProtocolError("a packet id of 0")
    return packet_id
