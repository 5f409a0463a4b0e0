"""The engine of the load: many MQTT 3.1.1 connections on one selector in one thread, no object per packet."""

import errno
import selectors
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress

from raw import CONNACK, PUBACK, PUBLISH, SUBACK, connect, subscribe

KEEP_ALIVE = 1_200
READ = selectors.EVENT_READ
BOTH = selectors.EVENT_READ | selectors.EVENT_WRITE


class Client:
    """One connection: what it is called, what of the stream is not cut yet, what is to be sent."""

    __slots__ = ("blocked", "filters", "name", "out", "password", "rest", "settled", "sock")

    def __init__(self, name: str, password: str | None, filters: tuple[str, ...]):
        self.name = name
        self.password = password
        self.filters = filters
        self.sock = None
        self.rest = b""
        self.out: list[bytes] = []
        self.blocked = False
        self.settled = False


class Load:
    """Connects clients, then hands every PUBLISH to ``heard(client, topic, buffer, start, end)``."""

    def __init__(self, port: int):
        self.port = port
        self.clients: list[Client] = []
        self.lost: list[str] = []
        self.heard: Callable[[Client, bytes, bytes, int, int], None] = _ignore
        self._selector = selectors.DefaultSelector()
        self._settled = 0

    def connect(self, clients: Iterable[Client], *, window: int, patience: float = 120.0) -> float:
        """Connect and subscribe, ``window`` at a time; return the seconds until the last SUBACK."""
        waiting = deque(clients)
        wanted = self._settled + len(waiting)
        self.clients += waiting
        began = time.perf_counter()
        open_ones = self._settled
        while self._settled < wanted and not self.lost:
            while waiting and open_ones - self._settled < window:
                self._dial(waiting.popleft())
                open_ones += 1
            self.turn(1.0)
            if time.perf_counter() - began > patience:
                raise TimeoutError(f"{wanted - self._settled} clients were not let in")
        if self.lost:
            raise ConnectionError(f"lost {len(self.lost)} connections: {self.lost[0]}")
        return time.perf_counter() - began

    def turn(self, timeout: float) -> None:
        """Wait for sockets and do what they ask for."""
        for key, events in self._selector.select(timeout):
            client = key.data
            if events & READ:
                self._read(client)
            if client.out:
                self.flush(client)

    def flush(self, client: Client) -> None:
        """Send what is to be sent, in one call; the rest when there is room."""
        data = b"".join(client.out)
        client.out.clear()
        try:
            sent = client.sock.send(data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._lose(client, error.strerror or str(error))
            return
        blocked = sent < len(data)
        if blocked:
            client.out.append(data[sent:])
        if blocked is not client.blocked:
            client.blocked = blocked
            self._selector.modify(client.sock, BOTH if blocked else READ, client)

    def close(self) -> None:
        for client in self.clients:
            if client.sock is not None:
                client.sock.close()
        self._selector.close()

    def _dial(self, client: Client) -> None:
        client.sock = sock = socket.socket()
        sock.settimeout(0)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        code = sock.connect_ex(("127.0.0.1", self.port))
        if code not in (0, errno.EINPROGRESS):
            self._lose(client, errno.errorcode[code])
            return
        client.out.append(connect(client.name, client.name, client.password, keepalive=KEEP_ALIVE))
        client.blocked = True
        self._selector.register(sock, BOTH, client)

    def _read(self, client: Client) -> None:
        try:
            data = client.sock.recv(262_144)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(client, error.strerror or str(error))
            return
        if not data:
            self._lose(client, "closed by the broker")
            return
        buffer = client.rest + data if client.rest else data
        client.rest = buffer[self._cut(client, buffer) :]

    def _cut(self, client: Client, buffer: bytes) -> int:
        """Act on every whole packet; return where the first that is not whole begins."""
        at, size = 0, len(buffer)
        while size - at >= 2:
            length, start = buffer[at + 1], at + 2
            if length & 0x80:
                if start >= size:
                    break
                length, start = length & 0x7F | (buffer[start] & 0x7F) << 7, start + 1
                if buffer[start - 1] & 0x80:
                    if start >= size:
                        break
                    length, start = length | buffer[start] << 14, start + 1
            end = start + length
            if end > size:
                break
            first = buffer[at]
            kind = first >> 4
            if kind == PUBLISH:
                payload = start + 2 + (buffer[start] << 8 | buffer[start + 1])
                topic = buffer[start + 2 : payload]
                if first & 0x06:
                    client.out.append(b"\x40\x02" + buffer[payload : payload + 2])
                    payload += 2
                self.heard(client, topic, buffer, payload, end)
            elif kind != PUBACK:
                self._greet(client, kind, buffer[start:end])
            at = end
        return at

    def _greet(self, client: Client, kind: int, body: bytes) -> None:
        refused = (kind == CONNACK and body[1] != 0) or (kind == SUBACK and 0x80 in body[2:])
        if refused or kind not in (CONNACK, SUBACK):
            self._lose(client, f"packet {kind} says {body.hex()}")
        elif kind == CONNACK and client.filters:
            client.out.append(subscribe(*client.filters))
        else:
            client.settled = True
            self._settled += 1

    def _lose(self, client: Client, reason: str) -> None:
        self.lost.append(f"{client.name}: {reason}")
        client.out.clear()
        if client.sock.fileno() >= 0:
            with suppress(KeyError):
                self._selector.unregister(client.sock)
            client.sock.close()


def _ignore(*_: object) -> None:
    """Nothing is expected now."""
