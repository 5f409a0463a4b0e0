"""A link without a network: what is published reaches a ``ContractServer`` in the same process, or nobody."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from contract_server import ContractServer

from agent.errors import LinkDown


class ScriptedLink:
    """One connection. ``deaf`` swallows what is published, as a broker without a dispatcher does."""

    def __init__(self, receive: Callable[[str, bytes], None], network: "Network") -> None:
        self.receive = receive
        self.filters: list[str] = []
        self.published: list[tuple[str, bytes]] = []
        self._network = network
        self._lost = asyncio.get_running_loop().create_future()

    async def subscribe(self, filters: Sequence[str]) -> None:
        self.filters += filters

    async def publish(self, topic: str, payload: bytes) -> None:
        if self._lost.done():
            raise LinkDown("cut")
        self.published.append((topic, payload))
        self._network.published.set()
        if not self._network.deaf:
            self._network.server.handle(topic, payload)
        await asyncio.sleep(0)

    async def lost(self) -> str:
        return await asyncio.shield(self._lost)

    def abort(self) -> None:
        self.cut("aborted")

    def cut(self, reason: str = "cut") -> None:
        if not self._lost.done():
            self._lost.set_result(reason)

    @property
    def is_up(self) -> bool:
        return not self._lost.done()


class Network:
    """Opens scripted links, one at a time; ``refuse`` counts down connections that fail."""

    def __init__(self, server: ContractServer) -> None:
        self.server = server
        self.links: list[ScriptedLink] = []
        self.deaf = False
        self.refuse = 0
        self.published = asyncio.Event()
        self.opened = asyncio.Event()
        server.send = self.deliver

    def deliver(self, topic: str, payload: bytes) -> None:
        """Reach whoever is connected, a moment later, as a wire would."""
        asyncio.get_running_loop().call_soon(self._arrive, topic, payload)

    def _arrive(self, topic: str, payload: bytes) -> None:
        for link in self.links:
            if link.is_up:
                link.receive(topic, payload)

    @property
    def link(self) -> ScriptedLink:
        return self.links[-1]

    @asynccontextmanager
    async def connect(self, receive: Callable[[str, bytes], None]) -> AsyncIterator[ScriptedLink]:
        if self.refuse:
            self.refuse -= 1
            raise LinkDown("refused by the script")
        link = ScriptedLink(receive, self)
        self.links.append(link)
        self.opened.set()
        try:
            yield link
        finally:
            link.cut("closed")


@contextlib.asynccontextmanager
async def running(coroutine) -> AsyncIterator[asyncio.Task]:
    """Run something for the length of a block; what it raised by itself is raised here."""
    task = asyncio.create_task(coroutine)
    try:
        yield task
    finally:
        if task.done():
            task.result()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
