"""A story per operation of the device protocol: real server, real paho, both brokers (contract 3.3, 7)."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from whole import Thing, Whole, whole

from storage import executions, jobs

SUMMARY = {"jobId", "queuedAt", "lastUpdatedAt", "versionNumber", "executionNumber"}


@pytest.fixture
async def t1(server: Whole) -> Thing:
    return await server.thing("t1")


async def begun(server: Whole, thing: Thing) -> dict[str, Any]:
    """Return the execution of job ``j``, IN_PROGRESS at version 2."""
    await server.job("j", "t1")
    _, answer = await thing.ask("start-next")
    return dict(answer["execution"])


async def test_get_lists_what_is_in_progress_and_what_is_queued(server: Whole, t1: Thing):
    assert (await t1.ask("get", {"clientToken": "tok"}))[1] | {"timestamp": 0} == {
        "timestamp": 0,
        "clientToken": "tok",
        "inProgressJobs": [],
        "queuedJobs": [],
    }
    for job in ("j", "k", "l"):
        await server.job(job, "t1", "t2")
    await t1.ask("k/update", {"status": "IN_PROGRESS"})
    outcome, answer = await t1.ask("get")
    assert outcome == "accepted"
    assert "clientToken" not in answer
    (going,) = answer["inProgressJobs"]
    assert set(going) == SUMMARY | {"startedAt"}
    assert (going["jobId"], going["versionNumber"], going["executionNumber"]) == ("k", 2, 1)
    assert [each["jobId"] for each in answer["queuedJobs"]] == ["j", "l"]
    assert set(answer["queuedJobs"][0]) == SUMMARY


async def test_start_next_begins_once_and_then_shows_what_goes_on(server: Whole, t1: Thing):
    await server.job("j", "t1", document='{"x":[1,2.50,"ü"]}')
    body = {"statusDetails": {"phase": "1"}, "stepTimeoutInMinutes": "5", "clientToken": "a"}
    outcome, answer = await t1.ask("start-next", body)
    execution = answer["execution"]
    assert (outcome, answer["clientToken"]) == ("accepted", "a")
    assert {name: execution[name] for name in ("jobId", "thingName", "status", "versionNumber")} == {
        "jobId": "j",
        "thingName": "t1",
        "status": "IN_PROGRESS",
        "versionNumber": 2,
    }
    assert execution["jobDocument"] == {"x": [1, 2.5, "ü"]}
    assert execution["statusDetails"] == {"phase": "1"}
    assert 0 < execution["approximateSecondsBeforeTimedOut"] <= 300
    assert execution["startedAt"] >= execution["queuedAt"]
    again = (await t1.ask("start-next", {"statusDetails": {"phase": "other"}}))[1]["execution"]
    assert (again["versionNumber"], again["statusDetails"]) == (2, {"phase": "1"})


@pytest.mark.parametrize("request_name", ["start-next", "$next/get"])
async def test_nothing_pending_is_no_error(t1: Thing, request_name: str):
    outcome, answer = await t1.ask(request_name)
    assert (outcome, set(answer)) == ("accepted", {"timestamp"})


async def test_describe_shows_an_execution_and_changes_nothing(server: Whole, t1: Thing):
    await server.job("j", "t1", document='{"do":"it"}')
    shown = (await t1.ask("j/get", {"executionNumber": "1"}))[1]["execution"]
    assert (shown["status"], shown["versionNumber"], shown["jobDocument"]) == ("QUEUED", 1, {"do": "it"})
    without = (await t1.ask("j/get", {"includeJobDocument": "false"}))[1]["execution"]
    assert "jobDocument" not in without
    assert without == {name: value for name, value in shown.items() if name != "jobDocument"}
    await t1.ask("j/update", {"status": "SUCCEEDED"})
    outcome, answer = await t1.ask("j/get", {"clientToken": "late"})
    assert (outcome, answer["code"], answer["clientToken"]) == ("rejected", "TerminalStateReached", "late")


async def test_next_is_the_first_by_its_real_name(server: Whole, t1: Thing):
    await server.job("j", "t1")
    await t1.told()
    await server.job("k", "t1")
    assert (await t1.ask("$next/get"))[1]["execution"]["jobId"] == "j"
    await t1.told()
    await t1.ask("k/update", {"status": "IN_PROGRESS"})
    shown = (await t1.ask("$next/get"))[1]["execution"]
    assert (shown["jobId"], shown["status"]) == ("k", "IN_PROGRESS")
    told = await t1.told()
    assert set(told) == {"notify-next"}
    assert told["notify-next"]["execution"]["jobId"] == "k"


async def test_an_update_with_every_member(server: Whole, t1: Thing):
    await begun(server, t1)
    body = {
        "status": "IN_PROGRESS",
        "statusDetails": {"progress": 40, "log": "a\nb\t", "done": True},
        "expectedVersion": "2",
        "executionNumber": 1,
        "includeJobExecutionState": True,
        "includeJobDocument": True,
        "stepTimeoutInMinutes": 10,
        "clientToken": "t-1",
        "thingName": "t2",
        "jobId": "other",
        "unknown": [1],
    }
    outcome, answer = await t1.ask("j/update", body)
    assert outcome == "accepted"
    assert answer.pop("timestamp") > 0
    assert answer == {
        "clientToken": "t-1",
        "jobDocument": {"operation": "test"},
        "executionState": {
            "status": "IN_PROGRESS",
            "versionNumber": 3,
            "statusDetails": {"progress": "40", "log": "a\nb\t", "done": "true"},
        },
    }
    assert (await t1.ask("j/update", body))[1]["executionState"]["versionNumber"] == 3, (
        "the same answer again"
    )
    await t1.ask("j/update", {"status": "IN_PROGRESS", "statusDetails": None})
    kept = (await t1.ask("j/get"))[1]["execution"]
    assert (kept["versionNumber"], kept["statusDetails"]["progress"]) == (4, "40")
    await t1.ask("j/update", {"status": "IN_PROGRESS", "statusDetails": {}, "stepTimeoutInMinutes": -1})
    cleared = (await t1.ask("j/get"))[1]["execution"]
    assert cleared["versionNumber"] == 5
    assert "statusDetails" not in cleared
    assert "approximateSecondsBeforeTimedOut" not in cleared


async def test_an_update_answers_a_wrong_version_with_the_state_there_is(server: Whole, t1: Thing):
    await begun(server, t1)
    outcome, answer = await t1.ask("j/update", {"status": "FAILED", "expectedVersion": 1, "clientToken": "x"})
    assert (outcome, answer["code"], answer["clientToken"]) == ("rejected", "VersionMismatch", "x")
    assert answer["message"] == "Expected version 1 but found version 2"
    assert answer["executionState"] == {"status": "IN_PROGRESS", "versionNumber": 2}


async def test_a_device_of_mqtt_5_does_a_job(server: Whole):
    thing = await server.thing("t2", properties={"SessionExpiryInterval": 60, "ReceiveMaximum": 2})
    await server.job("j", "t2")
    assert (await thing.told())["notify-next"]["execution"]["jobId"] == "j"
    assert (await thing.ask("start-next"))[1]["execution"]["versionNumber"] == 2
    assert (await thing.ask("j/update", {"status": "SUCCEEDED", "expectedVersion": 2}))[0] == "accepted"
    assert (await thing.told())["notify"]["jobs"] == {}
    assert (await server.store.read(jobs.get, "j")).status == "COMPLETED"


async def test_a_final_status_is_final_and_may_come_at_once(server: Whole, t1: Thing):
    await server.job("j", "t1")
    assert (await t1.ask("j/update", {"status": "SUCCEEDED"}))[0] == "accepted"
    outcome, answer = await t1.ask("j/update", {"status": "FAILED"})
    assert (outcome, answer["code"]) == ("rejected", "InvalidStateTransition")
    assert answer["executionState"] == {"status": "SUCCEEDED", "versionNumber": 2}
    assert (await server.store.read(jobs.get, "j")).status == "COMPLETED"


async def test_a_job_named_like_an_operation_has_topics_of_its_own(server: Whole, t1: Thing):
    for name in ("get", "update", "accepted", "start-next"):
        await server.job(name, "t1")
        assert (await t1.ask(f"{name}/get"))[1]["execution"]["jobId"] == name
    assert len((await t1.ask("get"))[1]["queuedJobs"]) == 4
    assert (await t1.ask("accepted/update", {"status": "REJECTED"}))[0] == "accepted"


async def test_what_is_queued_canceled_and_deleted_is_told(server: Whole, t1: Thing):
    await server.job("j", "t1")
    told = await t1.told()
    assert set(told["notify"]["jobs"]) == {"QUEUED"}
    assert set(told["notify"]["jobs"]["QUEUED"][0]) == SUMMARY
    assert set(told["notify-next"]) == {"timestamp", "execution"}
    await server.write(executions.cancel, "j", "t1")
    told = await t1.told()
    assert told["notify"]["jobs"] == {}
    assert set(told["notify-next"]) == {"timestamp"}


async def test_a_thing_is_told_only_of_its_own(server: Whole, t1: Thing):
    t2 = await server.thing("t2")
    await server.job("j", "t2")
    assert set(await t2.told()) == {"notify", "notify-next"}
    assert await t1.told() == {}


async def test_the_worked_example_of_notifications(server: Whole, t1: Thing):
    """Contract 3.5, line by line: the change, then what is published because of it, and nothing else."""

    def brief(told: dict[str, Any]) -> tuple[Any, Any]:
        listed = {
            status: [(each["jobId"], each["versionNumber"]) for each in entries]
            for status, entries in told.get("notify", {}).get("jobs", {"nothing": []}).items()
        }
        first = told.get("notify-next")
        if first is None:
            return listed, "silent"
        execution = first.get("execution")
        return listed, execution and (execution["jobId"], execution["status"], execution["versionNumber"])

    async def update(job: str, status: str) -> tuple[Any, Any]:
        assert (await t1.ask(f"{job}/update", {"status": status}))[0] == "accepted"
        return brief(await t1.told())

    silent = {"nothing": []}
    await server.job("job1", "t1")
    assert brief(await t1.told()) == ({"QUEUED": [("job1", 1)]}, ("job1", "QUEUED", 1))
    await server.job("job2", "t1")
    assert brief(await t1.told()) == ({"QUEUED": [("job1", 1), ("job2", 1)]}, "silent")
    assert await update("job1", "IN_PROGRESS") == (silent, "silent")
    await server.job("job3", "t1")
    queued = [("job2", 1), ("job3", 1)]
    assert brief(await t1.told()) == ({"IN_PROGRESS": [("job1", 2)], "QUEUED": queued}, "silent")
    assert await update("job1", "SUCCEEDED") == ({"QUEUED": queued}, ("job2", "QUEUED", 1))
    assert await update("job3", "IN_PROGRESS") == (silent, ("job3", "IN_PROGRESS", 2))
    assert await update("job2", "REJECTED") == ({"IN_PROGRESS": [("job3", 2)]}, "silent")
    await server.write(executions.delete, "job3", "t1", force=True)
    assert brief(await t1.told()) == ({}, None)


@pytest.fixture
async def embedded(tmp_path: Path) -> AsyncIterator[Whole]:
    """Mosquitto's list of users has no room for a colon in a name, the embedded broker has."""
    async with whole("embedded", tmp_path, "a:b", "a") as running:
        yield running


async def test_a_colon_in_a_name_is_a_letter_like_any_other(embedded: Whole):
    odd = await embedded.thing("a:b")
    plain = await embedded.thing("a", client_id="a:b")
    await embedded.job("j", "a:b")
    assert set(await odd.told()) == {"notify", "notify-next"}
    assert (await odd.ask("start-next"))[1]["execution"]["thingName"] == "a:b"
    assert await plain.told() == {}
