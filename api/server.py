"""The HTTP server: listens, counts its connections, ends without cutting anybody off mid-transaction."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from aiohttp import web

from api.connection import Connection, Deadlines
from domain.errors import Unavailable

_log = logging.getLogger(__name__)
MAX_CONNECTIONS: Final = 1024
SHUTDOWN_SECONDS: Final = 10.0


class ApiServer:
    """Serves one application on one address; port 0 takes a free one. Start once, close once."""

    def __init__(
        self,
        app: web.Application,
        host: str,
        port: int,
        *,
        deadlines: Deadlines | None = None,
        max_connections: int = MAX_CONNECTIONS,
    ) -> None:
        self._runner = web.AppRunner(app, shutdown_timeout=SHUTDOWN_SECONDS)
        self._host = host
        self._deadlines = deadlines or Deadlines()
        self._max_connections = max_connections
        self._connections: set[asyncio.BaseProtocol] = set()
        self._listener: asyncio.Server | None = None
        #: The port that is bound once ``start`` has returned.
        self.port = port

    async def start(self) -> None:
        """Bind and serve. Raises ``Unavailable`` if the address cannot be had."""
        await self._runner.setup()
        try:
            self._listener = await asyncio.get_running_loop().create_server(
                self._accept, self._host, self.port
            )
        except BaseException as error:
            await self._runner.cleanup()
            if isinstance(error, OSError):
                raise Unavailable(
                    f"cannot listen for operators on {self._host}:{self.port}: {error}"
                ) from error
            raise
        self.port = self._listener.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening, let running handlers finish, close what is idle. Safe to call twice."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        await self._runner.cleanup()

    def _accept(self) -> asyncio.BaseProtocol:
        if len(self._connections) >= self._max_connections:
            _log.warning("%d connections are open; one more was closed", self._max_connections)
            return _Closed()
        server = self._runner.server
        assert server is not None
        connection = Connection(
            server,
            loop=asyncio.get_running_loop(),
            deadlines=self._deadlines,
            forget=self._connections.discard,
            access_log=None,
            # A body is JSON text or nothing; what claims to be compressed is refused, not inflated.
            auto_decompress=False,
            keepalive_timeout=self._deadlines.idle,
            lingering_time=self._deadlines.linger,
        )
        self._connections.add(connection)
        return connection


class _Closed(asyncio.Protocol):
    """One connection too many: closing at once is kinder than a wait without end."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()
