"""A wire that can be cut: carries bytes between devices and a broker, whatever they speak."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Relay:
    """Listens on ``port``. While it is cut, it drops who is connected and lets nobody through."""

    def __init__(self, target: int) -> None:
        self.port = 0
        self._target = target
        self._through = asyncio.Event()
        self._through.set()
        self._writers: set[asyncio.StreamWriter] = set()

    def cut(self) -> None:
        self._through.clear()
        for writer in self._writers:
            writer.transport.abort()

    def mend(self) -> None:
        self._through.set()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            await self._through.wait()
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
            both = {writer, far_writer}
            self._writers |= both
            await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
            self._writers -= both


@asynccontextmanager
async def relay(target: int) -> AsyncIterator[Relay]:
    made = Relay(target)
    server = await asyncio.start_server(made.carry, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        made.cut()
        made.mend()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Carry one direction to its end, and let the other end know."""
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()
