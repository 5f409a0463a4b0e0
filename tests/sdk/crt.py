"""Connections of AWS's Python SDK (awscrt) in either version of MQTT, awaited on the test's loop."""

import asyncio
from abc import abstractmethod
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

from awscrt import io, mqtt, mqtt5
from awsiot import mqtt5_client_builder, mqtt_connection_builder
from site_under_test import Site

PATIENCE = 15


class Way(NamedTuple):
    """How a device gets to the broker."""

    mqtt: str
    transport: str

    def __str__(self) -> str:
        return f"mqtt{self.mqtt}-{self.transport}"


WAYS = tuple(Way(version, transport) for version in ("3", "5") for transport in ("plain", "mtls"))


def _tell(loop: asyncio.AbstractEventLoop, queue: "asyncio.Queue[Any]", value: object) -> None:
    if not loop.is_closed():  # the SDK still tries to come back when a test has failed
        loop.call_soon_threadsafe(queue.put_nowait, value)


class Wire:
    """One connection of the SDK. ``client`` is what its service clients are made from."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.interrupted: asyncio.Queue[str] = asyncio.Queue()
        #: Brings what an SDK thread says to the loop. The SDK keeps its callbacks, where no collector sees
        #: them: one that holds its connection would keep both, and their threads, for ever.
        self.tell: Callable[[asyncio.Queue[Any], object], None] = partial(_tell, self.loop)

    @property
    @abstractmethod
    def client(self) -> "mqtt.Connection | mqtt5.Client": ...

    @property
    @abstractmethod
    def connection(self) -> mqtt.Connection:
        """A connection with the verbs of 3.1.1, whatever it speaks."""

    @abstractmethod
    async def open(self) -> bool:
        """Return whether there was a session. Raises what the SDK says of a refusal."""

    @abstractmethod
    async def back(self) -> bool:
        """Wait until the SDK has come back by itself, and return whether there was a session."""

    @abstractmethod
    async def close(self) -> None:
        """Disconnect, if it has not been done yet."""


class Wire3(Wire):
    """MQTT 3.1.1."""

    def __init__(self, site: Site, thing: str, transport: str, **options: Any) -> None:
        super().__init__()
        self._resumed: asyncio.Queue[bool] = asyncio.Queue()
        tell, interrupted, resumed = self.tell, self.interrupted, self._resumed
        common = {
            "keep_alive_secs": 1200,
            "clean_session": False,
            "client_id": thing,
            "reconnect_min_timeout_secs": 1,
            "reconnect_max_timeout_secs": 1,
            "on_connection_interrupted": lambda connection, error, **_: tell(interrupted, str(error)),
            "on_connection_resumed": lambda connection, return_code, session_present, **_: tell(
                resumed, session_present
            ),
            **options,
        }
        if transport == "mtls":
            self._connection = mqtt_connection_builder.mtls_from_path(
                *site.certificate(thing),
                ca_filepath=str(site.ca),
                endpoint="localhost",
                port=site.mtls_port,
                **common,
            )
        else:
            self._connection = mqtt.Connection(
                mqtt.Client(io.ClientBootstrap.get_or_create_static_default()),
                host_name="127.0.0.1",
                port=site.port,
                **site.password(thing),
                **site.quiet,
                **common,
            )

    @property
    def client(self) -> mqtt.Connection:
        return self._connection

    @property
    def connection(self) -> mqtt.Connection:
        return self._connection

    async def open(self) -> bool:
        async with asyncio.timeout(PATIENCE):
            answer = await asyncio.wrap_future(self._connection.connect())
        return bool(answer["session_present"])

    async def back(self) -> bool:
        async with asyncio.timeout(PATIENCE):
            return await self._resumed.get()

    async def close(self) -> None:
        with suppress(RuntimeError):  # as the SDK calls it that there is nothing to disconnect
            async with asyncio.timeout(PATIENCE):
                await asyncio.wrap_future(self._connection.disconnect())


class Wire5(Wire):
    """MQTT 5."""

    def __init__(self, site: Site, thing: str, transport: str, **options: Any) -> None:
        super().__init__()
        self._ups: asyncio.Queue[Any] = asyncio.Queue()
        self._stops: asyncio.Queue[None] = asyncio.Queue()
        self._started = False
        self.granted = mqtt5.NegotiatedSettings()
        tell, ups, stops, interrupted = self.tell, self._ups, self._stops, self.interrupted
        connect = {"client_id": thing, "keep_alive_interval_sec": 1200, "session_expiry_interval_sec": 3600}
        connect |= {name: options.pop(name) for name in tuple(options) if name in connect}
        common = {
            "min_reconnect_delay_ms": 500,
            "max_reconnect_delay_ms": 500,
            "session_behavior": mqtt5.ClientSessionBehaviorType.REJOIN_ALWAYS,
            **options,
        }
        heard = {
            "connection_success": lambda data: tell(ups, data.negotiated_settings),
            "connection_failure": lambda data: tell(ups, data.exception),
            "disconnection": lambda data: tell(interrupted, str(data.exception)),
            "stopped": lambda _: tell(stops, None),
        }
        if transport == "mtls":
            self._client = mqtt5_client_builder.mtls_from_path(
                *site.certificate(thing),
                ca_filepath=str(site.ca),
                endpoint="localhost",
                port=site.mtls_port,
                **connect,
                **common,
                **{f"on_lifecycle_{name}": callback for name, callback in heard.items()},
            )
        else:
            self._client = mqtt5.Client(
                mqtt5.ClientOptions(
                    host_name="127.0.0.1",
                    port=site.port,
                    connect_options=mqtt5.ConnectPacket(**site.password(thing), **connect),
                    **site.quiet,
                    **common,
                    **{f"on_lifecycle_event_{name}_fn": callback for name, callback in heard.items()},
                )
            )
        self._connection = self._client.new_connection()

    @property
    def client(self) -> mqtt5.Client:
        return self._client

    @property
    def connection(self) -> mqtt.Connection:
        return self._connection

    async def open(self) -> bool:
        self._started = True
        self._client.start()
        return await self.back()

    async def back(self) -> bool:
        async with asyncio.timeout(PATIENCE):
            outcome = await self._ups.get()
        if isinstance(outcome, Exception):
            raise outcome
        self.granted = outcome
        return bool(outcome.rejoined_session)

    async def close(self) -> None:
        if not self._started:
            return
        self._started = False
        self._client.stop()
        async with asyncio.timeout(PATIENCE):
            await self._stops.get()


def wire(site: Site, thing: str, way: Way, **options: Any) -> Wire:
    return {"3": Wire3, "5": Wire5}[way.mqtt](site, thing, way.transport, **options)


NewWire = Callable[..., Wire]
