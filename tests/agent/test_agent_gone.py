"""An execution that ends elsewhere, canceled, timed out or deleted, stops its handler; nothing else does."""

import asyncio

import pytest
from scripted_link import running
from workloads import WORK, Endless, nothing, states

from agent.events import Kind
from domain.execution import Cause, Status


@pytest.mark.parametrize("cause", [Cause.FORCED_CANCEL, Cause.TIMEOUT])
async def test_an_execution_that_ends_elsewhere_stops_its_handler_and_awaits_its_cleaning(
    make_agent, server, cause
):
    agent, endless = make_agent(), Endless()
    agent.register("work", endless)
    agent.register("next", nothing)
    server.create("one", WORK)
    async with running(agent.run()):
        await endless.started.wait()
        server.create("two", {"operation": "next"})
        server.end("one", cause)
        await server.ended("two")
        assert endless.cleaned.is_set()
    assert states(server, "one")[-1] in (Status.CANCELED, Status.TIMED_OUT)
    assert [e.job_id for e in agent.events if e.kind is Kind.GONE] == ["one"]


async def test_a_deleted_execution_stops_its_handler(make_agent, server):
    agent, endless = make_agent(), Endless()
    agent.register("work", endless)
    server.create("one", WORK)
    async with running(agent.run()):
        await endless.started.wait()
        server.delete("one")
        async with asyncio.timeout(5):
            await endless.cleaned.wait()


@pytest.mark.parametrize("ending", ["cancel", "delete"])
async def test_without_a_notification_the_next_progress_report_notices(make_agent, server, ending):
    agent, endless = make_agent(), Endless(reports=True)
    agent.register("work", endless)
    server.create("one", WORK)
    async with running(agent.run()):
        await endless.started.wait()
        if ending == "cancel":
            server.executions["t1", "one"] = server.execution("one").advance(
                Status.CANCELED, cause=Cause.FORCED_CANCEL, at=server.execution("one").queued_at
            )
        else:
            server.delete("one", quietly=True)
        async with asyncio.timeout(5):
            await endless.cleaned.wait()


async def test_a_job_canceled_while_the_link_was_down_stops_at_the_reconnect(make_agent, server, network):
    agent, endless = make_agent(), Endless()
    agent.register("work", endless)
    server.create("one", WORK)
    async with running(agent.run()):
        await endless.started.wait()
        network.refuse = 2
        network.link.cut()
        server.end("one")
        async with asyncio.timeout(5):
            await endless.cleaned.wait()


async def test_a_full_notification_that_leaves_the_job_out_does_not_stop_it(make_agent, server):
    agent, endless = make_agent(), Endless()
    agent.register("work", endless)
    server.create("one", WORK)
    async with running(agent.run()):
        await endless.started.wait()
        for n in range(15):
            server.create(f"more-{n}", WORK)
        await asyncio.sleep(0.05)
        assert not endless.cleaned.is_set()
    assert server.execution("one").status is Status.IN_PROGRESS


async def test_a_stale_notification_does_not_stop_a_job_that_is_still_wanted(make_agent, server):
    agent, endless = make_agent(), Endless()
    agent.register("work", endless)
    server.create("one", WORK)
    async with running(agent.run()):
        await endless.started.wait()
        looks = len(server.heard)
        server.send("$aws/things/t1/jobs/notify", b'{"jobs": {}}')
        server.send("$aws/things/t1/jobs/notify-next", b'{"timestamp": 1}')
        await server.until(lambda: len(server.heard) > looks)
        assert not endless.cleaned.is_set()


async def test_a_job_deleted_and_made_again_under_its_old_id_runs(make_agent, server):
    agent, runs = make_agent(), []

    @agent.handler("work")
    async def work(job):
        runs.append(job.job_id)

    server.create("one", WORK)
    async with running(agent.run()):
        await server.ended("one")
        server.delete("one")
        server.create("one", WORK)
        await server.ended("one")
    assert runs == ["one", "one"]


@pytest.mark.parametrize("notified", [True, False])
async def test_a_job_made_again_under_its_old_id_in_mid_work_is_begun_and_not_finished_by_the_old_run(
    make_agent, server, notified
):
    agent, runs, started, stopped = make_agent(), [], asyncio.Event(), asyncio.Event()

    @agent.handler("work")
    async def work(job):
        runs.append(job.document["version"])
        if job.document["version"] == 1:
            started.set()
            try:
                await stopped.wait()
                await job.progress(percent=50)
                await asyncio.Event().wait()
            finally:
                runs.append("stopped")

    server.create("one", WORK | {"version": 1})
    async with running(agent.run()):
        await started.wait()
        send = server.send
        if not notified:
            server.send = lambda _topic, _payload: None
        server.delete("one", quietly=True)
        server.create("one", WORK | {"version": 2})
        server.send = send
        stopped.set()
        await server.ended("one")
    assert runs == [1, "stopped", 2]
    assert states(server, "one")[-2:] == [Status.IN_PROGRESS, Status.SUCCEEDED]


async def test_the_outcome_of_a_deleted_job_is_not_given_to_the_one_made_again(make_agent, server):
    agent, runs = make_agent(), []

    @agent.handler("work")
    async def work(job):
        runs.append(job.document["version"])
        if job.document["version"] == 1:
            send, server.send = server.send, lambda _topic, _payload: None
            server.delete("one", quietly=True)
            server.create("one", WORK | {"version": 2})
            server.send = send
        return {"version": job.document["version"]}

    server.create("one", WORK | {"version": 1})
    async with running(agent.run()):
        execution = await server.ended("one")
    assert runs == [1, 2]
    assert execution.status_details == {"version": "2"}
