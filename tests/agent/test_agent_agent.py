"""The agent against the contract: order, outcomes, progress, cancel, lost replies, lost links."""

import asyncio
from dataclasses import replace

import pytest
from conftest import OPTIONS
from contract_server import at_version
from scripted_link import running

from agent.errors import JobFailed, JobRejected
from agent.events import Kind
from domain.errors import InvalidRequest, Throttled
from domain.execution import PENDING, Cause, Status

WORK = {"operation": "work"}


def states(server, job_id):
    return [status for _, job, status, _ in server.history if job == job_id]


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


class Endless:
    """A handler that works until it is stopped, and says how it was."""

    def __init__(self, *, reports=False):
        self.started = asyncio.Event()
        self.cleaned = asyncio.Event()
        self.reports = reports

    async def __call__(self, job):
        self.started.set()
        try:
            while True:
                await asyncio.sleep(0.005)
                if self.reports:
                    await job.progress(percent=1)
        finally:
            await asyncio.sleep(0.02)
            self.cleaned.set()


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
        server.executions["t1", "one"] = replace(done, status=Status.IN_PROGRESS, status_details={})
        server._notify("t1")
        again = await server.ended("one")
    assert runs == ["one"]
    assert again.status_details == {"result": "good"}


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


async def test_stopping_the_agent_cancels_the_handler_and_leaves_the_job_open(make_agent, server):
    agent, endless = make_agent(), Endless()
    agent.register("work", endless)
    server.create("one", WORK)
    async with running(agent.run()):
        await endless.started.wait()
    assert endless.cleaned.is_set()
    assert server.execution("one").status is Status.IN_PROGRESS


async def nothing(job):
    """The shortest handler."""
