"""A broker that does what a test tells it, byte for byte: what no real one can be brought to do at will."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Self

from raw import CONNACK, SUBACK, Packet, Raw, packet

from broker.embedded.properties import sized

CONNECT, PUBLISH_SENT, SUBSCRIBE_SENT = 1, 3, 8
Script = Callable[["Guest"], Awaitable[None]]


class Guest(Raw):
    """One who has connected: the link under test. ``version`` is what its CONNECT speaks."""

    version = 0

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__(reader, writer)
        self._early: list[Packet] = []

    async def greet(self, code: int = 0, properties: bytes = b"", *, present: bool = False) -> None:
        """Answer CONNECT and, if that is a welcome, the subscription to requests and the one to events."""
        body = bytes([present, code]) + (sized(properties) if self.version == 5 else b"")
        self.send(packet(CONNACK << 4, body))
        if code:
            return
        early: list[Packet] = []
        for filters in (4, 6):
            while (asked := await self.expect_any()).kind != SUBSCRIBE_SENT:
                early.append(asked)
            end = b"\x00" if self.version == 5 else b""
            self.send(packet(SUBACK << 4, asked.body[:2] + end + bytes([1] * filters)))
        self._early = early

    async def expect_any(self) -> Packet:
        got = await self.read()
        assert got is not None, "it left"
        return got

    async def read(self, patience: float = 5.0) -> Packet | None:
        """Return the next packet, beginning with those that came before the link was greeted."""
        return self._early.pop(0) if self._early else await super().read(patience)

    async def quiet_of(self, kind: int) -> list[Packet]:
        """Return what of a kind comes within a moment."""
        heard = []
        try:
            while (got := await self.read(patience=0.2)) is not None:
                heard.append(got)
        except TimeoutError:
            pass
        return [each for each in heard if each.kind == kind]

    async def stay(self) -> None:
        """Take what comes until it leaves."""
        await self.closed(patience=30)


class ScriptedBroker:
    """Runs ``script`` for everyone who connects, and then hangs up."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._guests: set[asyncio.Task[None]] = set()
        #: The versions of MQTT that came, in order.
        self.versions: list[int] = []
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for guest in self._guests:
            guest.cancel()
        await asyncio.gather(*self._guests, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._guests.add(task)
        guest = Guest(reader, writer)
        try:
            connect = await guest.read()
            if connect is not None:
                guest.version = connect.body[6]
                self.versions.append(guest.version)
                await self._script(guest)
        finally:
            await guest.close()
            self._guests.discard(task)
