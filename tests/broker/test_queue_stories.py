"""Priorities and exclusive groups as devices meet them: real server, real paho, both brokers."""

from typing import Any

import pytest
from whole import Thing, Whole

from domain.job import NewJob, TargetSelection
from storage import jobs
from storage.policy import Policy


@pytest.fixture
async def t1(server: Whole) -> Thing:
    return await server.thing("t1")


async def job(server: Whole, job_id: str, **more: Any) -> None:
    new = NewJob(
        targets=("t1", "t2"), target_selection=TargetSelection.SNAPSHOT, document="{}", job_id=job_id, **more
    )
    await server.write(jobs.create, new, policy=Policy())


def listed(told: dict[str, Any]) -> dict[str, list[str]]:
    return {status: [entry["jobId"] for entry in entries] for status, entries in told["jobs"].items()}


async def test_the_more_urgent_job_is_next_and_a_change_of_mind_is_told(server: Whole, t1: Thing):
    await job(server, "routine")
    await t1.told()
    await job(server, "urgent", priority=10)
    told = await t1.told()
    assert listed(told["notify"]) == {"QUEUED": ["urgent", "routine"]}
    assert told["notify-next"]["execution"]["jobId"] == "urgent"
    await server.write(jobs.update, "routine", priority=11)
    told = await t1.told()
    assert (told.keys(), told["notify-next"]["execution"]["jobId"]) == ({"notify-next"}, "routine")
    assert (await t1.ask("start-next"))[1]["execution"]["jobId"] == "routine"
    # What is at work stays first, however urgent the others are.
    await server.write(jobs.update, "urgent", priority=1000)
    assert await t1.told() == {}
    assert (await t1.ask("$next/get"))[1]["execution"]["jobId"] == "routine"


async def test_jobs_that_exclude_each_other_come_one_after_the_other(server: Whole, t1: Thing):
    for name in ("boot", "app", "other"):
        await job(server, name, exclusive_group=None if name == "other" else "firmware")
        await t1.told()
    assert (await t1.ask("start-next"))[1]["execution"]["jobId"] == "boot"
    assert listed((await t1.told())["notify"]) == {"IN_PROGRESS": ["boot"], "QUEUED": ["other"]}
    outcome, answer = await t1.ask("app/update", {"status": "IN_PROGRESS", "clientToken": "x"})
    assert (outcome, answer["code"], answer["clientToken"]) == ("rejected", "InvalidStateTransition", "x")
    assert answer["message"] == (
        "Job app cannot begin on thing t1 while job boot of the same exclusiveGroup firmware is IN_PROGRESS"
    )
    t2 = await server.thing("t2")
    assert (await t2.ask("app/update", {"status": "IN_PROGRESS"}))[0] == "accepted"
    await t1.ask("boot/update", {"status": "SUCCEEDED"})
    told = await t1.told()
    assert listed(told["notify"]) == {"QUEUED": ["app", "other"]}
    assert told["notify-next"]["execution"]["jobId"] == "app"
    assert (await t1.ask("app/update", {"status": "IN_PROGRESS"}))[0] == "accepted"
