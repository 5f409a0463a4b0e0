"""The four operations as a device calls them, against the contract's rules."""

import asyncio
import json
from functools import partial

import pytest
from contract_server import at_version

from agent import errors
from agent.backoff import Backoff
from agent.calls import Patience
from agent.client import JobsClient
from domain.errors import InvalidRequest, JobsError, Throttled
from domain.execution import Cause, Status

DOCUMENT = {"operation": "echo", "message": "hi"}


async def test_it_listens_to_replies_and_notifications_and_not_to_its_own_requests(network):
    client = JobsClient("t1")
    assert client.filters == (
        "$aws/things/t1/jobs/get/+",
        "$aws/things/t1/jobs/start-next/+",
        "$aws/things/t1/jobs/+/get/+",
        "$aws/things/t1/jobs/+/update/+",
        "$aws/things/t1/jobs/notify",
        "$aws/things/t1/jobs/notify-next",
    )


async def test_pending_work_comes_in_queue_order(client, server):
    server.create("one", DOCUMENT)
    server.create("two", DOCUMENT)
    await client.start_next()
    pending = await client.get_pending()
    assert [e.job_id for e in pending.in_progress] == ["one"]
    assert [e.job_id for e in pending.queued] == ["two"]
    assert pending.in_progress[0].version_number == 2
    assert pending.in_progress[0].started_at is not None
    assert pending.lists("two", 1)
    assert not pending.lists("two", 2)


async def test_start_next_brings_the_document(client, server):
    server.create("one", DOCUMENT)
    execution = await client.start_next({"by": "test"}, step_timeout_minutes=5)
    assert execution.job_document == DOCUMENT
    assert execution.status is Status.IN_PROGRESS
    assert server.heard[-1].step_timeout_minutes == 5
    assert server.execution("one").status_details == {"by": "test"}


async def test_start_next_without_work_is_none(client):
    assert await client.start_next() is None


async def test_describe_can_leave_the_document_out(client, server):
    server.create("one", DOCUMENT)
    assert (await client.describe()).job_document == DOCUMENT
    assert (await client.describe("one", 1, include_document=False)).job_document is None


async def test_update_tells_the_new_version(client, server):
    server.create("one", DOCUMENT)
    updated = await client.update(
        "one", Status.IN_PROGRESS, status_details={"a": "b"}, expected_version=1, include_state=True
    )
    assert updated.state == (Status.IN_PROGRESS, {"a": "b"}, 2)


async def test_a_lost_reply_is_asked_for_again_with_the_same_token_and_applied_once(client, server):
    server.create("one", DOCUMENT)
    server.lose = 2
    updated = await client.update("one", Status.IN_PROGRESS, expected_version=1, include_state=True)
    assert updated.state.version_number == 2
    assert server.execution("one").version_number == 2
    assert len(server.heard) == 3
    assert len({request.client_token for request in server.heard}) == 1


async def test_an_answer_that_comes_late_is_taken_and_not_asked_for_again(network, server):
    slow = Patience(reply_timeout=0.05, attempts=3, backoff=partial(Backoff, 1000, 1000))
    client = JobsClient("t1", patience=slow)
    server.create("one", DOCUMENT)
    kept = []
    deliver, server.send = server.send, lambda *message: kept.append(message)
    async with network.connect(client.receive) as link:
        await client.attach(link)
        call = asyncio.create_task(client.start_next())
        await server.until(lambda: kept)
        await asyncio.sleep(0.1)
        for message in kept:
            deliver(*message)
        assert (await call).job_id == "one"
    assert len(server.heard) == 1


async def test_every_call_has_a_token_of_its_own(client, server):
    await asyncio.gather(*(client.get_pending() for _ in range(20)))
    assert len({request.client_token for request in server.heard}) == 20


async def test_silence_over_all_attempts_is_no_reply(client, network):
    network.deaf = True
    with pytest.raises(errors.NoReply, match="3 attempts"):
        await client.get_pending()
    assert len(network.link.published) == 3


@pytest.mark.parametrize("error", [Throttled("slow down"), JobsError("internal")])
async def test_a_busy_server_is_asked_again(client, server, error):
    server.refuse = [error, error]
    assert len(await client.get_pending()) == 0
    assert len({request.client_token for request in server.heard}) == 1


async def test_a_server_that_stays_busy_is_believed_at_last(client, server):
    server.refuse = [Throttled("slow down")] * 3
    with pytest.raises(errors.Busy) as caught:
        await client.get_pending()
    assert caught.value.code == "RequestThrottled"


async def test_an_invalid_request_is_not_repeated(client, server):
    server.create("one", DOCUMENT)
    server.refuse = [InvalidRequest("no such thing")]
    with pytest.raises(errors.RequestInvalid, match="no such thing"):
        await client.update("one", Status.IN_PROGRESS)
    assert len(server.heard) == 1


async def test_a_version_mismatch_carries_the_current_state(client, server):
    server.create("one", DOCUMENT)
    server.executions["t1", "one"] = at_version(server.execution("one"), 7)
    with pytest.raises(errors.VersionMismatch) as caught:
        await client.update("one", Status.IN_PROGRESS, expected_version=1)
    assert caught.value.state.version_number == 7


async def test_errors_are_typed_by_their_code(client, server):
    with pytest.raises(errors.NotFound):
        await client.update("unknown", Status.IN_PROGRESS)
    server.create("one", DOCUMENT)
    server.end("one", Cause.FORCED_CANCEL)
    with pytest.raises(errors.InvalidStateTransition) as caught:
        await client.update("one", Status.SUCCEEDED)
    assert caught.value.state.status is Status.CANCELED
    with pytest.raises(errors.TerminalStateReached):
        await client.describe("one")


async def test_a_code_from_the_future_is_still_a_rejection(client, network):
    network.deaf = True
    call = asyncio.create_task(client.get_pending())
    await network.published.wait()
    topic, payload = network.link.published[0]
    reply = {"code": "Novel", "message": "m", "clientToken": json.loads(payload)["clientToken"]}
    client.receive(f"{topic}/rejected", json.dumps(reply).encode())
    with pytest.raises(errors.Rejected, match="Novel: m"):
        await call


async def test_a_call_survives_any_number_of_reconnects_with_its_token(network, server):
    client = JobsClient("t1")
    server.create("one", DOCUMENT)
    network.deaf = True
    call = asyncio.create_task(client.update("one", Status.IN_PROGRESS, include_state=True))
    for _ in range(8):
        async with network.connect(client.receive) as link:
            await client.attach(link)
            network.published.clear()
            await network.published.wait()
        client.detach()
    network.deaf = False
    async with network.connect(client.receive) as link:
        await client.attach(link)
        assert (await call).state.version_number == 2
    sent = [payload for link in network.links for _, payload in link.published]
    assert len(sent) == 9
    assert len(set(sent)) == 1


async def test_foreign_and_broken_messages_disturb_nobody(client, caplog):
    base = "$aws/things/t1/jobs"
    for topic, payload in (
        (f"{base}/get/accepted", b"{"),
        (f"{base}/get/accepted", b'{"clientToken": "not mine"}'),
        (f"{base}/get/accepted", b'{"clientToken": ["x"]}'),
        (f"{base}/get/rejected", b'{"clientToken": "x", "code": 5, "executionState": 1}'),
        (f"{base}/notify", b'{"jobs": []}'),
        (f"{base}/notify", b'{"jobs": {"QUEUED": [{"jobId": 5}]}}'),
        (f"{base}/notify-next", b'{"execution": {"jobId": "x", "status": "NOVEL"}}'),
        (f"{base}/notify-next", b"\xff"),
        (f"{base}/get", b"{}"),
        ("elsewhere", b"{}"),
    ):
        client.receive(topic, payload)
    assert len(await client.get_pending()) == 0
    assert len(caplog.records) == 6


async def test_an_answer_on_the_topic_of_another_request_is_not_taken(client, network):
    network.deaf = True
    call = asyncio.create_task(client.get_pending())
    await network.published.wait()
    token = json.loads(network.link.published[0][1])["clientToken"]
    client.receive("$aws/things/t1/jobs/start-next/accepted", json.dumps({"clientToken": token}).encode())
    assert not call.done()
    call.cancel()


async def test_a_listener_that_fails_does_not_hurt_the_link(caplog):
    def fails(_pending):
        raise ValueError("a bug of the developer")

    client = JobsClient("t1", on_notify=fails)
    client.receive("$aws/things/t1/jobs/notify", b'{"jobs": {}}')
    assert "a listener failed" in caplog.text


async def test_notifications_reach_their_listeners(network, server):
    lists, firsts = [], []
    client = JobsClient("t1", on_notify=lists.append, on_notify_next=firsts.append)
    async with network.connect(client.receive) as link:
        await client.attach(link)
        server.create("one", DOCUMENT)
        server.delete("one")
        await client.get_pending()
    assert [len(pending) for pending in lists] == [1, 0]
    assert [first and first.job_id for first in firsts] == ["one", None]
    assert firsts[0].job_document == DOCUMENT
