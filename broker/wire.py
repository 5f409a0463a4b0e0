"""A connected TCP socket that reads and writes once per turn of the event loop, however small its packets.

An MQTT client reads a packet in three pieces and writes each packet alone. At thousands of small packets a
second those system calls, and the segments they make, are most of the work; this buffer takes them away.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Final

CHUNK: Final = 32 * 1024


class Wire:
    """What an MQTT client takes for its socket. It never blocks: ``fill`` and ``flush`` do the real work."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._inbox = b""
        self._taken = 0
        self._outbox = bytearray()
        self._ended = False
        self._closed = False
        #: Why the connection ended, where that is known here.
        self.trouble: str | None = None

    @property
    def readable(self) -> bool:
        """Whether ``recv`` has something to say: bytes, or that the peer is gone."""
        return not self._closed and (self._ended or self._taken < len(self._inbox))

    def fill(self) -> None:
        """Take what the kernel has, one chunk at most, so that a flood cannot hold the event loop."""
        self._keep(*self._receive())

    def _receive(self) -> tuple[bytes, bool]:
        """Return what came, and whether the peer is gone."""
        try:
            data = self._sock.recv(CHUNK)
        except (BlockingIOError, InterruptedError):
            return b"", False
        except OSError:
            return b"", True
        return data, not data

    def _keep(self, data: bytes, ended: bool) -> None:  # noqa: FBT001 - the two go together
        self._ended = ended
        self._inbox = self._inbox[self._taken :] + data
        self._taken = 0

    def flush(self) -> bool:
        """Give the kernel what was sent; return whether all of it went."""
        return self._give_away(self._outbox)

    def _give_away(self, buffer: bytearray) -> bool:
        if not buffer or self._closed:
            return True
        try:
            sent = self._sock.send(buffer)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            self._ended = True
            buffer.clear()
            return True
        del buffer[:sent]
        return not buffer

    def take(self) -> bytes:
        """Return what was filled in and not read yet, so that it can be looked at first."""
        data, self._inbox, self._taken = self._inbox[self._taken :], b"", 0
        return data

    def give(self, data: bytes) -> None:
        """Put back what is to be read after all."""
        self._inbox += data

    def recv(self, buffer_size: int) -> bytes:
        data = self._inbox[self._taken : self._taken + buffer_size]
        if not data and not self._ended:
            raise BlockingIOError
        self._taken += len(data)
        return data

    def send(self, buffer: bytes | bytearray) -> int:
        self._outbox += buffer
        return len(buffer)

    def close(self) -> None:
        """Close, after a last attempt to send what waits (a DISCONNECT, mostly)."""
        self.flush()
        self._closed = True
        self._sock.close()

    def fileno(self) -> int:
        return self._sock.fileno()

    def setblocking(self, flag: bool) -> None:  # noqa: FBT001 - a socket's own signature
        """Do nothing: the socket under this never blocks."""


async def connect(host: str, port: int) -> socket.socket:
    """Connect to the first address that answers, without ever blocking the loop. Raises ``OSError``."""
    loop = asyncio.get_running_loop()
    failure = OSError(f"{host} has no address")
    for family, kind, protocol, _, address in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setblocking(False)  # noqa: FBT003 - a socket's own signature
            # Without this a small reply waits for the peer's delayed ACK: 40 ms instead of 1.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.sock_connect(sock, address)
        except OSError as error:
            sock.close()
            failure = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise failure
