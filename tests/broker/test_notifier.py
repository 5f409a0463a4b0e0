"""Notifications: what is said at which change, and that none is lost (contract 3.5)."""

import asyncio
from typing import Any

import pytest
from engine import Engine

from broker import notifier
from broker.link import LinkDown
from domain.errors import Unavailable
from storage import executions, jobs, marks, things


def published(said: list[tuple[str, str, Any]]) -> dict[str, Any]:
    found = {topic.rsplit("/", 1)[1]: body for kind, topic, body in said if kind == "publish"}
    assert len(found) == sum(kind == "publish" for kind, *_ in said)
    return found


def listed(body: dict[str, Any]) -> dict[str, list[str]]:
    return {status: [e["jobId"] for e in entries] for status, entries in body["jobs"].items()}


async def test_the_worked_example_of_the_contract_line_by_line(engine: Engine) -> None:
    async def add(job: str) -> dict[str, Any]:
        engine.later(seconds=1)
        await engine.job(job, "t")
        return published(await engine.settle())

    async def update(job: str, status: str) -> dict[str, Any]:
        engine.ask("t", f"{job}/update", {"status": status})
        return published(await engine.settle())

    said = await add("job1")
    assert listed(said["notify"]) == {"QUEUED": ["job1"]}
    assert said["notify-next"]["execution"]["jobId"] == "job1"
    assert said["notify-next"]["execution"]["status"] == "QUEUED"
    assert said["notify-next"]["execution"]["versionNumber"] == 1
    assert said["notify-next"]["execution"]["jobDocument"] == {"operation": "test"}

    said = await add("job2")
    assert listed(said["notify"]) == {"QUEUED": ["job1", "job2"]}
    assert "notify-next" not in said

    assert await update("job1", "IN_PROGRESS") == {}

    said = await add("job3")
    assert listed(said["notify"]) == {"IN_PROGRESS": ["job1"], "QUEUED": ["job2", "job3"]}
    assert said["notify"]["jobs"]["IN_PROGRESS"][0]["versionNumber"] == 2
    assert "startedAt" in said["notify"]["jobs"]["IN_PROGRESS"][0]
    assert "notify-next" not in said

    said = await update("job1", "SUCCEEDED")
    assert listed(said["notify"]) == {"QUEUED": ["job2", "job3"]}
    assert said["notify-next"]["execution"]["jobId"] == "job2"

    said = await update("job3", "IN_PROGRESS")
    assert "notify" not in said
    assert said["notify-next"]["execution"]["jobId"] == "job3"
    assert said["notify-next"]["execution"]["versionNumber"] == 2

    said = await update("job2", "REJECTED")
    assert listed(said["notify"]) == {"IN_PROGRESS": ["job3"]}
    assert "notify-next" not in said

    await engine.store.write(executions.delete, "job3", "t", force=True, at=engine.now)
    said = published(await engine.settle())
    assert said["notify"]["jobs"] == {}
    assert said["notify-next"] == {"timestamp": int(engine.now.timestamp())}


async def test_progress_is_no_news(engine: Engine) -> None:
    await engine.job("j", "a")
    engine.ask("a", "start-next")
    await engine.settle()
    engine.ask("a", "j/update", {"status": "IN_PROGRESS", "statusDetails": {"progress": "1"}})
    assert published(await engine.settle()) == {}


async def test_notify_lists_ten_at_most(engine: Engine) -> None:
    for number in range(12):
        await engine.job(f"j{number:02}", "a")
    said = published(await engine.settle())
    assert listed(said["notify"]) == {"QUEUED": [f"j{number:02}" for number in range(10)]}


async def test_what_could_not_be_published_is_said_later(engine: Engine) -> None:
    await engine.job("j", "a", "b")
    engine.link.fails = lambda topic: "/a/" in topic
    with pytest.raises(LinkDown, match="1 things could not be told"):
        await engine.notifier.run_once()
    engine.link.said.clear()
    engine.link.fails = lambda topic: False
    said = await engine.settle()
    assert {topic.split("/")[2] for _, topic, _ in said} == {"a"}
    assert await engine.settle() == []


async def test_a_crash_before_noting_repeats_and_does_not_lose(engine: Engine) -> None:
    await engine.job("j", "a")
    write = engine.store.write

    async def dies(verb, *args, **more):
        if verb is marks.settle:
            raise RuntimeError("killed between publishing and noting")
        return await write(verb, *args, **more)

    engine.store.write = dies
    with pytest.raises(RuntimeError):
        await engine.notifier.run_once()
    engine.store.write = write
    first, engine.link.said = engine.link.said, []
    engine.now += marks.CLAIM
    again = await engine.settle()
    assert [entry[:2] for entry in again] == [entry[:2] for entry in first]
    assert len(first) == 2


async def test_a_lost_session_has_all_open_work_announced_again(engine: Engine) -> None:
    await engine.job("j", "a", "b", "c")
    engine.ask("c", "j/update", {"status": "SUCCEEDED"})
    await engine.settle()
    engine.dispatcher.session_lost()
    said = await engine.settle()
    assert {(topic.split("/")[2], topic.split("/")[4]) for _, topic, _ in said} == {
        ("a", "notify"),
        ("a", "notify-next"),
        ("b", "notify"),
        ("b", "notify-next"),
    }


async def test_a_thing_that_subscribes_hears_of_work_it_has_not_begun(engine: Engine) -> None:
    await engine.job("j", "a")
    await engine.settle()
    engine.dispatcher.subscribed("a")
    said = published(await engine.settle())
    assert said["notify-next"]["execution"]["jobId"] == "j"
    engine.ask("a", "start-next")
    await engine.settle()
    engine.dispatcher.subscribed("a")
    assert published(await engine.settle()) == {}


async def test_subscribing_with_news_underway_says_it_once(engine: Engine) -> None:
    await engine.job("j", "a")
    engine.dispatcher.subscribed("a")
    said = published(await engine.settle())
    assert set(said) == {"notify", "notify-next"}


async def test_subscribing_with_news_about_other_work_still_tells_what_is_next(engine: Engine) -> None:
    await engine.job("first", "a")
    await engine.settle()
    await engine.job("second", "a")
    engine.dispatcher.subscribed("a")
    said = published(await engine.settle())
    assert set(said) == {"notify", "notify-next"}
    assert said["notify-next"]["execution"]["jobId"] == "first"
    assert await engine.settle() == []


async def test_a_subscriber_is_not_forgotten_when_the_store_cannot_be_read(engine: Engine) -> None:
    await engine.job("j", "a")
    await engine.settle()
    engine.dispatcher.subscribed("a")
    read = engine.store.read

    async def fails(*_args, **_kwargs):
        raise Unavailable("locked on purpose")

    engine.store.read = fails
    with pytest.raises(Unavailable):
        await engine.notifier.run_once()
    engine.store.read = read
    assert set(published(await engine.settle())) == {"notify-next"}


async def test_cancel_and_thing_deletion_reach_the_devices(engine: Engine) -> None:
    await engine.job("j", "a", "b")
    await engine.settle()
    await engine.store.write(jobs.cancel, "j", at=engine.now)
    said = await engine.settle()
    assert {topic.split("/")[2]: body for _, topic, body in said if topic.endswith("/notify")} == {
        thing: {"timestamp": int(engine.now.timestamp()), "jobs": {}} for thing in "ab"
    }
    await engine.job("k", "a")
    await engine.settle()
    await engine.store.write(things.delete, "a", at=engine.now)
    assert await engine.settle() == []


async def test_what_came_up_while_the_link_was_down_is_said_as_soon_as_it_is_back(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("broker.notifier.POLL", 3600.0)
    link, notifier = engine.link, engine.notifier
    running = asyncio.create_task(notifier.run())
    link.connected = False
    await engine.job("j", "t")
    notifier.wake()
    await asyncio.sleep(0)
    link.connected, link.fails = True, lambda _topic: True
    async with asyncio.timeout(10):
        while not link.failed:  # noqa: ASYNC110 - the first attempt finds that it is gone again
            await asyncio.sleep(0.01)
        link.fails = lambda _topic: False
        while len(link.said) < 2:  # noqa: ASYNC110 - the link only writes down
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert [topic.rpartition("/")[2] for _, topic, _ in link.said] == ["notify", "notify-next"]


async def test_what_was_looked_for_ahead_is_told_at_once_when_the_link_is_back(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifier, "CHUNK", 2)
    names = ["a", "b", "c", "d", "e"]
    await engine.job("j", *names)
    engine.link.fails = lambda topic: "/b/" in topic
    with pytest.raises(LinkDown, match="1 things could not be told"):
        await engine.notifier.run_once()
    engine.link.said.clear()
    engine.link.fails = lambda topic: False
    # Nobody's claim has run out by now.
    said = await engine.settle()
    assert {topic.split("/")[2] for _, topic, _ in said} == {"b", "c", "d", "e"}


async def test_more_than_one_piece_is_told_in_one_go_and_each_thing_once(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifier, "CHUNK", 2)
    names = ["a", "b", "c", "d"]
    await engine.job("j", *names)
    assert await engine.notifier.run_once() == 4
    heard = [topic.split("/")[2] for _, topic, _ in engine.link.said if topic.endswith("/notify")]
    assert sorted(heard) == names
