"""The agent on a broker that is none of ours: a real Mosquitto between it and the contract's server."""

import asyncio
from dataclasses import replace

import pytest
from contract_server import ContractServer
from mqtt_server import serving
from scripted_link import running
from workloads import OPTIONS, WORK

from agent.agent import Agent
from agent.calls import Patience
from agent.events import Kind
from agent.link import Endpoint, connector
from domain.execution import Cause, Status
from domain.topics import Topics

PATIENT = replace(OPTIONS, patience=Patience(reply_timeout=5))


@pytest.fixture
async def far_server(mosquitto):
    async with serving(mosquitto, ContractServer()) as server:
        yield server


@pytest.fixture
def far_agent(mosquitto):
    events = []
    agent = Agent(
        "t1", connector(Endpoint(thing_name="t1", port=mosquitto)), options=PATIENT, observer=events.append
    )
    agent.events = events
    return agent


async def test_a_job_is_worked_with_its_progress(far_agent, far_server):
    @far_agent.handler("work")
    async def work(job):
        await job.progress(action="work", percent=50)
        await far_server.until(lambda: far_server.execution("one").status_details.get("progress") == "50%")
        return {"done": "well"}

    async with running(far_agent.run()):
        await far_server.until(lambda: far_server.heard)
        far_server.create("one", WORK)
        execution = await far_server.ended("one")
    assert execution.status is Status.SUCCEEDED
    assert execution.status_details == {"done": "well", "action": "work", "progress": "100%"}


async def test_a_cut_cable_in_mid_work_costs_a_reconnect_and_nothing_else(far_agent, far_server):
    runs = []

    @far_agent.handler("work")
    async def work(job):
        runs.append(job.job_id)
        far_agent.drop(0.05)
        await job.progress(percent=50)

    far_server.create("one", WORK)
    async with running(far_agent.run()):
        assert (await far_server.ended("one")).status is Status.SUCCEEDED
        far_server.create("two", WORK)
        assert (await far_server.ended("two")).status is Status.SUCCEEDED
    assert runs == ["one", "two"]
    assert [event.kind for event in far_agent.events].count(Kind.CONNECTED) >= 2


async def test_a_cancel_arrives_by_the_notification(far_agent, far_server):
    started, cleaned = asyncio.Event(), asyncio.Event()

    @far_agent.handler("work")
    async def work(job):
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.set()

    far_server.create("one", WORK)
    async with running(far_agent.run()):
        await asyncio.wait_for(started.wait(), 10)
        far_server.end("one", Cause.FORCED_CANCEL)
        await asyncio.wait_for(cleaned.wait(), 10)


async def test_another_root_than_that_of_aws_will_do(mosquitto):
    topics = Topics("fleet/things")
    agent = Agent(
        "t1", connector(Endpoint(thing_name="t1", port=mosquitto)), options=replace(PATIENT, topics=topics)
    )

    @agent.handler("work")
    async def work(job):
        """Nothing to do."""

    async with serving(mosquitto, ContractServer(topics)) as server, running(agent.run()):
        server.create("one", WORK)
        assert (await server.ended("one")).status is Status.SUCCEEDED
