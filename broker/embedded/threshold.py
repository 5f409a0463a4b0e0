"""A TLS connection until its handshake is through: it takes a place and has a deadline like any stranger."""

from __future__ import annotations

import asyncio
import hashlib
from asyncio import sslproto
from collections.abc import Awaitable, Callable
from ssl import SSLContext, SSLObject
from typing import Final

import structlog

from broker.embedded.connection import Connection
from domain.errors import Unavailable

log = structlog.get_logger(__name__)

#: Bytes that may wait for a slow reader, as many as without TLS; asyncio has eight times that by default.
_UNSENT: Final = 64 * 1024
#: asyncio sets so much aside for what each TLS connection reads, for as long as it lasts: 256 KB by default,
#: which for thousands of devices is gigabytes. A record of TLS has 16 KB at most.
sslproto.SSLProtocol.max_size = 32 * 1024


class Threshold(asyncio.Protocol):
    """Stands in for the connection, so that asyncio never holds a socket that the broker does not count."""

    def __init__(
        self,
        connection: Connection,
        context: Callable[[], Awaitable[SSLContext]],
        handshakes: set[asyncio.Task[None]],
    ) -> None:
        self._connection = connection
        self._context = context
        self._handshakes = handshakes
        self._early: list[bytes] = []
        self._lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._connection.connection_made(transport)
        if not self._connection.open:
            return
        # What the client says belongs to the handshake, which has not begun.
        transport.pause_reading()
        task = self._connection.loop.create_task(self._cross(transport), name="TLS handshake")
        self._handshakes.add(task)
        task.add_done_callback(self._handshakes.discard)

    def data_received(self, data: bytes) -> None:
        """Keep what comes with the last of the handshake; the connection is told a turn later."""
        self._early.append(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._lost:
            self._lost = True
            self._connection.connection_lost(exc)

    async def _cross(self, plain: asyncio.Transport) -> None:
        connection = self._connection
        secure = None
        try:
            context = await self._context()
            # asyncio would wait for a handshake even where there is nobody left to make it with.
            if not plain.is_closing():
                secure = await self._handshake(plain, context)
        except (OSError, Unavailable) as error:
            log.info("TLS handshake failed", address=connection.address, reason=_reason(error))
        except Exception:  # whatever it is, it must not leave a connection that nobody ends
            log.exception("a TLS handshake could not be made", address=connection.address)
        shown = None if secure is None else _shown(secure)
        if secure is None or shown is None or self._lost or not connection.open:
            plain.abort()
            self.connection_lost(None)
            return
        secure.set_write_buffer_limits(_UNSENT)
        secure.set_protocol(connection)
        connection.secured(secure, certificate_id=shown)
        for data in self._early:
            connection.data_received(data)

    async def _handshake(self, plain: asyncio.Transport, context: SSLContext) -> asyncio.Transport | None:
        return await self._connection.loop.start_tls(
            plain,
            self,
            context,
            server_side=True,
            ssl_handshake_timeout=self._connection.limits.connect_deadline,
            ssl_shutdown_timeout=self._connection.limits.flush,
        )


def _shown(secure: asyncio.Transport) -> str | None:
    """Return the id of the certificate the client has shown, and proved to have the key of.

    None if the connection was lost with the last of the handshake.
    """
    tls = secure.get_extra_info("ssl_object")
    certificate = tls.getpeercert(binary_form=True) if isinstance(tls, SSLObject) else None
    return None if certificate is None else hashlib.sha256(certificate).hexdigest()


def _reason(error: Exception) -> str:
    return str(getattr(error, "reason", None) or error or type(error).__name__)
