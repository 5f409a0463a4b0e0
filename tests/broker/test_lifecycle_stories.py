"""Lifecycle events from the devices' reports to a monitor, through the whole server on both brokers."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from devices import Device
from mosquitto_server import MONITOR, secret
from whole import Whole, whole

from domain.event_kinds import EventKind
from domain.job import NewJob, TargetSelection
from domain.roles import Role
from storage import access_keys, event_configurations, executions, jobs, lifecycle
from storage.policy import Policy


async def monitor(server: Whole, *filters: str, **options: Any) -> Device:
    """Return a monitor that is connected: with an access key, or as a user that Mosquitto knows."""
    name, password = MONITOR, secret(MONITOR)
    if server.broker == "embedded":
        key = await server.write(access_keys.create, server.store.vault, Role.VIEWER)
        name, password = key.key.key_id, key.secret
    device = Device(server.port, name, password=password, **options)
    await device.connect()
    server.stack.push_async_callback(device.close)
    assert 128 not in await device.subscribe(*(filters or ("$aws/events/#",)))
    return device


async def switch(server: Whole, *, on: bool = True) -> None:
    kinds = dict.fromkeys((EventKind.JOB, EventKind.JOB_EXECUTION), on)
    await server.write(event_configurations.put, kinds)


async def heard(device: Device, count: int) -> list[tuple[str, dict[str, Any]]]:
    found = [await device.next() for _ in range(count)]
    assert not any(each.retain for each in found)
    return [(each.topic.removeprefix("$aws/events/"), json.loads(each.payload)) for each in found]


async def names(device: Device, count: int) -> list[str]:
    return [topic for topic, _ in await heard(device, count)]


async def test_a_monitor_follows_a_job_from_its_first_end_to_its_deletion(server: Whole) -> None:
    watching = await monitor(server)
    await switch(server)
    t1, t2 = await server.thing("t1"), await server.thing("t2")
    await server.job("j", "t1", "t2")
    await t1.ask("start-next")
    await t1.ask("j/update", {"status": "SUCCEEDED", "statusDetails": {"took": "3 s"}})
    await t2.ask("j/update", {"status": "FAILED"})
    (_, first), (_, second), (_, done) = told = await heard(watching, 3)
    assert [topic for topic, _ in told] == [
        "jobExecution/j/succeeded",
        "jobExecution/j/failed",
        "job/j/completed",
    ]
    assert first["thingArn"] == "arn:aws:iot:us-east-1:123456789012:thing/t1"
    assert (first["status"], first["statusDetails"]) == ("SUCCEEDED", {"took": "3 s"})
    assert done["jobProcessDetails"]["numberOfSucceededThings"] == 1
    assert done["jobProcessDetails"]["numberOfFailedThings"] == 1
    assert done["targets"] == [f"arn:aws:iot:us-east-1:123456789012:thing/{name}" for name in ("t1", "t2")]
    assert len({body["eventId"] for body in (first, second, done)}) == 3
    await server.write(jobs.delete, "j")
    assert await names(watching, 4) == [
        "job/j/deletion_in_progress",
        "jobExecution/j/deleted",
        "jobExecution/j/deleted",
        "job/j/deleted",
    ]


async def test_a_monitor_hears_of_cancels_and_of_deleted_executions(server: Whole) -> None:
    watching = await monitor(server, "$aws/events/job/+/canceled", "$aws/events/jobExecution/#")
    await switch(server)
    await server.job("j", "t1", "t2")
    await server.write(executions.delete, "j", "t2")
    await server.write(jobs.cancel, "j", comment="not today")
    (_, gone), (_, ended), (topic, canceled) = await heard(watching, 3)
    assert (gone["status"], gone["thingArn"].rpartition("/")[2]) == ("DELETED", "t2")
    assert (ended["status"], ended["thingArn"].rpartition("/")[2]) == ("CANCELED", "t1")
    assert (topic, canceled["comment"]) == ("job/j/canceled", "not today")


async def test_of_the_time_it_was_off_nothing_is_said(server: Whole) -> None:
    watching = await monitor(server)
    t1 = await server.thing("t1")
    for job, on in (("before", False), ("on", True), ("between", False), ("after", True)):
        await switch(server, on=on)
        await server.job(job, "t1")
        await t1.ask(f"{job}/update", {"status": "SUCCEEDED"})
        if on:
            assert await names(watching, 2) == [f"jobExecution/{job}/succeeded", f"job/{job}/completed"]


async def test_a_thing_hears_no_events_and_a_monitor_nothing_of_things(server: Whole) -> None:
    watching = await monitor(server)
    await watching.subscribe("$aws/things/#", "#")
    await switch(server)
    t1, t2 = await server.thing("t1"), await server.thing("t2")
    await t2.device.subscribe("$aws/events/#", "$aws/events/jobExecution/j/succeeded", "$aws/#", "#")
    await server.job("j", "t1")
    await t1.ask("j/update", {"status": "SUCCEEDED"})
    assert await names(watching, 2) == ["jobExecution/j/succeeded", "job/j/completed"]
    await server.job("k", "t2")
    first = await t2.device.next()
    assert first.topic == "$aws/things/t2/jobs/notify", "nothing came before"
    await t2.ask("k/update", {"status": "SUCCEEDED"})
    assert await names(watching, 2) == ["jobExecution/k/succeeded", "job/k/completed"]


async def test_a_monitor_that_was_away_hears_what_it_missed(server: Whole) -> None:
    watching = await monitor(server, clean_session=False)
    await switch(server)
    await watching.close()
    await server.job("j", "t1", "t2")
    await server.write(jobs.cancel, "j", force=True)
    await _published(server)
    assert await watching.connect()
    assert await names(watching, 4) == [
        "job/j/cancellation_in_progress",
        "jobExecution/j/canceled",
        "jobExecution/j/canceled",
        "job/j/canceled",
    ]


async def test_a_monitor_cannot_publish(server: Whole) -> None:
    watching = await monitor(server)
    t1 = await server.thing("t1")
    await server.job("j", "t1")
    forger = await monitor(server) if server.broker == "embedded" else watching
    forger.client.publish("$aws/things/t1/jobs/j/update", json.dumps({"status": "SUCCEEDED"}), qos=1)
    forger.client.publish("$aws/events/job/j/completed", b"{}", qos=1)
    if server.broker == "embedded":
        await forger.closed.wait()
    await switch(server)
    await server.job("k", "t1")
    assert (await t1.ask("j/get"))[1]["execution"]["status"] == "QUEUED"
    await t1.ask("k/update", {"status": "SUCCEEDED"})
    assert await names(watching, 2) == ["jobExecution/k/succeeded", "job/k/completed"]


async def test_with_a_root_of_its_own_events_stand_beside_it(tmp_path: Path) -> None:
    async with whole("embedded", tmp_path, "t1", topic_root="acme/things") as server:
        watching = await monitor(server, "acme/events/#")
        await switch(server)
        new = NewJob(targets=("t1",), target_selection=TargetSelection.SNAPSHOT, document="{}", job_id="j")
        await server.store.write(jobs.create, new, policy=Policy(), at=datetime.now(UTC))
        await server.write(jobs.cancel, "j")
        assert (await watching.next()).topic == "acme/events/job/j/cancellation_in_progress"


async def _published(server: Whole) -> None:
    """Return when nothing is left to be published."""
    async with asyncio.timeout(15):
        while (await server.store.read(lifecycle.due)).items:  # noqa: ASYNC110 - polled from outside
            await asyncio.sleep(0.005)
