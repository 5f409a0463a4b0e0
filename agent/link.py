"""A device's MQTT 3.1.1 connection: paho on the event loop's socket callbacks, without a thread of its own.

Only the blocking part, name resolution with TCP and TLS handshakes, visits the loop's thread pool.
A link lives once; reconnecting is ``agent.session``'s business.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, cast

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.reasoncodes import ReasonCode

from agent.errors import LinkDown, LinkRefused
from agent.port import Connect, Receive

OK: Final = MQTTErrorCode.MQTT_ERR_SUCCESS
#: A broker that answers our pings and acknowledges none of this many messages is not cured by more of them;
#: beyond 20 the library would only keep them to itself.
UNACKNOWLEDGED_MAX: Final = 16
#: Reason codes of a broker that may let us in later: unavailable, busy, over its quota or its rate.
PASSING: Final = frozenset({136, 137, 151, 159})


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where the broker is and who we say we are there; the token is the password."""

    thing_name: str
    host: str = "127.0.0.1"
    port: int = 1883
    token: str | None = field(default=None, repr=False)
    keepalive: int = 30
    connect_timeout: float = 10.0
    tls: ssl.SSLContext | None = None


def connector(endpoint: Endpoint) -> Connect:
    """Return what opens links to ``endpoint``."""

    @asynccontextmanager
    async def connect(receive: Receive) -> AsyncIterator[MqttLink]:
        link = MqttLink(endpoint, receive)
        await link.open()
        try:
            yield link
        finally:
            await link.close()

    return connect


class MqttLink:
    """One connection. Not reusable: after ``close`` or a loss make another."""

    __slots__ = (
        "_client", "_endpoint", "_granted", "_loop", "_lost", "_ready",
        "_receive", "_sent", "_sock", "_timer", "_unacknowledged",
    )  # fmt: skip

    def __init__(self, endpoint: Endpoint, receive: Receive) -> None:
        self._endpoint = endpoint
        self._receive = receive
        self._loop = asyncio.get_running_loop()
        self._lost: asyncio.Future[str] = self._loop.create_future()
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._sent: dict[int, asyncio.Future[None]] = {}
        self._granted: dict[int, asyncio.Future[None]] = {}
        self._unacknowledged: set[int] = set()
        self._sock: socket.socket | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._client = self._new_client()

    def _new_client(self) -> mqtt.Client:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=self._endpoint.thing_name, reconnect_on_failure=False
        )
        client.connect_timeout = self._endpoint.connect_timeout
        if self._endpoint.token is not None:
            client.username_pw_set(self._endpoint.thing_name, self._endpoint.token)
        if self._endpoint.tls is not None:
            client.tls_set_context(self._endpoint.tls)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        # Called in the pool's thread while connecting, before the loop knows the socket.
        client.on_socket_register_write = self._on_want_write
        client.on_socket_unregister_write = self._on_written
        client.on_socket_close = self._on_socket_close
        return client

    # --- life ------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Return when the broker has accepted us. Raises ``LinkDown`` or ``LinkRefused``."""
        dialing = self._loop.run_in_executor(None, self._dial)
        try:
            await asyncio.shield(dialing)
            self._adopt()
            async with asyncio.timeout(self._endpoint.connect_timeout):
                await self._ready
        except (OSError, ValueError) as error:  # TimeoutError among them; names that are no host names
            await self._discard(dialing)
            raise LinkDown(f"no connection to {self._where}: {str(error) or 'no answer in time'}") from None
        except BaseException:
            await self._discard(dialing)
            raise

    @property
    def _where(self) -> str:
        return f"{self._endpoint.host}:{self._endpoint.port}"

    def _dial(self) -> None:
        self._client.connect(self._endpoint.host, self._endpoint.port, self._endpoint.keepalive)

    async def _discard(self, dialing: asyncio.Future[None]) -> None:
        # The thread cannot be stopped; its socket must not outlive us.
        with contextlib.suppress(OSError, ValueError):
            await asyncio.shield(dialing)
        self._end("closed while connecting")

    def _adopt(self) -> None:
        sock = cast("socket.socket | None", self._client.socket())
        if sock is None:
            raise ConnectionError("the socket closed at once")
        # paho leaves Nagle's algorithm on: 40 ms on every round trip.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock = sock
        self._loop.add_reader(sock, self._on_readable)
        self._flush()
        self._tick()

    def _tick(self) -> None:
        """Let paho look at its keepalive; four times per period keeps the broker's 1.5 periods safe."""
        self._client.loop_misc()
        if not self._lost.done():
            pause = max(self._endpoint.keepalive, 4) / 4
            self._timer = self._loop.call_later(pause, self._tick)

    async def close(self) -> None:
        """Say goodbye if the line is up, and release everything. Harmless twice."""
        if self._client.is_connected() and self._client.disconnect() == OK:
            self._client.loop_write()
        self._end("closed by us")

    def abort(self) -> None:
        self._end("dropped by us")

    async def lost(self) -> str:
        return await asyncio.shield(self._lost)

    def _end(self, reason: str) -> None:
        """The one place where a link ends; every waiter learns of it."""
        sock = self._sock or cast("socket.socket | None", self._client.socket())
        self._silence(sock)
        if sock is not None:
            sock.close()
        if self._timer is not None:
            self._timer.cancel()
        if not self._lost.done():
            self._lost.set_result(reason)
        for waiter in (self._ready, *self._sent.values(), *self._granted.values()):
            if not waiter.done():
                waiter.set_exception(LinkDown(reason))
                # Nobody may be waiting; that is no reason for a warning.
                waiter.exception()

    def _silence(self, sock: socket.socket | None) -> None:
        client = self._client
        client.on_socket_register_write = client.on_socket_unregister_write = client.on_socket_close = None
        client.on_disconnect = client.on_message = None
        if sock is not None and sock.fileno() >= 0:
            self._loop.remove_reader(sock)
            self._loop.remove_writer(sock)
        self._sock = None

    # --- talk ------------------------------------------------------------------------------------------

    async def publish(self, topic: str, payload: bytes) -> None:
        if self._lost.done():
            raise LinkDown(self._lost.result())
        if len(self._unacknowledged) >= UNACKNOWLEDGED_MAX:
            self._end("the broker acknowledges nothing any more")
            raise LinkDown(self._lost.result())
        info = self._client.publish(topic, payload, qos=1)
        if info.rc != OK:
            raise LinkDown(mqtt.error_string(info.rc))
        self._unacknowledged.add(info.mid)
        await self._reply(self._sent, info.mid)

    async def subscribe(self, filters: Sequence[str]) -> None:
        if self._lost.done():
            raise LinkDown(self._lost.result())
        rc, mid = self._client.subscribe([(each, 1) for each in filters])
        if rc != OK or mid is None:
            raise LinkDown(mqtt.error_string(rc))
        await self._reply(self._granted, mid)

    async def _reply(self, waiters: dict[int, asyncio.Future[None]], mid: int) -> None:
        waiter = waiters[mid] = self._loop.create_future()
        try:
            await waiter
        finally:
            del waiters[mid]

    # --- paho's callbacks; all on the loop, but for the two named above ----------------------------------

    def _on_readable(self) -> None:
        self._client.loop_read()
        # TLS may hold whole packets that the selector cannot see.
        while isinstance(self._sock, ssl.SSLSocket) and self._sock.pending():
            self._client.loop_read()

    def _on_want_write(self, _client: mqtt.Client, _userdata: Any, _sock: Any) -> None:
        if self._sock is not None:
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        """Write what is queued; only a full socket is worth a visit to the selector."""
        self._client.loop_write()
        if self._sock is not None and self._client.want_write():
            self._loop.add_writer(self._sock, self._flush)

    def _on_written(self, _client: mqtt.Client, _userdata: Any, sock: Any) -> None:
        if self._sock is not None:
            self._loop.remove_writer(sock)

    def _on_socket_close(self, _client: mqtt.Client, _userdata: Any, sock: Any) -> None:
        if self._sock is not None:
            self._loop.remove_reader(sock)
            self._loop.remove_writer(sock)
            self._sock = None

    def _on_connect(self, _client: Any, _userdata: Any, _flags: Any, code: ReasonCode, _more: Any) -> None:
        if self._ready.done():
            return
        if code.is_failure:
            refused = LinkDown if code.value in PASSING else LinkRefused
            self._ready.set_exception(
                refused(f"{self._where} refused the connection of {self._endpoint.thing_name}: {code}")
            )
        else:
            self._ready.set_result(None)

    def _on_disconnect(self, _client: Any, _userdata: Any, _flags: Any, code: ReasonCode, _more: Any) -> None:
        self._end(f"connection lost: {code}")

    def _on_subscribe(
        self, _client: Any, _userdata: Any, mid: int, codes: list[ReasonCode], _more: Any
    ) -> None:
        waiter = self._granted.get(mid)
        if waiter is None or waiter.done():
            return
        if any(code.is_failure for code in codes):
            waiter.set_exception(LinkRefused("the broker did not grant a subscription"))
        else:
            waiter.set_result(None)

    def _on_publish(self, _client: Any, _userdata: Any, mid: int, _code: Any, _more: Any) -> None:
        self._unacknowledged.discard(mid)
        waiter = self._sent.get(mid)
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _on_message(self, _client: mqtt.Client, _userdata: Any, message: mqtt.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            return
        self._receive(topic, bytes(message.payload))
