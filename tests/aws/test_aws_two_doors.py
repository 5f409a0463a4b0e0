"""One thing behind two doors: what it does over HTTP is heard over MQTT, and the other way round."""

import asyncio
import json
from functools import partial
from types import SimpleNamespace

import pytest
from asking import body, refused
from aws_site import Keys, Site, arn
from whole import whole

from domain.roles import Role
from storage import access_keys

DOCUMENT = {"operation": "test", "values": [1, 2.5]}


async def issued(server, role, **more):
    found = await server.write(access_keys.create, server.store.vault, role, **more)
    return Keys(found.key.key_id, found.secret)


class Stage:
    """A server, an operator's client, a device's client, and the same device connected by MQTT."""

    def __init__(self, server, thing, site, data):
        self.server, self.thing, self.site, self.data = server, thing, site, data
        #: Topics of all that was sent to the device without its having asked by MQTT.
        self.unasked = []
        keep = thing._keep

        def listen(topic, payload):
            self.unasked.append(topic)
            keep(topic, payload)

        thing._keep = listen

    async def iot(self, operation, **said):
        return body(await asyncio.to_thread(partial(getattr(self.site.iot, operation), **said)))

    async def ask(self, operation, **said):
        call = partial(getattr(self.data, operation), thingName="t1", **said)
        return body(await asyncio.to_thread(call))

    async def refused(self, operation, **said):
        call = getattr(self.data, operation)
        return await asyncio.to_thread(partial(refused, call, thingName="t1", **said))

    async def job(self, job_id):
        await self.iot("create_job", jobId=job_id, targets=[arn("thing/t1")], document=json.dumps(DOCUMENT))

    async def status(self, job_id):
        return (await self.iot("describe_job", jobId=job_id))["job"]["status"]


@pytest.fixture
async def stage(footing, make_site_of, tmp_path):
    kept = make_site_of(footing.database)(tmp_path / "data")
    async with whole(footing.broker, tmp_path, "t1", site=kept) as server:
        door = SimpleNamespace(host="127.0.0.1", port=server.http_port)
        site = Site(door, await issued(server, Role.OPERATOR))
        data = site.client("iot-jobs-data", keys=await issued(server, Role.DEVICE, thing_name="t1"))
        thing = await server.thing("t1")
        try:
            yield Stage(server, thing, site, data)
        finally:
            data.close()
            site.close()
    kept.drop()


async def test_what_is_done_over_http_is_notified_over_mqtt(stage):
    await stage.job("first")
    assert (await stage.thing.told())["notify-next"]["execution"]["jobId"] == "first"
    await stage.job("second")
    told = await stage.thing.told()
    assert set(told) == {"notify"}
    assert [e["jobId"] for e in told["notify"]["jobs"]["QUEUED"]] == ["first", "second"]

    started = (await stage.ask("start_next_pending_job_execution"))["execution"]
    assert (started["jobId"], json.loads(started["jobDocument"])) == ("first", DOCUMENT)
    # Neither the set of what is pending nor what is first has changed.
    assert await stage.thing.told() == {}

    assert await stage.ask("update_job_execution", jobId="first", status="SUCCEEDED") == {}
    told = await stage.thing.told()
    assert set(told) == {"notify", "notify-next"}
    (left,) = told["notify"]["jobs"]["QUEUED"]
    following = told["notify-next"]["execution"]
    assert (left["jobId"], following["jobId"], following["jobDocument"]) == ("second", "second", DOCUMENT)

    await stage.ask("update_job_execution", jobId="second", status="REJECTED")
    told = await stage.thing.told()
    assert told["notify"]["jobs"] == {}
    assert set(told["notify-next"]) == {"timestamp"}
    assert [await stage.status(job) for job in ("first", "second")] == ["COMPLETED", "COMPLETED"]
    # An answer goes to the asker alone, and that was not the device's connection.
    kinds = {topic.rpartition("/")[2] for topic in stage.unasked}
    assert not kinds & {"accepted", "rejected"}


async def test_versions_are_the_same_whichever_way_they_are_seen(stage):
    await stage.job("j")
    _, begun = await stage.thing.ask("start-next")
    assert begun["execution"]["versionNumber"] == 2
    seen = (await stage.ask("describe_job_execution", jobId="j"))["execution"]
    assert {**begun["execution"], "jobDocument": json.dumps(DOCUMENT)} == seen

    outcome, _ = await stage.thing.ask("j/update", {"status": "IN_PROGRESS", "expectedVersion": "2"})
    assert outcome == "accepted"
    late = await stage.refused("update_job_execution", jobId="j", status="SUCCEEDED", expectedVersion=2)
    assert late == ("InvalidStateTransitionException", 409, "Expected version 2 but found version 3")
    told = await stage.ask(
        "update_job_execution",
        jobId="j",
        status="SUCCEEDED",
        expectedVersion=3,
        includeJobExecutionState=True,
    )
    assert told == {"executionState": {"status": "SUCCEEDED", "versionNumber": 4}}
    outcome, answer = await stage.thing.ask("j/update", {"status": "FAILED"})
    assert (outcome, answer["code"]) == ("rejected", "InvalidStateTransition")
    assert await stage.status("j") == "COMPLETED"


async def test_v17_v18_a_canceled_job_may_be_finished_unless_by_force(stage):
    for job in ("plain", "forced"):
        await stage.job(job)
        await stage.ask("update_job_execution", jobId=job, status="IN_PROGRESS")
    await stage.iot("cancel_job", jobId="plain")
    await stage.iot("cancel_job", jobId="forced", force=True)
    assert await stage.status("plain") == "CANCELED"
    assert await stage.ask("update_job_execution", jobId="plain", status="SUCCEEDED") == {}
    code, status, _ = await stage.refused("update_job_execution", jobId="forced", status="SUCCEEDED")
    assert (code, status) == ("InvalidStateTransitionException", 409)
    execution = (await stage.iot("describe_job_execution", jobId="forced", thingName="t1"))["execution"]
    assert (execution["status"], execution["forceCanceled"]) == ("CANCELED", True)


async def test_of_two_writers_at_two_doors_that_expect_the_same_version_one_wins(stage):
    await stage.job("j")

    async def by_http(said):
        try:
            await stage.ask("update_job_execution", jobId="j", **said)
        except stage.data.exceptions.InvalidStateTransitionException:
            return "rejected"
        return "accepted"

    for version in range(1, 16):
        said = {"status": "IN_PROGRESS", "expectedVersion": version}
        (by_mqtt, answer), other = await asyncio.gather(stage.thing.ask("j/update", said), by_http(said))
        assert {by_mqtt, other} == {"accepted", "rejected"}
        if by_mqtt == "rejected":
            assert (answer["code"], answer["executionState"]["versionNumber"]) == (
                "VersionMismatch",
                version + 1,
            )
    assert (await stage.ask("describe_job_execution", jobId="j"))["execution"]["versionNumber"] == 16
