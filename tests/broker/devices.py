"""A device for tests: real paho on the event loop, one step at a time, with all it hears in a queue."""

import asyncio
import socket
from contextlib import suppress
from typing import Any, NamedTuple, Self

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties


class Heard(NamedTuple):
    topic: str
    payload: bytes
    retain: bool
    dup: bool
    correlation: bytes | None = None


class Refused(Exception):
    """The broker did not let the device in; carries its words."""


class Gone(Exception):
    """The connection ended while something was awaited."""


class Device:
    """``thing`` is user name and, unless told otherwise, client id. All waits end after ``patience``.

    With ``properties`` it speaks MQTT 5 and sends these in CONNECT, spelled as paho does.
    """

    def __init__(
        self,
        port: int,
        thing: str | None,
        *,
        password: str | None = None,
        client_id: str | None = None,
        clean_session: bool = True,
        manual_ack: bool = False,
        keepalive: int = 60,
        patience: float = 15.0,
        properties: dict[str, Any] | None = None,
    ) -> None:
        self.messages: asyncio.Queue[Heard] = asyncio.Queue()
        #: What came with the last CONNACK or SUBACK, and with the last DISCONNECT, of MQTT 5.
        self.granted: dict[str, Any] = {}
        self.farewell: dict[str, Any] = {}
        self.reason: str | None = None
        self.closed = asyncio.Event()
        self._patience = patience
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._loop = asyncio.get_running_loop()
        self.client = Client(
            CallbackAPIVersion.VERSION2,
            client_id if client_id is not None else thing or "",
            clean_session=clean_session if properties is None else None,
            protocol=MQTTProtocolVersion.MQTTv311 if properties is None else MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
            manual_ack=manual_ack,
        )
        self.client.max_inflight_messages = 0
        self.client.username_pw_set(thing, password)
        if properties is None:
            self.client.connect_async("127.0.0.1", port, keepalive)
        else:
            self.client.connect_async(
                "127.0.0.1",
                port,
                keepalive,
                clean_start=clean_session,
                properties=_properties(PacketTypes.CONNECT, properties),
            )
        self._connect_callbacks(self.client)

    async def connect(self) -> bool:
        """Return whether the broker remembered a session. Raises ``Refused``, ``Gone`` or ``OSError``."""
        self.closed.clear()
        self.client.reconnect()
        self._heartbeat = self._loop.create_task(self._beat(), name=f"device {self.client}")
        flags, code, properties = await self._answer_to(0)
        self.granted = {} if properties is None else properties.json()
        if code.is_failure:
            raise Refused(str(code))
        return bool(flags.session_present)

    async def subscribe(self, *filters: str, qos: int = 1) -> list[int]:
        """Return what was granted for each filter: a QoS, or 128 for no."""
        _, mid = self.client.subscribe([(each, qos) for each in filters])
        codes, properties = await self._answer_to(mid)
        self.granted = {} if properties is None else properties.json()
        return [code.value for code in codes]

    async def publish(
        self,
        topic: str,
        payload: bytes = b"",
        *,
        qos: int = 1,
        retain: bool = False,
        properties: dict[str, Any] | None = None,
    ) -> None:
        """Return when the broker acknowledged (QoS 0: at once)."""
        told = None if properties is None else _properties(PacketTypes.PUBLISH, properties)
        sent = self.client.publish(topic, payload, qos=qos, retain=retain, properties=told)
        if qos:
            await self._answer_to(sent.mid)

    async def next(self, topic: str | None = None, *, timeout: float | None = None) -> Heard:  # noqa: ASYNC109
        """Return the next message; with a topic, the next on it, dropping others on the way."""
        async with asyncio.timeout(timeout or self._patience):
            while True:
                heard = await self.messages.get()
                if topic in (None, heard.topic):
                    return heard

    async def close(self) -> None:
        """Leave politely."""
        if self.client.socket() is not None:
            self.client.disconnect()
            self.client.loop_write()
        await self._rest()

    async def drop(self) -> None:
        """Vanish: the connection ends without a DISCONNECT."""
        sock = self.client.socket()
        if sock is not None:
            sock.shutdown(socket.SHUT_RDWR)
            async with asyncio.timeout(self._patience):
                await self.closed.wait()
        await self._rest()

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _rest(self) -> None:
        heartbeat = getattr(self, "_heartbeat", None)
        if heartbeat is not None:
            heartbeat.cancel()
            with suppress(asyncio.CancelledError):
                await heartbeat

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(1)
            self.client.loop_misc()

    async def _answer_to(self, mid: int) -> Any:
        waiter = self._waiting[mid] = self._loop.create_future()
        if self.client.socket() is None:
            raise Gone("not connected")
        async with asyncio.timeout(self._patience):
            return await waiter

    def _settle(self, mid: int, result: object) -> None:
        waiter = self._waiting.pop(mid, None)
        if waiter is not None and not waiter.done():
            waiter.set_result(result)

    def _on_disconnect(self, code: object, properties: Properties | None) -> None:
        self.reason = str(code)
        self.farewell = {} if properties is None else properties.json()
        self.closed.set()
        for waiter in self._waiting.values():
            if not waiter.done():
                waiter.set_exception(Gone(str(code)))
        self._waiting.clear()

    def _on_open(self, sock: socket.socket) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._loop.add_reader(sock.fileno(), self.client.loop_read)

    def _connect_callbacks(self, client: Client) -> None:
        client.on_connect = lambda _c, _u, *answer: self._settle(0, answer)
        client.on_disconnect = lambda _c, _u, _flags, *said: self._on_disconnect(*said)
        client.on_subscribe = lambda _c, _u, mid, *answer: self._settle(mid, answer)
        client.on_publish = lambda _c, _u, mid, code, _p: self._settle(mid, code)
        client.on_message = lambda _c, _u, m: self.messages.put_nowait(
            Heard(m.topic, bytes(m.payload), m.retain, m.dup, getattr(m.properties, "CorrelationData", None))
        )
        client.on_socket_open = lambda _c, _u, sock: self._on_open(sock)
        client.on_socket_close = lambda _c, _u, sock: self._loop.remove_reader(sock.fileno())
        client.on_socket_register_write = lambda _c, _u, sock: self._loop.add_writer(
            sock.fileno(), client.loop_write
        )
        client.on_socket_unregister_write = lambda _c, _u, sock: self._loop.remove_writer(sock.fileno())


def _properties(packet_type: int, values: dict[str, Any]) -> Properties:
    made = Properties(packet_type)
    for name, value in values.items():
        setattr(made, name, value)
    return made
