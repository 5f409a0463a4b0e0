"""An MQTT client that says exactly the bytes it is told to, and reads whole packets back."""

import asyncio
from contextlib import suppress
from typing import NamedTuple, Self

CONNACK, PUBLISH, PUBACK, SUBACK, UNSUBACK, PINGRESP, DISCONNECTED = 2, 3, 4, 9, 11, 13, 14
PATIENCE = 10.0


class Packet(NamedTuple):
    kind: int
    flags: int
    body: bytes

    @property
    def topic(self) -> str:
        return self.body[2 : 2 + int.from_bytes(self.body[:2])].decode()

    @property
    def packet_id(self) -> int:
        at = 2 + int.from_bytes(self.body[:2]) if self.kind == PUBLISH else 0
        return int.from_bytes(self.body[at : at + 2])

    @property
    def payload(self) -> bytes:
        qos = self.flags >> 1 & 3
        return self.body[2 + int.from_bytes(self.body[:2]) + (2 if qos else 0) :]

    @property
    def retain(self) -> bool:
        return bool(self.flags & 1)

    @property
    def dup(self) -> bool:
        return bool(self.flags & 8)


def text(value: str | bytes) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return len(data).to_bytes(2) + data


def packet(first: int, body: bytes) -> bytes:
    length, out = len(body), bytearray([first])
    while length > 127:
        out.append(length & 127 | 128)
        length >>= 7
    out.append(length)
    return bytes(out) + body


def listed(properties: bytes | None) -> bytes:
    """Return properties as MQTT 5 has them, or nothing for a packet of 3.1.1."""
    return b"" if properties is None else packet(0, properties)[1:]


def connect(
    client_id: str,
    user: str | None = None,
    password: str | None = None,
    *,
    clean: bool = True,
    keepalive: int = 60,
    will: tuple[str, bytes, int, bool] | None = None,
    level: int = 4,
    properties: bytes | None = None,
    will_properties: bytes = b"",
) -> bytes:
    """With ``properties`` a CONNECT of MQTT 5."""
    flags, rest = (2 if clean else 0), text(client_id)
    if properties is not None:
        level = 5
    if will is not None:
        topic, payload, qos, retain = will
        flags |= 4 | qos << 3 | retain << 5
        rest += listed(None if properties is None else will_properties) + text(topic) + text(payload)
    if user is not None:
        flags |= 0x80
        rest += text(user)
    if password is not None:
        flags |= 0x40
        rest += text(password)
    head = text("MQTT") + bytes([level, flags]) + keepalive.to_bytes(2) + listed(properties)
    return packet(0x10, head + rest)


def publish(
    topic: str | bytes,
    payload: bytes = b"",
    *,
    packet_id: int = 1,
    qos: int = 1,
    retain: bool = False,
    dup: bool = False,
    properties: bytes | None = None,
) -> bytes:
    number = packet_id.to_bytes(2) if qos else b""
    head = text(topic) + number + listed(properties)
    return packet(0x30 | dup << 3 | qos << 1 | retain, head + payload)


def subscribe(
    *filters: str | bytes, packet_id: int = 1, qos: int = 1, properties: bytes | None = None
) -> bytes:
    """``qos`` is the whole byte of options where it is MQTT 5."""
    head = packet_id.to_bytes(2) + listed(properties)
    return packet(0x82, head + b"".join(text(each) + bytes([qos]) for each in filters))


def unsubscribe(*filters: str | bytes, packet_id: int = 1, properties: bytes | None = None) -> bytes:
    head = packet_id.to_bytes(2) + listed(properties)
    return packet(0xA2, head + b"".join(text(each) for each in filters))


def puback(packet_id: int) -> bytes:
    return packet(0x40, packet_id.to_bytes(2))


PINGREQ = packet(0xC0, b"")
DISCONNECT = packet(0xE0, b"")


class Raw:
    """A socket to a broker."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, port: int) -> Self:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    def send(self, *data: bytes) -> None:
        self.writer.write(b"".join(data))

    async def read(self, patience: float = PATIENCE) -> Packet | None:
        """Return the next packet, or None when the broker has closed the connection."""
        async with asyncio.timeout(patience):
            try:
                first = (await self.reader.readexactly(1))[0]
                length, shift = 0, 0
                while True:
                    byte = (await self.reader.readexactly(1))[0]
                    length |= (byte & 127) << shift
                    shift += 7
                    if not byte & 128:
                        break
                return Packet(first >> 4, first & 15, await self.reader.readexactly(length))
            except (asyncio.IncompleteReadError, ConnectionError):
                return None

    async def expect(self, kind: int, patience: float = PATIENCE) -> Packet:
        """Return the next packet of a kind, passing over others. The connection must not end before it."""
        while True:
            got = await self.read(patience)
            assert got is not None, f"closed before a packet of type {kind} came"
            if got.kind == kind:
                return got

    async def closed(self, patience: float = PATIENCE) -> bool:
        """Return whether the broker ends the connection, whatever it says before."""
        try:
            async with asyncio.timeout(patience):
                while await self.read() is not None:
                    pass
        except TimeoutError:
            return False
        return True

    async def quiet(self, rounds: int = 5) -> list[Packet]:
        """Return the messages that come while a few pings go to and fro."""
        heard: list[Packet] = []
        for _ in range(rounds):
            self.send(PINGREQ)
            while (got := await self.read()) is not None and got.kind != PINGRESP:
                heard.append(got)
        return [each for each in heard if each.kind == PUBLISH]

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()
