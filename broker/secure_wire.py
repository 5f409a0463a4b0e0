"""The wire under TLS: the same buffers, and OpenSSL between them and the socket, in memory.

One read of the socket can bring many records and one write takes all that is to be sent: brokers make a
record of every packet, and a system call for each half of it would undo what the wire is for.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import suppress

from broker.link import LinkDown
from broker.tls import Tls, cause
from broker.wire import CHUNK, Wire, connect


async def dial(host: str, port: int, tls: Tls | None) -> Wire:
    """Connect, and shake hands if it is to be TLS. Raises ``OSError``, or ``LinkDown`` if TLS cannot be."""
    if tls is None:
        return Wire(await connect(host, port))
    context = await asyncio.to_thread(tls.context)
    sock = await connect(host, port)
    try:
        return await _shake_hands(sock, context, host)
    except ssl.SSLError as error:
        sock.close()
        raise LinkDown(f"TLS with the broker at {host}:{port}: {cause(error)}") from None
    except ConnectionError:
        sock.close()
        raise LinkDown(
            f"TLS with the broker at {host}:{port}: it hung up in the handshake; does it speak TLS there?"
        ) from None
    except BaseException:
        sock.close()
        raise


async def _shake_hands(sock: socket.socket, context: ssl.SSLContext, host: str) -> SecureWire:
    loop = asyncio.get_running_loop()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=host)
    while True:
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            await loop.sock_sendall(sock, outgoing.read())
            data = await loop.sock_recv(sock, CHUNK)
            if not data:
                raise ConnectionResetError from None
            incoming.write(data)
        except ssl.SSLError:
            # Tell the broker why, as far as that can be done now.
            sock.send(outgoing.read())
            raise
        else:
            await loop.sock_sendall(sock, outgoing.read())
            return SecureWire(sock, tls, incoming, outgoing)


class SecureWire(Wire):
    """A wire whose bytes are encrypted on their way."""

    def __init__(
        self, sock: socket.socket, tls: ssl.SSLObject, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO
    ) -> None:
        super().__init__(sock)
        self._tls = tls
        self._incoming = incoming
        self._outgoing = outgoing
        self._sealed = bytearray()

    def fill(self) -> None:
        data, ended = self._receive()
        if data:
            self._incoming.write(data)
        elif ended:
            self._incoming.write_eof()
        self._keep(*self._open(ended=ended))
        if self._outgoing.pending:  # TLS has something to say itself
            self._seal(b"")
            self._push()

    def flush(self) -> bool:
        if self._outbox and not self._closed and not self._ended:
            self._seal(self._outbox)
            self._outbox.clear()
        return self._push()

    def close(self) -> None:
        if not self._closed:
            self.flush()
            with suppress(OSError, ValueError):  # our good-bye is written; the broker's is not waited for
                self._tls.unwrap()
            self._seal(b"")
        super().close()

    def _open(self, *, ended: bool) -> tuple[bytes, bool]:
        """Return what is there in the clear, and whether that is all that will ever come."""
        found = []
        try:
            while data := self._tls.read(CHUNK):
                found.append(data)
            ended = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            if not isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
                self.trouble = f"TLS: {cause(error)}"
            ended = True
        return b"".join(found), ended

    def _seal(self, data: bytes | bytearray) -> None:
        view = memoryview(bytes(data))
        try:
            while view:
                view = view[self._tls.write(view) :]
        except ssl.SSLError as error:
            self.trouble, self._ended = f"TLS: {cause(error)}", True
        self._sealed += self._outgoing.read()

    def _push(self) -> bool:
        went = self._give_away(self._sealed)
        if self._ended and self.trouble is None:  # what it said before it hung up is still to be read
            self._incoming.write(self._receive()[0])
            self._open(ended=True)
        return went
