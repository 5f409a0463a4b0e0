"""The device protocol through the dispatcher on a real store (contract 3)."""

import json

import pytest
from bad_requests import NO_OPERATION
from engine import START, Engine

from storage import device, executions, jobs, things
from storage.store import Store

TIME = int(START.timestamp())


async def test_get_lists_both_kinds_in_queue_order(engine: Engine) -> None:
    for name in ("first", "second", "third"):
        await engine.job(name, "a")
        engine.later(seconds=1)
    await engine.call("a", "second/update", {"status": "IN_PROGRESS"})
    outcome, answer = await engine.call("a", "get", {"clientToken": "c"})
    assert outcome == "accepted"
    assert answer["clientToken"] == "c"
    assert answer["timestamp"] == TIME + 3
    assert [e["jobId"] for e in answer["inProgressJobs"]] == ["second"]
    assert [e["jobId"] for e in answer["queuedJobs"]] == ["first", "third"]
    assert answer["queuedJobs"][0] == {
        "jobId": "first",
        "queuedAt": TIME,
        "lastUpdatedAt": TIME,
        "versionNumber": 1,
        "executionNumber": 1,
    }
    assert answer["inProgressJobs"][0]["startedAt"] == TIME + 3


async def test_get_of_an_idle_thing_answers_two_empty_lists(engine: Engine) -> None:
    await engine.store.write(things.create, "a", at=engine.now)
    assert await engine.call("a", "get") == (
        "accepted",
        {"timestamp": TIME, "inProgressJobs": [], "queuedJobs": []},
    )


async def test_start_next_begins_the_oldest_and_hands_over_its_document_as_an_object(engine: Engine) -> None:
    await engine.job("j", "a", document='{"big": 12345678901234567890, "float": 1.0}')
    engine.ask("a", "start-next", {"clientToken": "t", "statusDetails": {"step": "download"}})
    said = await engine.settle()
    kind, topic, answer = said[0]
    assert (kind, topic) == ("answer", "$aws/things/a/jobs/start-next/accepted")
    assert answer["execution"] == {
        "jobId": "j",
        "thingName": "a",
        "status": "IN_PROGRESS",
        "statusDetails": {"step": "download"},
        "queuedAt": TIME,
        "startedAt": TIME,
        "lastUpdatedAt": TIME,
        "versionNumber": 2,
        "executionNumber": 1,
        "jobDocument": {"big": 12345678901234567890, "float": 1.0},
    }


async def test_start_next_of_work_in_progress_changes_nothing(engine: Engine) -> None:
    await engine.job("j", "a")
    await engine.call("a", "start-next", {"statusDetails": {"step": "one"}})
    engine.later(seconds=5)
    _, answer = await engine.call("a", "start-next", {"statusDetails": {"step": "two"}})
    assert answer["execution"]["versionNumber"] == 2
    assert answer["execution"]["statusDetails"] == {"step": "one"}


@pytest.mark.parametrize("request_name", ["start-next", "$next/get"])
async def test_nothing_pending_is_accepted_without_an_execution(engine: Engine, request_name: str) -> None:
    await engine.store.write(things.create, "a", at=engine.now)
    assert await engine.call("a", request_name) == ("accepted", {"timestamp": TIME})


async def test_describe_next_names_the_real_job_and_leaves_the_document_out_when_asked(
    engine: Engine,
) -> None:
    await engine.job("j", "a")
    outcome, answer = await engine.call("a", "$next/get", {"includeJobDocument": False})
    assert outcome == "accepted"
    assert answer["execution"]["jobId"] == "j"
    assert "jobDocument" not in answer["execution"]


async def test_a_job_named_get_is_no_list(engine: Engine) -> None:
    await engine.job("get", "a")
    assert (await engine.call("a", "get/get"))[1]["execution"]["jobId"] == "get"
    assert (await engine.call("a", "get"))[1]["queuedJobs"][0]["jobId"] == "get"


async def test_update_counts_versions_and_shows_state_and_document_when_asked(engine: Engine) -> None:
    await engine.job("j", "a", document='{"x":[1]}')
    outcome, answer = await engine.call(
        "a",
        "j/update",
        {
            "status": "IN_PROGRESS",
            "expectedVersion": "1",
            "statusDetails": {"progress": 40},
            "includeJobExecutionState": True,
            "includeJobDocument": True,
            "thingName": "ignored",
        },
    )
    assert (outcome, answer) == (
        "accepted",
        {
            "timestamp": TIME,
            "executionState": {
                "status": "IN_PROGRESS",
                "statusDetails": {"progress": "40"},
                "versionNumber": 2,
            },
            "jobDocument": {"x": [1]},
        },
    )
    assert (await engine.call("a", "j/update", {"status": "SUCCEEDED"}))[1] == {"timestamp": TIME}


@pytest.mark.parametrize("name", NO_OPERATION)
async def test_what_names_no_operation_is_rejected_by_name(engine: Engine, name: str) -> None:
    await engine.job("j", "t1")
    bad = NO_OPERATION[name]
    outcome, answer = await engine.call("t1", bad.request, {"clientToken": "tok"})
    assert (outcome, answer["code"], answer["clientToken"]) == ("rejected", bad.code, "tok")
    assert bad.names in answer["message"]
    assert answer["timestamp"] == TIME


async def test_an_unknown_thing_is_not_found(engine: Engine) -> None:
    assert (await engine.call("ghost", "get"))[1]["code"] == "ResourceNotFound"


async def test_state_goes_along_with_a_refused_transition(engine: Engine) -> None:
    await engine.job("j", "a")
    await engine.call("a", "j/update", {"status": "SUCCEEDED", "statusDetails": {"k": "v"}})
    outcome, answer = await engine.call("a", "j/update", {"status": "FAILED", "clientToken": "c"})
    assert (outcome, answer["code"]) == ("rejected", "InvalidStateTransition")
    assert answer["executionState"] == {
        "status": "SUCCEEDED",
        "statusDetails": {"k": "v"},
        "versionNumber": 2,
    }


async def test_a_finished_execution_cannot_be_described(engine: Engine) -> None:
    await engine.job("j", "a")
    await engine.call("a", "j/update", {"status": "SUCCEEDED"})
    assert (await engine.call("a", "j/get"))[1]["code"] == "TerminalStateReached"


async def test_a_repeated_update_gets_its_first_answer_again(engine: Engine) -> None:
    await engine.job("j", "a")
    update = {
        "status": "IN_PROGRESS",
        "expectedVersion": 1,
        "clientToken": "t",
        "includeJobExecutionState": True,
    }
    first = await engine.call("a", "j/update", update)
    engine.later(seconds=90)
    assert await engine.call("a", "j/update", update) == first
    execution = await engine.store.read(executions.get, "j", "a")
    assert execution.version_number == 2
    assert execution.last_updated_at == engine.now


async def test_a_device_that_never_changes_its_token_is_still_heard(engine: Engine) -> None:
    await engine.job("j", "a")
    for step in range(12):
        update = {"status": "IN_PROGRESS", "clientToken": "same", "statusDetails": {"step": step}}
        assert (await engine.call("a", "j/update", update))[0] == "accepted"
    assert (await engine.store.read(executions.get, "j", "a")).version_number == 13


async def test_requests_of_a_batch_are_answered_in_order_and_then_acknowledged(engine: Engine) -> None:
    await engine.job("j", "a")
    await engine.settle()
    engine.ask("a", "start-next")
    engine.ask("a", "j/update", {"status": "IN_PROGRESS", "expectedVersion": 2})
    engine.ask("a", "j/update", {"status": "FAILED", "expectedVersion": 2})
    engine.ask("a", "j/update", {"status": "SUCCEEDED", "expectedVersion": 3})
    said = await engine.settle()
    assert [(kind, topic.rsplit("/jobs/", 1)[1]) for kind, topic, _ in said] == [
        ("answer", "start-next/accepted"),
        ("ack", "start-next"),
        ("answer", "j/update/accepted"),
        ("ack", "j/update"),
        ("answer", "j/update/rejected"),
        ("ack", "j/update"),
        ("answer", "j/update/accepted"),
        ("ack", "j/update"),
        ("publish", "notify"),
        ("publish", "notify-next"),
    ]
    assert (await engine.store.read(jobs.get, "j")).status == "COMPLETED"


async def test_too_many_waiting_requests_are_throttled_not_kept(store: Store) -> None:
    engine = Engine(store, max_waiting=2)
    await engine.job("j", "a")
    for token in "123":
        engine.ask("a", "get", {"clientToken": token})
    assert [(kind, body and body["code"]) for kind, _, body in engine.link.said] == [
        ("answer", "RequestThrottled"),
        ("ack", None),
    ]
    assert engine.link.said[0][2]["clientToken"] == "3"


async def test_a_request_that_breaks_the_verb_does_not_take_its_neighbours_along(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await engine.job("j", "a", "b")
    answer = device.answer

    def poisoned(connection, requests, *, policy, at):
        if any(request.client_token == "poison" for request in requests):
            raise RuntimeError("a bug of ours")
        return answer(connection, requests, policy=policy, at=at)

    monkeypatch.setattr(device, "answer", poisoned)
    engine.ask("a", "start-next", {"clientToken": "poison"})
    engine.ask("b", "start-next", {"clientToken": "good"})
    said = await engine.settle()
    answers = {body["clientToken"]: body for kind, _, body in said if kind == "answer"}
    assert answers["poison"]["code"] == "InternalError"
    assert "bug" not in json.dumps(answers["poison"])
    assert answers["good"]["execution"]["status"] == "IN_PROGRESS"
    assert sum(kind == "ack" for kind, *_ in said) == 2


async def test_a_refusal_keeps_its_place_among_the_answers(engine: Engine) -> None:
    await engine.job("j", "a")
    engine.ask("a", "start-next")
    engine.ask("a", "j/update", b"no JSON")
    engine.ask("a", "j/update", {"status": "IN_PROGRESS"})
    said = await engine.settle()
    assert [topic.split("/", 4)[4] for kind, topic, _ in said if kind == "answer"] == [
        "start-next/accepted",
        "j/update/rejected",
        "j/update/accepted",
    ]
