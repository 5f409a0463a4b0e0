"""What an agent makes of the jobs it is given: the order it takes them in, and what becomes of each."""

import asyncio
from dataclasses import replace

import pytest
from scripted_link import running
from workloads import OPTIONS, WORK, Endless, nothing, states

from agent.errors import JobFailed, JobRejected
from domain.execution import Status


def returning(value):
    async def handler(job):
        return value

    return handler


async def test_jobs_are_worked_one_at_a_time_in_queue_order(make_agent, server):
    agent, seen, active = make_agent(), [], []

    @agent.handler("work")
    async def work(job):
        active.append(job.job_id)
        assert len(active) == 1
        await asyncio.sleep(0.01)
        active.remove(job.job_id)
        seen.append(job.job_id)

    for job in ("one", "two", "three"):
        server.create(job, WORK)
    async with running(agent.run()):
        await server.ended("three")
    assert seen == ["one", "two", "three"]
    assert states(server, "two") == [Status.IN_PROGRESS, Status.SUCCEEDED]


async def test_a_job_that_arrives_later_is_taken_at_the_notification(make_agent, server):
    agent = make_agent()

    @agent.handler("work")
    async def work(job):
        return {"number": 7}

    async with running(agent.run()):
        await server.until(lambda: server.heard)
        server.create("one", WORK)
        execution = await server.ended("one")
    assert execution.status_details == {"number": "7"}


async def test_work_is_asked_for_on_the_timer_when_notifications_are_lost(make_agent, server, network):
    agent = make_agent(options=replace(OPTIONS, poll=0.05))
    agent.register("work", nothing)
    async with running(agent.run()):
        await server.until(lambda: server.heard)
        send, server.send = server.send, lambda _topic, _payload: None
        server.create("one", WORK)
        server.send = send
        assert (await server.ended("one")).status is Status.SUCCEEDED


@pytest.mark.parametrize(
    ("raised", "status", "details"),
    [
        (JobFailed("no space", free="3 MB"), Status.FAILED, {"reason": "no space", "free": "3 MB"}),
        (JobRejected("not today"), Status.REJECTED, {"reason": "not today"}),
        (ValueError("bad number"), Status.FAILED, {"reason": "ValueError: bad number"}),
        (asyncio.CancelledError(), Status.FAILED, {"reason": "the handler cancelled itself"}),
        (TimeoutError(), Status.FAILED, {"reason": "TimeoutError: "}),
    ],
)
async def test_what_a_handler_raises_is_the_outcome(make_agent, server, raised, status, details):
    agent = make_agent()

    @agent.handler("work")
    async def work(job):
        raise raised

    server.create("one", WORK)
    async with running(agent.run()):
        execution = await server.ended("one")
    assert execution.status is status
    assert execution.status_details == details


@pytest.mark.parametrize(
    ("handler", "status", "details"),
    [
        (returning(None), Status.SUCCEEDED, {}),
        (returning({}), Status.SUCCEEDED, {}),
        (returning({"a": 1, 2: None, "long name!": "x"}), Status.SUCCEEDED, {"a": "1", "long_name_": "x"}),
        (returning("done"), Status.SUCCEEDED, {"result": "done"}),
        (returning([1, 2]), Status.SUCCEEDED, {"result": "[1, 2]"}),
        (
            lambda _job: {"a": 1},
            Status.FAILED,
            {"reason": "TypeError: object dict can't be used in 'await' expression"},
        ),
        (lambda: None, Status.FAILED, {"reason": "TypeError: <lambda>() takes 0 positional arguments"}),
    ],
)
async def test_a_handler_that_returns_something_odd_ends_no_agent(
    make_agent, server, *, handler, status, details
):
    agent = make_agent()
    agent.register("work", handler)
    server.create("one", WORK)
    async with running(agent.run()):
        execution = await server.ended("one")
    assert execution.status is status
    said = dict(execution.status_details)
    said["reason"] = said.pop("reason", "").removesuffix(" but 1 was given")
    assert said == {"reason": ""} | details


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"operation": "dance"}, "unknown operation 'dance'"),
        ({"operation": 5}, "the document names no operation"),
        ({}, "the document names no operation"),
        ({"steps": []}, "unknown operation 'steps'"),
    ],
)
async def test_what_nobody_can_work_is_rejected_with_the_reason(make_agent, server, document, reason):
    server.create("one", document)
    async with running(make_agent().run()):
        execution = await server.ended("one")
    assert execution.status is Status.REJECTED
    assert execution.status_details == {"reason": reason}


async def test_a_star_handler_takes_what_nobody_else_does(make_agent, server):
    agent = make_agent()
    agent.register("*", nothing)
    server.create("one", {"anything": [1]})
    async with running(agent.run()):
        assert (await server.ended("one")).status is Status.SUCCEEDED


async def test_one_operation_has_one_handler(make_agent):
    agent = make_agent()
    agent.register("work", nothing)
    with pytest.raises(ValueError, match="'work'"):
        agent.register("work", nothing)


async def test_a_retry_is_another_run(make_agent, server):
    agent, runs = make_agent(), []

    @agent.handler("work")
    async def work(job):
        runs.append(job.execution_number)
        raise JobFailed("again, please")

    server.create("one", WORK)
    async with running(agent.run()):
        await server.ended("one")
        server.create("one", WORK, number=2)
        await server.ended("one")
    assert runs == [1, 2]


async def test_stopping_the_agent_cancels_the_handler_and_leaves_the_job_open(make_agent, server):
    agent, endless = make_agent(), Endless()
    agent.register("work", endless)
    server.create("one", WORK)
    async with running(agent.run()):
        await endless.started.wait()
    assert endless.cleaned.is_set()
    assert server.execution("one").status is Status.IN_PROGRESS
