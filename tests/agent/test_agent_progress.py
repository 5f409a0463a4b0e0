"""What a handler tells while it works: progress, coalesced and in order, and step timers."""

from dataclasses import replace

from scripted_link import running
from workloads import OPTIONS, WORK

from domain.execution import Status


async def test_progress_is_reported_and_the_end_says_all_of_it(make_agent, server):
    agent = make_agent()

    @agent.handler("work")
    async def work(job):
        await job.progress(action="download", percent=40)
        await server.until(lambda: server.execution("one").version_number == 3)
        assert server.execution("one").status_details == {"action": "download", "progress": "40%"}

    server.create("one", WORK)
    async with running(agent.run()):
        execution = await server.ended("one")
    assert execution.status_details == {"action": "download", "progress": "100%"}


async def test_a_flood_of_progress_is_coalesced_and_the_last_word_arrives(make_agent, server):
    agent = make_agent(options=replace(OPTIONS, progress_interval=0.05))

    @agent.handler("work")
    async def work(job):
        for percent in range(500):
            await job.progress(percent=percent / 5)
        await job.progress(percent=99)
        await server.until(lambda: server.execution("one").status_details.get("progress") == "99%")

    server.create("one", WORK)
    async with running(agent.run()):
        execution = await server.ended("one")
    assert execution.version_number <= 6


async def test_every_update_expects_the_version_before_it(make_agent, server):
    agent = make_agent()

    @agent.handler("work")
    async def work(job):
        for percent in (10, 20):
            await job.progress(percent=percent)
            await server.until(
                lambda p=percent: server.execution("one").status_details["progress"] == f"{p}%"
            )

    server.create("one", WORK)
    async with running(agent.run()):
        await server.ended("one")
    updates = [request for request in server.heard if request.status]
    assert [request.expected_version for request in updates] == [2, 3, 4]
    assert {request.execution_number for request in updates} == {1}


async def test_a_step_timer_is_armed_when_step_returns_and_can_be_lifted(make_agent, server):
    agent, seen = make_agent(), []

    @agent.handler("work")
    async def work(job):
        await job.step(5)
        seen.append(server.execution("one").step_deadline_at is not None)
        await job.step(-1)
        seen.append(server.execution("one").step_deadline_at is None)

    server.create("one", WORK)
    async with running(agent.run()):
        await server.ended("one")
    assert seen == [True, True]


async def test_an_impossible_step_timer_fails_the_job_with_the_servers_words(make_agent, server):
    agent = make_agent()

    @agent.handler("work")
    async def work(job):
        await job.step(0)

    server.create("one", WORK)
    async with running(agent.run()):
        execution = await server.ended("one")
    assert execution.status is Status.FAILED
    assert "stepTimeoutInMinutes" in execution.status_details["reason"]
