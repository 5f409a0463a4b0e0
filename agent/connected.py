"""A client without an agent: connected for the length of a block, over any number of lost links."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from agent.backoff import Backoff
from agent.client import JobsClient
from agent.port import Connect
from agent.session import GiveUp, Session, when_refused


@asynccontextmanager
async def connected(
    client: JobsClient, connect: Connect, *, give_up: GiveUp = when_refused
) -> AsyncIterator[JobsClient]:
    """Enter with the first connection. Raises the ``LinkDown`` that ``give_up`` takes for final."""
    arrived = asyncio.Event()
    session = Session(
        client,
        connect,
        backoff=Backoff(),
        connected=arrived.set,
        disconnected=lambda _reason: None,
        give_up=give_up,
    )
    keeping = asyncio.create_task(session.run(), name=f"{client.thing_name}: session")
    arriving = asyncio.create_task(arrived.wait())
    try:
        await asyncio.wait([keeping, arriving], return_when=asyncio.FIRST_COMPLETED)
        if keeping.done():
            keeping.result()
        yield client
    finally:
        for task in (keeping, arriving):
            task.cancel()
        await asyncio.gather(keeping, arriving, return_exceptions=True)
