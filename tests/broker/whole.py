"""The whole server as it is composed for real, on either broker, and devices that speak to it by paho."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from devices import Device
from mosquitto_server import DISPATCHER, MosquittoServer, secret
from pydantic import SecretStr
from sites import Site, SqliteFile

from broker.embedded.link import EmbeddedLink
from cli.server import Server, serving
from cli.settings import Settings
from domain.job import NewJob, TargetSelection
from storage import jobs, marks, things, tokens
from storage.policy import Policy
from storage.store import Store


class Whole:
    """A running server with these things registered. ``broker`` is ``embedded`` or ``mosquitto``."""

    def __init__(self, broker: str, running: Server, port: int, secrets: dict[str, str]) -> None:
        self.broker = broker
        self.mosquitto: MosquittoServer | None = None
        self.store = running.store
        self.link = running.link
        self.data_dir = running.settings.data_dir
        self.http_port = running.http_port
        self.port = port
        #: Where devices with certificates come in; on Mosquitto only with an authority.
        self.secure_port = getattr(running.link, "secure_port", None)
        self.secrets = secrets
        self.stack = AsyncExitStack()

    async def thing(self, name: str, **options: Any) -> "Thing":
        """Return a thing that is connected and hears everything it may."""
        device = Device(self.port, name, password=self.secrets[name], **options)
        await device.connect()
        self.stack.push_async_callback(device.close)
        assert 128 not in await device.subscribe(f"$aws/things/{name}/jobs/#")
        return Thing(self, name, device)

    async def job(self, job_id: str, *targets: str, document: str = '{"operation":"test"}') -> None:
        job = NewJob(
            targets=targets, target_selection=TargetSelection.SNAPSHOT, document=document, job_id=job_id
        )
        await self.write(jobs.create, job, policy=Policy())

    async def write(self, verb: Callable[..., Any], *args: Any, **options: Any) -> Any:
        return await self.store.write(verb, *args, at=datetime.now(UTC), **options)

    async def settled(self) -> None:
        """Return when no thing is owed a notification."""
        async with asyncio.timeout(15):
            while await self.store.read(marks.dirty, limit=1, at=datetime.now(UTC)):  # noqa: ASYNC110 - polled from outside
                await asyncio.sleep(0.005)


class Thing:
    """One device: asks and waits for the answer, and keeps what it is told unasked."""

    def __init__(self, whole: Whole, name: str, device: Device) -> None:
        self.name = name
        self.device = device
        self._whole = whole
        self._told: list[tuple[str, Any]] = []

    async def ask(self, request: str, body: object = None, *, qos: int = 1) -> tuple[str, Any]:
        """Return ``accepted`` or ``rejected``, and the answer. Bytes are sent as they are."""
        topic = f"$aws/things/{self.name}/jobs/{request}"
        payload = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        await self.device.publish(topic, payload, qos=qos)
        while True:
            heard = await self.device.next()
            verdict = heard.topic.removeprefix(f"{topic}/")
            if verdict in ("accepted", "rejected"):
                return verdict, json.loads(heard.payload)
            self._keep(heard.topic, heard.payload)

    async def told(self) -> dict[str, Any]:
        """Return what was notified since the last call, by the kind of notification, each at most once."""
        await self._whole.settled()
        await self.ask("get")  # its answer comes behind what was published before
        told, self._told = self._told, []
        kinds = [kind for kind, _ in told]
        assert len(set(kinds)) == len(kinds), f"told twice: {kinds}"
        return dict(told)

    def _keep(self, topic: str, payload: bytes) -> None:
        kind = topic.rpartition("/")[2]
        if kind.startswith("notify"):  # a broker of its own also gives a device its requests back
            self._told.append((kind, json.loads(payload)))


@asynccontextmanager
async def whole(
    broker: str,
    directory: Path,
    *names: str,
    site: Site | None = None,
    authority: Path | None = None,
    mosquitto: MosquittoServer | None = None,
    **settings: Any,
) -> AsyncIterator[Whole]:
    """Run the server; with Mosquitto the caller checks that there is one, and ``authority`` is for it.

    Without a ``site`` it stands on a file in the directory.
    """
    settings |= (site or SqliteFile(directory / "data")).settings()
    async with AsyncExitStack() as stack:
        if broker == "mosquitto":
            server = mosquitto or MosquittoServer(directory / "mosquitto", users=names, authority=authority)
            stack.push_async_callback(server.kill)
            if mosquitto is None:
                await server.start()
            settings |= {
                "broker": "external",
                "broker_host": "127.0.0.1",
                "broker_port": server.port,
                "broker_username": DISPATCHER,
                "broker_password": SecretStr(secret(DISPATCHER)),
            }
        running = await stack.enter_async_context(serving(Settings(http_port=0, mqtt_port=0, **settings)))
        secrets = await _register(running.store, names)
        link = running.link
        if isinstance(link, EmbeddedLink):
            made = Whole(broker, running, link.port, secrets)
        else:
            made = Whole(broker, running, server.port, {name: secret(name) for name in names})
            made.mosquitto, made.secure_port = server, server.secure_port
        async with made.stack:
            yield made


async def _register(store: Store, names: tuple[str, ...]) -> dict[str, str]:
    at = datetime.now(UTC)
    found = {}
    for name in names:
        await store.write(things.create, name, at=at)
        found[name] = await store.write(tokens.issue, name, at=at)
    return found
