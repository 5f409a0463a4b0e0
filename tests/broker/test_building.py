"""The clock goes over a large fleet for a new query of a group, a chunk at a time, and is woken for that."""

import asyncio

from engine import Engine

from domain.registry import GroupStatus
from storage import groups, members
from storage.dynamic import CHUNK
from storage.policy import Policy
from storage.signals import Signal


async def crowd(engine: Engine, count: int) -> None:
    await engine.store.write(groups.create, "crowd", at=engine.now)
    names = [f"t{number}" for number in range(count)]
    await engine.store.write(groups.add, "crowd", names, policy=Policy(), at=engine.now)


async def status(engine: Engine, group: str) -> GroupStatus:
    return (await engine.store.read(groups.get, group)).status


async def test_each_tick_goes_over_one_chunk_for_each_group(engine: Engine) -> None:
    await crowd(engine, 3 * CHUNK)
    for group in ("g", "h"):
        await engine.store.write(groups.create, group, query="thingName:t*", at=engine.now)
    ticks = 0
    while await engine.scheduler.tick():
        ticks += 1
    assert [await status(engine, group) for group in ("g", "h")] == [GroupStatus.ACTIVE] * 2
    # Two of the four chunks (the last one empty) were done when the groups were made.
    assert ticks == 1
    page = await engine.store.read(members.of_group, "g", max_results=1)
    assert page.next_token is not None


async def test_a_new_query_wakes_the_clock(engine: Engine) -> None:
    await crowd(engine, 4 * CHUNK)
    engine.store.listen(Signal.AGENDA, engine.scheduler.wake)
    running = asyncio.create_task(engine.scheduler.run())
    try:
        await engine.store.write(groups.create, "g", query="thingName:t*9", at=engine.now)
        async with asyncio.timeout(20):
            while await status(engine, "g") is not GroupStatus.ACTIVE:  # noqa: ASYNC110 - polled from outside
                await asyncio.sleep(0.01)
    finally:
        running.cancel()
        await asyncio.wait({running})
