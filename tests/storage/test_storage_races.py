"""Two real writers on one PostgreSQL race for the same rows: one wins, the other is told, nothing is lost."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain, cycle
from pathlib import Path
from typing import Any

import pytest
from engine import Engine
from invariants import check
from paced_jobs import paced, things
from postgres_server import PostgresServer
from sites import PostgresDatabase
from sync_store import TOPICS, SyncStore, digest

from domain.errors import AlreadyExists, JobsError
from domain.job import Job, NewJob, TargetSelection
from domain.messages import Request, parse_request
from storage import agenda, device, groups, jobs, marks, turns
from storage import things as registry
from storage.marks import Dirty, Settled
from storage.policy import Policy
from storage.store import Store

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
AUTO = Policy()


@pytest.fixture
def site(postgres_server: PostgresServer, tmp_path: Path) -> Iterator[PostgresDatabase]:
    """Every race ends with a look at what must always hold."""
    site = PostgresDatabase(postgres_server, tmp_path)
    yield site
    looker = SyncStore(site)
    check(looker)
    looker.close()


@pytest.fixture
async def both(site: PostgresDatabase) -> AsyncIterator[tuple[Store, Store]]:
    """Give two stores, as two processes have them: nothing is shared but the server."""
    stores = site.store(), site.store()
    yield stores
    for store in stores:
        await store.close()


def new(job_id: str, *targets: str, **more: Any) -> NewJob:
    values = {"document": "{}", **more}
    return NewJob(targets=targets, target_selection=TargetSelection.SNAPSHOT, job_id=job_id, **values)


async def create(store: Store, job: NewJob) -> Job:
    return await store.write(jobs.create, job, policy=AUTO, at=AT)


def asked(thing: str, request: str, body: dict[str, Any]) -> Request:
    topic = TOPICS.parse(f"$aws/things/{thing}/jobs/{request}")
    return parse_request(topic, json.dumps(body).encode(), digest)


async def ask(store: Store, *requests: Request) -> list[str]:
    """Return "ok" or the error of each."""
    answers = await store.write(device.answer, requests, policy=AUTO, at=AT)
    return [type(answer).__name__ if isinstance(answer, JobsError) else "ok" for answer in answers]


# --- versions ---


async def test_of_all_who_saw_the_same_version_one_advances_it(both: tuple[Store, Store]) -> None:
    names = things(20)
    await create(both[0], new("j", *names))
    calls = [
        ask(
            store,
            *(
                asked(
                    name,
                    "j/update",
                    {"status": "IN_PROGRESS", "expectedVersion": 1, "statusDetails": {"n": n}},
                )
                for name in order
            ),
        )
        for n, (store, order) in enumerate(zip(cycle(both), [names, names[::-1]] * 10, strict=False))
    ]
    outcomes = Counter(chain.from_iterable(await asyncio.gather(*calls)))
    assert outcomes == {"ok": 20, "VersionMismatch": 380}


async def test_a_thing_and_a_group_change_once_per_version(both: tuple[Store, Store]) -> None:
    await both[0].write(registry.create, "t", at=AT)
    await both[0].write(groups.create, "g", at=AT)
    for verb, name, more in (
        (registry.update, "t", lambda n: {"attributes": {"n": str(n)}}),
        (groups.update, "g", lambda n: {"changes": {"description": str(n)}}),
    ):
        calls = [
            store.write(verb, name, expected_version=1, at=AT, **more(n))
            for n, store in zip(range(20), cycle(both), strict=False)
        ]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert Counter(type(outcome).__name__ for outcome in outcomes) == {
            type(await both[0].read(registry.get if name == "t" else groups.get, name)).__name__: 1,
            "ThingVersionMismatch": 19,
        }


# --- names ---


async def test_one_of_many_jobs_of_the_same_id_is_made(both: tuple[Store, Store]) -> None:
    calls = [
        create(store, new("j", "t", document=json.dumps({"n": n})))
        for n, store in zip(range(20), cycle(both), strict=False)
    ]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert Counter(type(outcome) for outcome in outcomes) == {Job: 1, AlreadyExists: 19}


async def test_the_same_job_asked_for_many_times_is_made_once_and_returned_to_all(
    both: tuple[Store, Store],
) -> None:
    calls = [create(store, new("j", *things(5))) for _, store in zip(range(20), cycle(both), strict=False)]
    made = await asyncio.gather(*calls)
    assert {job.job_id for job in made} == {"j"}
    pending = await both[1].read(lambda c: c.exec_driver_sql("SELECT count(*) FROM executions").scalar())
    assert pending == 5


async def test_things_that_many_jobs_name_first_are_registered_once(both: tuple[Store, Store]) -> None:
    names = things(30)
    calls = [
        create(store, new(f"j{n}", *random.Random(n).sample(names, 20)))
        for n, store in zip(range(20), cycle(both), strict=False)
    ]
    assert len(await asyncio.gather(*calls)) == 20


# --- counters, order, exclusion ---


async def test_counters_are_the_rows_whoever_writes(both: tuple[Store, Store]) -> None:
    names = things(40)
    for job in ("a", "b", "c"):
        await create(both[0], new(job, *names))
    dice = random.Random(1)

    async def work(store: Store, thing: str) -> None:
        for job in dice.sample("abc", 3):
            end = dice.choice(["SUCCEEDED", "FAILED", "REJECTED"])
            for status in ("IN_PROGRESS", end):
                await ask(store, asked(thing, f"{job}/update", {"status": status}))

    async def steer() -> None:
        await both[1].write(jobs.cancel, "c", force=True, at=AT)
        await create(both[0], new("d", *names))
        await both[0].write(registry.delete, names[0], at=AT)

    await asyncio.gather(
        steer(), *(work(store, name) for name, store in zip(names, cycle(both), strict=False))
    )
    assert sum((await both[0].read(jobs.get, "a")).counts.values()) == 40


async def test_of_one_exclusive_group_one_runs_whoever_asks(both: tuple[Store, Store]) -> None:
    names = things(20)
    for job in "ab":
        await create(both[0], new(job, *names, exclusive_group="flash"))
    calls = [
        ask(store, *(asked(name, f"{job}/update", {"status": "IN_PROGRESS"}) for name in names))
        for job, store in zip("abab", cycle(both), strict=False)
    ]
    outcomes = await asyncio.gather(*calls)
    begun = await both[0].read(
        lambda c: c.exec_driver_sql(
            "SELECT count(*), count(DISTINCT thing) FROM executions WHERE status = 'IN_PROGRESS'"
        ).one()
    )
    assert tuple(begun) == (20, 20)
    assert Counter(chain.from_iterable(outcomes))["InvalidStateTransition"] >= 20


async def test_a_reader_of_the_log_never_misses_what_commits_late(both: tuple[Store, Store]) -> None:
    names = things(60)
    await create(both[0], new("j", *names))
    writing = True
    seen: list[int] = []

    async def follow(store: Store) -> None:
        while True:
            was_writing = writing
            fresh = await store.read(
                lambda c: list(
                    c.exec_driver_sql(
                        f"SELECT id FROM execution_events WHERE id > {seen[-1] if seen else 0} ORDER BY id"
                    ).scalars()
                )
            )
            seen.extend(fresh)
            if not was_writing and not fresh:
                return

    following = asyncio.create_task(follow(both[1]))
    for status in ("IN_PROGRESS", "SUCCEEDED"):
        await asyncio.gather(
            *(
                ask(store, asked(name, "j/update", {"status": status}))
                for name, store in zip(names, cycle(both), strict=False)
            )
        )
    writing = False
    await following
    count = await both[0].read(lambda c: c.exec_driver_sql("SELECT count(*) FROM execution_events").scalar())
    assert len(seen) == count == 180


# --- the clock, the notifier ---


async def test_two_clocks_release_no_more_than_the_rate(both: tuple[Store, Store]) -> None:
    names = things(50)
    rate = paced(jobExecutionsRolloutConfig={"maximumPerMinute": 7})
    await create(both[0], new("j", *names, pacing=rate))
    for minute in range(4):
        at = AT + timedelta(minutes=minute)
        for _ in range(3):
            due = [await store.read(agenda.due, at=at) for store in both]
            await asyncio.gather(
                *(
                    store.write(turns.work_off, items, enough=lambda: False, at=at)
                    for store, items in zip(both, due, strict=True)
                    if items
                )
            )
        out = await both[0].read(lambda c: c.exec_driver_sql("SELECT count(*) FROM executions").scalar())
        assert out == 7 * (minute + 1)


async def claimed(store: Store, at: datetime = AT, limit: int = 10) -> list[Dirty]:
    return await store.write(marks.claim, limit=limit, at=at)


async def test_what_one_notifier_has_claimed_no_other_one_tells(both: tuple[Store, Store]) -> None:
    await create(both[0], new("j", *things(40)))
    found = await asyncio.gather(*(claimed(store) for store in both * 2))
    names = [thing.thing_name for thing in chain.from_iterable(found)]
    assert len(names) == len(set(names))
    while more := await claimed(both[0]):
        names += [thing.thing_name for thing in more]
    assert sorted(names) == things(40)
    late = await claimed(both[1], AT + marks.CLAIM, limit=100)
    assert [thing.thing_name for thing in late] == things(40), "of one that was killed another takes over"


async def test_what_is_told_or_given_back_is_free_again(both: tuple[Store, Store]) -> None:
    await create(both[0], new("j", "a", "b", "c"))
    told, failed, kept = await claimed(both[0])
    await both[0].write(
        marks.settle, [Settled(told.thing_key, told.notify_seq, told.set_digest, told.next_key)]
    )
    await both[0].write(marks.unclaim, [failed.thing_key])
    assert [thing.thing_name for thing in await claimed(both[1])] == ["b"]
    # Whatever happens to a thing that is being told is told next, by anybody.
    await ask(both[1], asked("a", "j/update", {"status": "SUCCEEDED"}))
    await ask(both[1], asked("c", "j/update", {"status": "SUCCEEDED"}))
    assert [thing.thing_name for thing in await claimed(both[1])] == ["a"]
    await both[0].write(
        marks.settle, [Settled(kept.thing_key, kept.notify_seq, kept.set_digest, kept.next_key)]
    )
    assert [(thing.thing_name, thing.pending) for thing in await claimed(both[1])] == [("c", ())]


async def test_two_notifiers_tell_each_thing_once(both: tuple[Store, Store]) -> None:
    engines = [Engine(store) for store in both]
    for engine in engines:
        engine.now = AT
    names = things(60)
    for n in range(4):
        await create(both[0], new(f"j{n}", *names))
        await asyncio.gather(*(engine.notifier.run_once() for engine in engines))
    while sum([await engine.notifier.run_once() for engine in engines]):
        pass
    said = Counter(
        (topic, json.dumps(body.get("jobs", body.get("execution")), sort_keys=True))
        for engine in engines
        for _, topic, body in engine.link.said
    )
    assert set(said.values()) == {1}
    last = [topic for topic, _ in said if topic.endswith("/notify-next")]
    assert sorted(last) == sorted(f"$aws/things/{name}/jobs/notify-next" for name in names)
