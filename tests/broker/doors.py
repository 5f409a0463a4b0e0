"""Doors for tests of a link: one that writes down what it is told, one that answers at once."""

import asyncio

from broker.link import Received


class RecordingDoor:
    """Everything the link said, in queues. It acknowledges at once unless told to hold."""

    def __init__(self, *, hold: bool = False) -> None:
        self.hold = hold
        self.requests: asyncio.Queue[Received] = asyncio.Queue()
        self.subscriptions: asyncio.Queue[str] = asyncio.Queue()
        self.losses: asyncio.Queue[None] = asyncio.Queue()
        self.turns: asyncio.Queue[tuple[str, bool]] = asyncio.Queue()

    def receive(self, message: Received) -> None:
        self.requests.put_nowait(message)
        if not self.hold:
            message.ack()

    def connected(self, thing_name: str) -> None:
        self.turns.put_nowait((thing_name, True))

    def disconnected(self, thing_name: str) -> None:
        self.turns.put_nowait((thing_name, False))

    def subscribed(self, thing_name: str) -> None:
        self.subscriptions.put_nowait(thing_name)

    def session_lost(self) -> None:
        self.losses.put_nowait(None)

    async def request(self) -> Received:
        async with asyncio.timeout(15):
            return await self.requests.get()

    async def turn(self) -> tuple[str, bool]:
        """Return who came (True) or went next."""
        async with asyncio.timeout(15):
            return await self.turns.get()

    async def loss(self) -> None:
        async with asyncio.timeout(15):
            await self.losses.get()


class EchoDoor(RecordingDoor):
    """Answers every request with its own payload, then acknowledges it."""

    def receive(self, message: Received) -> None:
        message.answer(f"{message.topic}/accepted", message.payload)
        message.ack()
