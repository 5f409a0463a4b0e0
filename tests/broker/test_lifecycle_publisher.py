"""The publisher of lifecycle events: nothing is lost, whatever fails and whenever it dies."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from engine import Engine

from broker import lifecycle as publishing
from broker.lifecycle import Publisher
from broker.link import LinkDown
from domain.event_kinds import EventKind
from domain.names import Arns
from storage import event_configurations, jobs, lifecycle
from storage.store import Store


@pytest.fixture
def publisher(engine: Engine) -> Publisher:
    return new(engine)


def new(engine: Engine) -> Publisher:
    return Publisher(engine.store, engine.link, engine.topics, Arns(), gather=0.0)  # type: ignore[arg-type]


async def switch(engine: Engine, *, on: bool = True) -> None:
    kinds = dict.fromkeys((EventKind.JOB, EventKind.JOB_EXECUTION), on)
    await engine.store.write(event_configurations.put, kinds, at=engine.now)


async def all_of(publisher: Publisher) -> None:
    while await publisher.run_once():
        pass


async def some_jobs(engine: Engine, count: int) -> None:
    for number in range(count):
        await engine.job(f"j{number}", "t")
        engine.ask("t", f"j{number}/update", {"status": "SUCCEEDED"})
        await engine.settle()
    engine.link.said.clear()


def events(engine: Engine) -> list[str]:
    return [topic.removeprefix("$aws/events/") for _, topic, _ in engine.link.said]


def ids(engine: Engine) -> list[Any]:
    return [body["eventId"] for _, _, body in engine.link.said]


TWO = ["jobExecution/j0/succeeded", "job/j0/completed", "jobExecution/j1/succeeded", "job/j1/completed"]


async def test_it_publishes_in_order_and_once(engine: Engine, publisher: Publisher) -> None:
    await switch(engine)
    await some_jobs(engine, 2)
    await all_of(publisher)
    assert events(engine) == TWO
    await all_of(publisher)
    await all_of(new(engine))
    assert events(engine) == TWO


async def test_one_that_died_before_it_noted_is_followed_by_one_that_says_the_same(
    engine: Engine, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    await switch(engine)
    await some_jobs(engine, 2)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(lifecycle, "settle", die)
        with pytest.raises(KeyboardInterrupt):
            await publisher.run_once()
    await all_of(new(engine))
    assert events(engine) == TWO * 2
    assert ids(engine)[:4] == ids(engine)[4:]


async def test_what_got_through_before_the_link_failed_is_not_said_again(
    engine: Engine, publisher: Publisher
) -> None:
    await switch(engine)
    await some_jobs(engine, 2)
    engine.link.fails = lambda topic: topic == "$aws/events/jobExecution/j1/succeeded"
    with pytest.raises(LinkDown):
        await publisher.run_once()
    # The one behind the failed one got through, out of turn; it is said again in its place.
    assert events(engine) == [TWO[0], TWO[1], TWO[3]]
    engine.link.fails = lambda _topic: False
    await all_of(publisher)
    assert events(engine)[3:] == TWO[2:]


async def test_deleting_a_job_loses_nothing_that_was_not_published(
    engine: Engine, publisher: Publisher
) -> None:
    await switch(engine)
    await some_jobs(engine, 1)
    engine.link.fails = lambda _topic: True
    with pytest.raises(LinkDown):
        await publisher.run_once()
    await engine.store.write(jobs.delete, "j0", at=engine.now)
    engine.link.fails = lambda _topic: False
    await all_of(publisher)
    assert events(engine) == [
        "jobExecution/j0/succeeded",
        "job/j0/completed",
        "job/j0/deletion_in_progress",
        "jobExecution/j0/deleted",
        "job/j0/deleted",
    ]


class Reads:
    """A store that counts how often it is read."""

    def __init__(self, store: Store) -> None:
        self.write = store.write
        self.count = 0
        self._read = store.read
        self.looked = asyncio.Event()
        #: What happens between a look and its end.
        self.then: Callable[[], None] = lambda: None

    async def read(self, *args: Any, **options: Any) -> Any:
        self.count += 1
        found = await self._read(*args, **options)
        self.then()
        self.looked.set()
        return found


async def test_while_all_is_off_commits_cost_it_no_look(engine: Engine) -> None:
    reads = Reads(engine.store)
    publisher = Publisher(reads, engine.link, engine.topics, Arns(), gather=0.0)  # type: ignore[arg-type]
    running = asyncio.create_task(publisher.run())
    async with asyncio.timeout(10):
        await reads.looked.wait()
    for _ in range(50):
        publisher.wake()
        await asyncio.sleep(0)
    assert reads.count == 1
    await switch(engine)
    publisher.switched()
    await some_jobs(engine, 1)
    publisher.wake()
    async with asyncio.timeout(10):
        while len(engine.link.said) < 2:  # noqa: ASYNC110 - watched from outside
            await asyncio.sleep(0.005)
    assert events(engine) == TWO[:2]
    running.cancel()


async def test_what_is_committed_while_it_looks_for_the_first_time_wakes_it(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "POLL", 1000.0)
    reads = Reads(engine.store)
    publisher = Publisher(reads, engine.link, engine.topics, Arns(), gather=0.0)  # type: ignore[arg-type]
    await switch(engine)
    reads.then = publisher.wake
    running = asyncio.create_task(publisher.run())
    async with asyncio.timeout(10):
        while reads.count < 2:  # noqa: ASYNC110 - watched from outside
            await asyncio.sleep(0.005)
    running.cancel()


async def test_a_link_that_is_down_is_waited_for(engine: Engine, publisher: Publisher) -> None:
    await switch(engine)
    await some_jobs(engine, 1)
    engine.link.connected = False
    running = asyncio.create_task(publisher.run())
    await asyncio.sleep(0)
    assert events(engine) == []
    engine.link.connected = True
    async with asyncio.timeout(10):
        while len(engine.link.said) < 2:  # noqa: ASYNC110 - watched from outside
            await asyncio.sleep(0.005)
    running.cancel()
    assert events(engine) == TWO[:2]
