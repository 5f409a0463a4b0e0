"""awsiotsdk's two jobs clients against both brokers: MQTT 3.1.1 and 5, by password and by certificate."""

import asyncio
import json
from datetime import datetime
from typing import Any

import pytest
from awscrt.mqtt import QoS
from crt import Way
from python_v2 import DeviceV1, NewDevice, Rejected, heard, soon
from site_under_test import Site

from storage import jobs

#: As large as a document may be, less a little.
DOCUMENT = {"operation": "test", "n": [1, 2.5, "ü"], "pad": "x" * 32_000}


async def test_a_job_from_notify_to_success(site: Site, new_device: NewDevice, client: str, way: Way):
    device = await new_device(client, way, "t1")
    await device.listen()
    pending = await device.pending()
    assert (pending.in_progress_jobs, pending.queued_jobs) == ([], [])
    await site.whole.job("j", "t1", document=json.dumps(DOCUMENT))
    (summary,) = (await heard(device.notified)).jobs["QUEUED"]
    assert (summary.job_id, summary.version_number) == ("j", 1)
    first = (await heard(device.next_changed)).execution
    assert (first.job_id, first.thing_name, first.status, first.version_number) == ("j", "t1", "QUEUED", 1)
    assert first.job_document == DOCUMENT

    begun = (await device.start_next(status_details={"phase": "begin"})).execution
    assert (begun.job_id, begun.status, begun.version_number) == ("j", "IN_PROGRESS", 2)
    assert begun.job_document == first.job_document
    seen = (await device.describe("$next")).execution
    assert (seen.job_id, seen.status_details) == ("j", {"phase": "begin"})
    updated = await device.update(
        "j",
        "IN_PROGRESS",
        status_details={"progress": "50 %"},
        expected_version=2,
        execution_number=seen.execution_number,
        include_job_execution_state=True,
        include_job_document=True,
        step_timeout_in_minutes=5,
    )
    assert updated.job_document == first.job_document
    assert updated.execution_state.version_number == 3
    assert updated.execution_state.status_details == {"progress": "50 %"}
    await device.update("j", "SUCCEEDED", expected_version=3)
    assert (await heard(device.notified)).jobs == {}
    assert (await heard(device.next_changed)).execution is None
    assert (await device.start_next()).execution is None


async def test_each_refusal_reaches_the_program(site: Site, new_device: NewDevice, client: str, way: Way):
    device = await new_device(client, way, "t1")
    await site.whole.job("done", "t1")
    await site.whole.job("j", "t1", "t2")
    await site.whole.job("theirs", "t2")
    await device.update("done", "SUCCEEDED")
    for request, code in (
        (device.update("j", "CANCELED"), "InvalidRequest"),
        (device.update("$next", "SUCCEEDED"), "InvalidRequest"),
        (device.update("j", "IN_PROGRESS", status_details={"d": "x" * 1_025}), "InvalidRequest"),
        (device.start_next(step_timeout_in_minutes=10_081), "InvalidRequest"),
        (device.update("done", "FAILED"), "InvalidStateTransition"),
        (device.describe("nothing"), "ResourceNotFound"),
        (device.describe("theirs"), "ResourceNotFound"),
        (device.update("j", "IN_PROGRESS", execution_number=7), "ResourceNotFound"),
        (device.update("j", "IN_PROGRESS", expected_version=99), "VersionMismatch"),
        (device.describe("done"), "TerminalStateReached"),
    ):
        with pytest.raises(Rejected) as refusal:
            await request
        said = refusal.value.said
        assert said.code == code, said
        assert said.message
        assert abs((datetime.now() - said.timestamp).total_seconds()) < 60  # noqa: DTZ005 - as the SDK has it
        state = said.execution_state
        if code == "InvalidStateTransition":
            assert (state.status, state.version_number, state.status_details) == ("SUCCEEDED", 2, None)
        elif code == "VersionMismatch":
            assert (state.status, state.version_number) == ("QUEUED", 1)
            assert said.message == "Expected version 99 but found version 1"
        else:
            assert state is None
    assert (await device.describe("j")).execution.status == "QUEUED"


async def test_what_is_no_json_is_refused(site: Site, new_device: NewDevice, way: Way):
    """Only the older client can hear of it: the newer one finds answers by a token, and this has none."""
    device = await new_device("v1", way, "t1")
    assert isinstance(device, DeviceV1)
    await device.hear("get_pending_job_executions")
    for nonsense in (b"{", b"[]", b"\xff"):
        sent, _ = device.wire.connection.publish("$aws/things/t1/jobs/get", nonsense, QoS.AT_LEAST_ONCE)
        await soon(sent)
        with pytest.raises(Rejected) as refusal:
            await device.answer(None)
        assert refusal.value.code == "InvalidJson"


async def test_the_streams_tell_what_changes_and_nothing_else(
    site: Site, new_device: NewDevice, client: str, way: Way
):
    device = await new_device(client, way, "t1")
    await device.listen()
    whole = site.whole

    async def told(*lists: dict[str, list[str]] | None) -> None:
        """Expect this one list and, where given, this one next execution, since the last call."""
        await whole.settled()
        await device.pending()  # its answer comes behind what was published before
        expected, first = lists
        assert _names(device.notified) == ([] if expected is None else [expected])
        assert _firsts(device.next_changed) == ([] if first is None else [first])

    await whole.job("a", "t1")
    await told({"QUEUED": ["a"]}, {"a": ["QUEUED"]})
    await whole.job("b", "t1")
    await told({"QUEUED": ["a", "b"]}, None)
    await device.start_next()
    await device.update("a", "IN_PROGRESS", status_details={"n": "1"})
    await told(None, None)
    await device.update("a", "SUCCEEDED")
    await told({"QUEUED": ["b"]}, {"b": ["QUEUED"]})
    await whole.job("c", "t1")
    await told({"QUEUED": ["b", "c"]}, None)
    await device.update("c", "IN_PROGRESS")
    await told(None, {"c": ["IN_PROGRESS"]})
    await whole.write(jobs.cancel, "b")
    await told({"IN_PROGRESS": ["c"]}, None)
    await whole.write(jobs.delete, "c", force=True)
    await told({}, {})


def _names(queue: "asyncio.Queue[Any]") -> list[dict[str, list[str]]]:
    return [
        {status: [s.job_id for s in found] for status, found in event.jobs.items()} for event in _all(queue)
    ]


def _firsts(queue: "asyncio.Queue[Any]") -> list[dict[str, list[str]]]:
    firsts = [event.execution for event in _all(queue)]
    return [{} if first is None else {first.job_id: [first.status]} for first in firsts]


def _all(queue: "asyncio.Queue[Any]") -> list[Any]:
    return [queue.get_nowait() for _ in range(queue.qsize())]
