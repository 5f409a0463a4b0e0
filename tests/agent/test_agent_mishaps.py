"""Lost replies, lost links, other hands and a forgetful server: every job still runs once and is reported."""

import asyncio

import pytest
from contract_server import at_version
from scripted_link import running
from workloads import WORK, nothing, states

from agent.events import Kind
from domain.errors import InvalidRequest, InvalidStateTransition, JobsError, Throttled
from domain.execution import PENDING, Status


class Novel(JobsError):
    code = "Novel"


async def test_a_version_changed_by_another_hand_is_adopted_and_the_job_goes_on(make_agent, server):
    agent = make_agent()

    @agent.handler("work")
    async def work(job):
        server.executions["t1", "one"] = at_version(server.execution("one"), 9)

    server.create("one", WORK)
    async with running(agent.run()):
        execution = await server.ended("one")
    assert execution.version_number == 10


async def test_lost_replies_at_every_step_change_nothing(make_agent, server):
    agent, runs = make_agent(), []

    @agent.handler("work")
    async def work(job):
        runs.append(job.job_id)
        await job.progress(percent=50)
        await job.step(5)

    heard = 0

    def lose_every_first(request):
        nonlocal heard
        heard += 1
        server.lose = heard % 2

    server.before = lose_every_first
    server.create("one", WORK)
    async with running(agent.run()):
        await server.until(lambda: any(e.kind is Kind.FINISHED for e in agent.events))
    assert runs == ["one"]
    assert states(server, "one").count(Status.SUCCEEDED) == 1
    assert server.execution("one").status is Status.SUCCEEDED


async def test_an_outcome_whose_answer_never_comes_is_recognised_when_the_server_has_forgotten_it(
    make_agent, server
):
    agent = make_agent()
    agent.register("work", nothing)

    def forget(request):
        if request.status is Status.SUCCEEDED:
            server.lose = 1
            server._ring.clear()

    server.before = forget
    server.create("one", WORK)
    async with running(agent.run()):
        async with asyncio.timeout(5):
            while not any(e.kind in (Kind.FINISHED, Kind.GONE) for e in agent.events):
                await asyncio.sleep(0.01)
                if server.execution("one").status not in PENDING:
                    server.before = lambda _request: None
                    server._ring.clear()
    assert [e.status for e in agent.events if e.kind is Kind.FINISHED] == [Status.SUCCEEDED]


async def test_an_outcome_is_repeated_until_a_silent_server_takes_it(make_agent, server, network):
    agent = make_agent()

    @agent.handler("work")
    async def work(job):
        network.deaf = True

    server.create("one", WORK)
    async with running(agent.run()):
        await server.until(lambda: server.execution("one").status is Status.IN_PROGRESS)
        async with asyncio.timeout(10):
            while len(network.link.published) < 6:
                network.published.clear()
                await network.published.wait()
        network.deaf = False
        await server.ended("one")
    outcomes = {payload for topic, payload in network.link.published if topic.endswith("/update")}
    assert len(outcomes) == 1


async def test_a_job_that_is_done_is_not_run_again_when_the_server_shows_it_as_open(make_agent, server):
    agent, runs = make_agent(), []

    @agent.handler("work")
    async def work(job):
        runs.append(job.job_id)
        return {"result": "good"}

    server.create("one", WORK)
    async with running(agent.run()):
        done = await server.ended("one")
        await server.until(lambda: any(e.kind is Kind.FINISHED for e in agent.events))
        # The server was set back to an older backup.
        server.executions["t1", "one"] = done._replace(status=Status.IN_PROGRESS, status_details={})
        server._notify("t1")
        again = await server.ended("one")
    assert runs == ["one"]
    assert again.status_details == {"result": "good"}


async def test_an_outcome_the_server_will_not_have_does_not_stop_the_queue(make_agent, server):
    agent = make_agent()
    agent.register("work", nothing)
    server.before = lambda request: (
        server.refuse.append(InvalidRequest("no")) if request.status and request.job_id == "one" else None
    )
    server.create("one", WORK)
    async with running(agent.run()):
        await server.until(lambda: len([r for r in server.heard if r.status]) == 1)
        heard = len(server.heard)
        await asyncio.sleep(0.05)
        assert len(server.heard) <= heard + 1
        server.before = lambda _request: None
        server.create("two", WORK)
        await server.ended("two")
    assert server.execution("one").status is Status.SUCCEEDED


async def test_a_throttling_server_is_waited_for(make_agent, server):
    agent = make_agent()
    agent.register("work", nothing)
    server.refuse = [Throttled("slow")] * 4
    server.create("one", WORK)
    async with running(agent.run()):
        assert (await server.ended("one")).status is Status.SUCCEEDED


async def test_a_link_lost_mid_job_costs_nothing(make_agent, server, network):
    agent, runs = make_agent(), []

    @agent.handler("work")
    async def work(job):
        runs.append(job.job_id)
        network.refuse = 3
        network.link.cut()
        await job.progress(percent=50)

    server.create("one", WORK)
    async with running(agent.run()):
        execution = await server.ended("one")
    assert runs == ["one"]
    assert execution.status is Status.SUCCEEDED
    assert len(network.links) == 2


async def test_notifications_that_come_twice_start_nothing_twice(make_agent, server):
    agent, runs = make_agent(), []
    send = server.send

    def twice(topic, payload):
        send(topic, payload)
        send(topic, payload)

    server.send = twice

    @agent.handler("work")
    async def work(job):
        runs.append(job.job_id)
        server._notify("t1")

    async with running(agent.run()):
        await server.until(lambda: server.heard)
        for job_id in ("one", "two"):
            server.create(job_id, WORK)
        await server.ended("two")
    assert runs == ["one", "two"]


@pytest.mark.parametrize("refusal", [InvalidRequest("no"), Novel("a code from the future")])
async def test_a_progress_report_that_is_refused_does_not_end_the_job(make_agent, server, refusal):
    agent = make_agent()

    @agent.handler("work")
    async def work(job):
        server.refuse = [refusal]
        await job.progress(percent=50)
        await server.until(lambda: not server.refuse)
        await job.progress(percent=75)
        await server.until(lambda: server.execution("one").status_details.get("progress") == "75%")
        return {"done": "well"}

    server.create("one", WORK)
    async with running(agent.run()):
        execution = await server.ended("one")
    assert execution.status_details == {"done": "well", "progress": "100%"}


async def test_a_server_that_contradicts_itself_is_not_asked_in_a_frenzy(make_agent, server):
    """It shows an execution as open and refuses every report of it."""
    agent = make_agent()
    agent.register("work", nothing)

    def refuse(request):
        if request.status:
            server.refuse.append(InvalidStateTransition("no", server.execution("one").state))

    server.before = refuse
    server.create("one", WORK)
    async with running(agent.run()):
        await server.until(lambda: any(request.status for request in server.heard))
        for _ in range(200):
            await asyncio.sleep(0)
    assert len(server.heard) < 6
