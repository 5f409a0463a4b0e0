"""Bad requests through the whole server on every footing: the answer the table says, and work goes on."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from bad_requests import BAD_REQUESTS, JOBS, NO_OPERATION
from footing import Footing
from raw import CONNACK, PUBACK, Raw, connect, publish
from sites import MakeSiteOf
from whole import Thing, Whole, whole

from storage import executions

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(
    footing: Footing, make_site_of: MakeSiteOf, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Whole]:
    """One server for all cases: each must leave it as it was."""
    directory = tmp_path_factory.mktemp(str(footing))
    site = make_site_of(footing.database)(directory / "data")
    async with whole(footing.broker, directory, "t1", "t2", site=site) as server:
        yield server
    site.drop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def t1(running: Whole) -> Thing:
    thing = await running.thing("t1")
    for job, statuses in JOBS.items():
        await running.job(job, "t1")
        for status in statuses:
            await thing.ask(f"{job}/update", {"status": status})
    await running.job("theirs", "t2")
    return thing


async def _state(running: Whole) -> list[Any]:
    return [await running.store.read(executions.get, job, "t1") for job in JOBS]


@pytest.mark.parametrize("name", BAD_REQUESTS)
async def test_a_bad_request_is_rejected_and_work_goes_on(running: Whole, t1: Thing, name: str):
    bad = BAD_REQUESTS[name]
    before = await _state(running)
    for qos in (1, 0):
        body = {"clientToken": "tok", **bad.body} if isinstance(bad.body, dict) else bad.body
        outcome, answer = await t1.ask(bad.request, body, qos=qos)
        assert (outcome, answer["code"]) == ("rejected", bad.code)
        assert bad.names in answer["message"]
        assert isinstance(answer["timestamp"], int)
        state = answer.get("executionState", {"status": None})
        assert (state["status"], state.get("versionNumber")) == (bad.state or (None, None))
        assert answer.get("clientToken") == (body["clientToken"] if isinstance(body, dict) else None)
    assert await _state(running) == before
    assert len((await t1.ask("get"))[1]["inProgressJobs"]) == 1


async def test_a_hundred_bad_requests_at_once_are_answered_and_leave_the_window_free(
    running: Whole, t1: Thing
):
    topic = "$aws/things/t1/jobs/get"
    await t1.device.publish(topic, b"{")
    for _ in range(100):
        t1.device.client.publish(topic, b"{", qos=1)
    for _ in range(101):
        await t1.device.next(f"{topic}/rejected")
    assert (await t1.ask("get"))[0] == "accepted"


@pytest.mark.parametrize("name", NO_OPERATION)
async def test_a_topic_without_an_operation_gets_no_further_than_the_door(
    running: Whole, t1: Thing, name: str
):
    stranger = await Raw.open(running.port)
    stranger.send(connect("t2", "t2", running.secrets["t2"]))
    await stranger.expect(CONNACK)
    stranger.send(publish(f"$aws/things/t2/jobs/{NO_OPERATION[name].request}", b"{}"))
    if running.broker == "embedded":
        assert await stranger.read() is None
    else:
        await stranger.expect(PUBACK)  # and dropped: MQTT 3.1.1 has no other no
    await stranger.close()
    assert (await t1.ask("get"))[0] == "accepted"
