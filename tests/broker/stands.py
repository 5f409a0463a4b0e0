"""Our embedded broker and stock amqtt, set up alike, so that one probe can be put to both."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from raw import CONNACK, Raw, connect

from broker.embedded.limits import Limits
from broker.embedded.link import EmbeddedLink
from broker.identity import Authenticate, Credentials, Identity
from broker.link import Received
from domain.topics import Topics

#: Stock amqtt cannot carry ``$aws`` at all (E1), so every other finding is shown on a plain root.
PLAIN = Topics("things")
THINGS = ("alice", "bob", "mallory")


def secret(thing: str) -> str:
    return f"secret-of-{thing}"


def known(user: str | None, password: str | None) -> bool:
    return user is not None and password == secret(user)


class Stand:
    """A running broker, what reached its engine, and clients that end with the test."""

    def __init__(self, topics: Topics) -> None:
        self.topics = topics
        self.port = 0
        self.requests: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        self.stack = AsyncExitStack()

    async def raw(self) -> Raw:
        client = await Raw.open(self.port)
        self.stack.push_async_callback(client.close)
        return client

    async def client(self, thing: str, *, client_id: str | None = None, **options: Any) -> Raw:
        """Return a client that is let in."""
        client = await self.raw()
        client.send(connect(client_id or thing, thing, secret(thing), **options))
        assert (await client.expect(CONNACK)).body[1] == 0, "refused"
        return client

    async def request(self, patience: float = 5.0) -> tuple[str, bytes]:
        async with asyncio.timeout(patience):
            return await self.requests.get()


class Hardened(Stand):
    """Ours. ``hold`` keeps acknowledgements back, as an engine that has not committed yet does."""

    def __init__(
        self,
        topics: Topics,
        limits: Limits | None = None,
        *,
        hold: bool = False,
        authenticate: Authenticate | None = None,
    ) -> None:
        super().__init__(topics)
        self.hold = hold
        self.subscriptions: asyncio.Queue[str] = asyncio.Queue()
        self.link = EmbeddedLink(
            host="127.0.0.1",
            port=0,
            topics=topics,
            authenticate=authenticate or admit,
            limits=limits or Limits(),
        )

    async def start(self) -> None:
        await self.link.start(self)
        self.port = self.link.port
        self.stack.push_async_callback(self.link.close)

    async def publish(self, topic: str, payload: bytes) -> None:
        await self.link.publish(topic, payload)

    def receive(self, message: Received) -> None:
        self.requests.put_nowait((message.topic, message.payload))
        if not self.hold:
            message.ack()

    def connected(self, thing_name: str) -> None: ...

    def disconnected(self, thing_name: str) -> None: ...

    def subscribed(self, thing_name: str) -> None:
        self.subscriptions.put_nowait(thing_name)

    def session_lost(self) -> None: ...


async def admit(credentials: Credentials) -> Identity | None:
    password = None if credentials.password is None else credentials.password.decode()
    return Identity(credentials.username or "") if known(credentials.username, password) else None


class Stock(Stand):
    """amqtt as it comes, in a process of its own: it leaves sockets and tasks behind when it stops.

    ``lookup`` is how many seconds its plugin takes to say who may hear a message, as one does that asks
    a server.
    """

    def __init__(
        self, topics: Topics, *, plugins: str = "whitelist", lookup: float = 0.0, **listener: Any
    ) -> None:
        super().__init__(topics)
        self._options = {"root": topics.root, "plugins": plugins, "lookup": lookup, "listener": listener}

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(Path(__file__).with_name("stock_amqtt.py")),
            json.dumps(self._options),
            stdin=PIPE,
            stdout=PIPE,
        )
        self.stack.push_async_callback(self._stop)
        async with asyncio.timeout(20):
            self.port = (await self._line())["port"]
        self._tap = asyncio.create_task(self._listen())

    async def publish(self, topic: str, payload: bytes) -> None:
        stdin = self._process.stdin
        assert stdin is not None
        stdin.write(json.dumps([topic, payload.decode()]).encode() + b"\n")
        await stdin.drain()

    async def _line(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(await self._process.stdout.readline())

    async def _listen(self) -> None:
        while True:
            topic, payload = await self._line()
            self.requests.put_nowait((topic, payload.encode()))

    async def _stop(self) -> None:
        self._process.kill()
        await self._process.wait()
        if hasattr(self, "_tap"):
            self._tap.cancel()
            await asyncio.gather(self._tap, return_exceptions=True)
