"""A duty among several: one works, the next takes over, and one that is late says and does nothing more."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from engine import Engine
from postgres_server import PostgresServer
from sites import ON_SQLITE, PostgresDatabase

from broker import lease as module
from broker.lease import Lease, Reach, on_duty
from broker.link import LinkDown
from storage import executions, leases
from storage.store import Store

ON_POSTGRES = pytest.mark.parametrize("dialect", ["postgresql"], scope="module")


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a second pass for ten."""
    monkeypatch.setattr(module, "SPAN", timedelta(seconds=1))
    monkeypatch.setattr(module, "MARGIN", timedelta(seconds=0.1))
    monkeypatch.setattr(module, "RENEW", 0.2)
    monkeypatch.setattr(module, "LOOK", 0.05)


class Worker:
    """One that would work. Its work says when it begins and when it has ended."""

    def __init__(self, store: Store, kind: type[Lease] = Lease) -> None:
        self.lease = kind(store, "duty")
        self.began, self.ended, self.tried = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.fails = 0
        self.task = asyncio.create_task(on_duty(self.lease, self.work, tried=self.tried))

    @asynccontextmanager
    async def work(self) -> AsyncIterator[None]:
        if self.fails:
            self.fails -= 1
            raise LinkDown("no broker on purpose")
        self.began.set()
        try:
            yield
        finally:
            self.ended.set()

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.wait({self.task})


async def soon(event: asyncio.Event) -> None:
    async with asyncio.timeout(30):
        await event.wait()


@pytest.fixture
async def work(store: Store) -> AsyncIterator[Callable[[], Worker]]:
    workers = []

    def begin() -> Worker:
        workers.append(Worker(store))
        return workers[-1]

    yield begin
    for worker in workers:
        await worker.stop()


@ON_POSTGRES
async def test_one_works_and_the_other_takes_over_when_it_stops(work: Callable[[], Worker]) -> None:
    first = work()
    await soon(first.began)
    second = work()
    await soon(second.tried)
    assert not second.began.is_set()
    await first.stop()
    assert first.ended.is_set()
    await soon(second.began)
    assert second.lease.term == leases.Term("duty", 2)


@ON_POSTGRES
async def test_one_that_goes_on_is_not_overtaken(work: Callable[[], Worker], store: Store) -> None:
    first = work()
    await soon(first.began)
    for _ in range(3):
        await asyncio.sleep(0.5)
        assert await store.write(leases.take, "duty", holder="other", span=timedelta(1)) is None
    assert not first.ended.is_set()


@ON_POSTGRES
async def test_one_that_was_overtaken_ends_its_work(work: Callable[[], Worker], store: Store) -> None:
    first = work()
    await soon(first.began)
    await store.write(leases.give_back, first.lease.term, holder=first.lease._holder)
    assert await store.write(leases.take, "duty", holder="other", span=timedelta(minutes=1))
    await soon(first.ended)
    assert not first.lease.is_held
    assert first.lease.is_overtaken


@ON_POSTGRES
async def test_who_cannot_reach_a_broker_at_the_start_says_so(store: Store) -> None:
    worker = Worker(store)
    worker.fails = 1
    async with asyncio.timeout(30):
        with pytest.raises(LinkDown):
            await worker.task


@ON_POSTGRES
async def test_who_cannot_reach_it_later_lets_others_try_and_tries_again(work: Callable[[], Worker]) -> None:
    first = work()
    await soon(first.began)
    second = work()
    second.fails = 2
    await soon(second.tried)
    await first.stop()
    await soon(second.began)


@pytest.fixture
def own_server(requirement: Callable[..., None]) -> AsyncIterator[PostgresServer]:
    server = PostgresServer()
    yield server
    server.close()


@pytest.mark.parametrize("kind", [Lease, Reach])
async def test_who_cannot_ask_lays_his_duty_down_by_himself(
    own_server: PostgresServer, tmp_path: Path, kind: type[Lease]
) -> None:
    store = PostgresDatabase(own_server, tmp_path).store()
    worker = Worker(store, kind)
    await soon(worker.began)
    own_server.freeze()
    await soon(worker.ended)
    assert not worker.lease.is_held
    worker.began.clear()
    own_server.thaw()
    await soon(worker.began)
    await worker.stop()
    await store.close()


@ON_POSTGRES
async def test_what_only_needs_the_store_several_do_at_a_time(store: Store) -> None:
    first, second = Worker(store, Reach), Worker(store, Reach)
    await soon(first.began)
    await soon(second.began)
    await asyncio.sleep(1.5)  # longer than one of them would go on without asking
    assert first.lease.is_held
    assert second.lease.is_held
    assert not first.ended.is_set()
    assert first.lease.term is None
    for worker in (first, second):
        await worker.stop()
        assert worker.ended.is_set()


@ON_SQLITE
async def test_where_nobody_else_can_write_it_is_ours_for_good(
    work: Callable[[], Worker], store: Store
) -> None:
    worker = work()
    await soon(worker.began)
    assert worker.lease.is_held
    assert worker.lease.term is None


async def test_a_dispatcher_that_was_overtaken_says_nothing_and_changes_nothing(engine: Engine) -> None:
    await engine.job("j", "a")
    old = await engine.store.write(leases.take, "dispatcher", holder="old", span=timedelta(0))
    engine.dispatcher.begin(old)
    assert (await engine.call("a", "j/update", {"status": "IN_PROGRESS"}))[0] == "accepted"
    await engine.store.write(leases.take, "dispatcher", holder="new", span=timedelta(minutes=1))
    engine.link.said.clear()
    engine.ask("a", "j/update", {"status": "SUCCEEDED"})
    await engine.dispatcher.drain()
    assert engine.link.said == []
    found = await engine.store.read(executions.get, "j", "a", execution_number=None)
    assert (found.status, found.version_number) == ("IN_PROGRESS", 2)


async def test_what_came_in_an_earlier_term_is_left_for_its_successor(engine: Engine) -> None:
    await engine.job("j", "a")
    engine.ask("a", "j/update", {"status": "IN_PROGRESS"})
    engine.dispatcher.begin(None)
    await engine.dispatcher.drain()
    assert engine.link.said == []
