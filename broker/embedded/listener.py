"""One address at which devices come in: plain, or behind a TLS handshake."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from ssl import SSLContext
from typing import Final

from broker.embedded.connection import Connection
from broker.embedded.threshold import Threshold
from broker.link import LinkDown

#: How many newcomers wait in the kernel; and how many are taken in by one turn of the loop, which has a file
#: for each before it can send one away.
_BACKLOG: Final = 1024
_AT_ONCE: Final = 8


@dataclass(frozen=True, slots=True)
class Secure:
    """Where to listen for TLS. ``context`` is asked at each handshake, so whom it trusts may change."""

    host: str
    port: int
    context: Callable[[], Awaitable[SSLContext]]


class Listener:
    """``port`` 0 means any free one. With ``secure`` a client must show a certificate."""

    def __init__(self, host: str, port: int, secure: Secure | None = None) -> None:
        self.host = host
        self.port = port
        self._secure = secure
        self._server: asyncio.Server | None = None
        self._handshakes: set[asyncio.Task[None]] = set()

    async def open(self, welcome: Callable[[], Connection]) -> None:
        """Take connections. Raises ``LinkDown`` if the address cannot be had."""
        loop = asyncio.get_running_loop()
        secure, handshakes = self._secure, self._handshakes

        def threshold() -> asyncio.Protocol:
            connection = welcome()
            return connection if secure is None else Threshold(connection, secure.context, handshakes)

        try:
            self._server = await loop.create_server(threshold, self.host, self.port, backlog=_AT_ONCE)
            for each in self._server.sockets:
                _listen(each.fileno(), _BACKLOG)
        except OSError as error:
            what = "devices" if secure is None else "devices with certificates"
            raise LinkDown(f"cannot listen for {what} on {self.host}:{self.port}: {error}") from error
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Take no more connections; those there are stay."""
        if self._server is not None:
            self._server.close()

    async def wait_closed(self) -> None:
        await asyncio.gather(*self._handshakes, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()


def _listen(file: int, backlog: int) -> None:
    """Set how many wait in the kernel: asyncio has one number for that and for how many it takes at once."""
    with socket.socket(fileno=os.dup(file)) as same:
        same.listen(backlog)
