"""The store goes away under a dispatcher: where others answer too it waits and says nothing wrong."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from engine import Engine
from postgres_server import PostgresServer
from sites import ON_SQLITE, MakeSite, PostgresDatabase

from domain.errors import Unavailable
from storage import device, executions, leases
from storage.store import Store

ON_POSTGRES = pytest.mark.parametrize("dialect", ["postgresql"], scope="module")
BEGIN = {"status": "IN_PROGRESS", "clientToken": "t", "includeJobExecutionState": True}


class Faulty(Store):
    """A real store; ``fault`` stands before and after what the dispatcher writes."""

    fault: Callable[[Callable[[], Awaitable[Any]]], Awaitable[Any]] | None = None

    async def write(self, verb: Any, *args: Any, **kwargs: Any) -> Any:
        def go() -> Awaitable[Any]:
            return Store.write(self, verb, *args, **kwargs)

        return await (go() if self.fault is None else self.fault(go))


@pytest.fixture
async def engine(make_site: MakeSite, tmp_path: Path) -> AsyncIterator[Engine]:
    site = make_site(tmp_path / "data")
    store = site.store(Faulty)
    engine = Engine(store)
    await engine.job("j", "a")
    yield engine
    await store.close()
    site.drop()


@asynccontextmanager
async def running(engine: Engine) -> AsyncIterator[None]:
    task = asyncio.create_task(engine.dispatcher.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def said(engine: Engine, count: int = 2) -> list[tuple[str, str, Any]]:
    """Return what was said once it is so much."""
    async with asyncio.timeout(30):
        while len(engine.link.said) < count:  # noqa: ASYNC110 - a recording, which wakes nobody
            await asyncio.sleep(0.01)
    return engine.link.said


def kinds(entries: list[tuple[str, str, Any]]) -> list[tuple[str, str]]:
    return [(kind, topic.rpartition("/")[2]) for kind, topic, _ in entries]


async def test_what_a_server_that_is_away_cannot_store_is_answered_when_it_is_back(
    requirement: Callable[..., None], tmp_path: Path
) -> None:
    server = PostgresServer(durable=True)
    store = PostgresDatabase(server, tmp_path).store()
    try:
        engine = Engine(store)
        await engine.job("j", "a")
        async with running(engine):
            server.stop()
            engine.ask("a", "j/update", BEGIN)
            async with asyncio.timeout(30):
                while store.ready:  # noqa: ASYNC110 - what the dispatcher's own try finds out
                    await asyncio.sleep(0.01)
            engine.ask("a", "j/update", {**BEGIN, "clientToken": "u"})
            assert engine.link.said == []
            server.start()
            entries = await said(engine, 4)
        assert kinds(entries) == [("answer", "accepted"), ("ack", "update")] * 2
        assert [body["executionState"]["versionNumber"] for _, _, body in entries if body] == [2, 3]
    finally:
        await store.close()
        server.close()


@ON_POSTGRES
async def test_an_update_whose_commit_was_in_doubt_is_answered_as_it_went(engine: Engine) -> None:
    async def in_doubt(go: Callable[[], Awaitable[Any]]) -> Any:
        engine.store.fault = None
        await go()
        raise Unavailable("the connection was lost while committing")

    engine.store.fault = in_doubt
    async with running(engine):
        engine.ask("a", "j/update", {**BEGIN, "expectedVersion": 1})
        entries = await said(engine)
    assert kinds(entries) == [("answer", "accepted"), ("ack", "update")]
    assert entries[0][2]["executionState"]["versionNumber"] == 2
    assert (await engine.store.read(executions.get, "j", "a")).version_number == 2


async def away(_go: Callable[[], Awaitable[Any]]) -> Any:
    raise Unavailable("away on purpose")


@ON_POSTGRES
async def test_what_waits_for_the_store_when_the_duty_ends_is_left_for_whoever_has_it(engine: Engine) -> None:
    old = await engine.store.write(leases.take, "dispatcher", holder="old", span=timedelta(0))
    engine.dispatcher.begin(old)
    tried = asyncio.Event()

    async def trying(go: Callable[[], Awaitable[Any]]) -> Any:
        tried.set()
        return await away(go)

    engine.store.fault = trying
    async with running(engine):
        engine.ask("a", "j/update", BEGIN)
        await tried.wait()
    assert engine.link.said == []
    engine.store.fault = None
    await engine.dispatcher.drain()
    assert engine.link.said == [], "what was cut off in the middle is not taken up again"


@ON_POSTGRES
async def test_one_request_that_the_store_cannot_do_does_not_hold_up_all_for_ever(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await engine.job("k", "b")
    monkeypatch.setattr(engine.dispatcher, "_hold", 0.1)
    answer = device.answer

    def slow(connection: Any, requests: Any, **more: Any) -> Any:
        if any(request.thing_name == "a" for request in requests):
            raise Unavailable("it took too long")
        return answer(connection, requests, **more)

    monkeypatch.setattr(device, "answer", slow)
    async with running(engine):
        engine.ask("a", "j/update", BEGIN)
        engine.ask("b", "k/update", BEGIN)
        entries = await said(engine, 4)
    assert kinds(entries) == [
        ("answer", "rejected"),
        ("ack", "update"),
        ("answer", "accepted"),
        ("ack", "update"),
    ]
    assert entries[0][2]["code"] == "InternalError"


@ON_SQLITE
async def test_on_a_file_of_our_own_a_device_is_told_at_once(engine: Engine) -> None:
    engine.store.fault = away
    outcome, answer = await engine.call("a", "j/update", BEGIN)
    assert (outcome, answer["code"], answer["clientToken"]) == ("rejected", "InternalError", "t")


async def test_draining_beside_a_batch_in_flight_returns_when_all_is_answered(engine: Engine) -> None:
    entered, gate, calls = asyncio.Event(), asyncio.Event(), []

    async def first_is_slow(go: Callable[[], Awaitable[Any]]) -> Any:
        calls.append("begin")
        if len(calls) == 1:
            entered.set()
            await gate.wait()
        value = await go()
        calls.append("end")
        return value

    engine.store.fault = first_is_slow
    async with running(engine):
        engine.ask("a", "j/update", BEGIN)
        await entered.wait()
        engine.ask("a", "j/update", {"status": "SUCCEEDED", "clientToken": "u"})
        asyncio.get_running_loop().call_later(0.1, gate.set)
        await engine.dispatcher.drain()
        assert kinds(engine.link.said) == [("answer", "accepted"), ("ack", "update")] * 2
    assert calls == ["begin", "end"] * 2
