"""The device protocol through the dispatcher on a real store (contract 3)."""

import json

import pytest
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


REJECTED = [
    (
        "j/update",
        {"status": "SUCCEEDED", "expectedVersion": 9},
        "VersionMismatch",
        "Expected version 9 but found version 1",
    ),
    ("j/update", {}, "InvalidRequest", "status is required"),
    ("j/update", {"status": None}, "InvalidRequest", "status is required"),
    ("j/update", {"status": "QUEUED"}, "InvalidRequest", "'QUEUED'"),
    ("j/update", {"status": "CANCELED"}, "InvalidRequest", "'CANCELED'"),
    ("j/update", {"status": "TIMED_OUT"}, "InvalidRequest", "'TIMED_OUT'"),
    ("j/update", {"status": "succeeded"}, "InvalidRequest", "'succeeded'"),
    ("j/update", {"status": 7}, "InvalidRequest", "'7'"),
    ("j/update", {"status": ["FAILED"]}, "InvalidRequest", "FAILED"),
    ("j/update", {"status": "FAILED", "expectedVersion": -1}, "InvalidRequest", "expectedVersion '-1'"),
    ("j/update", {"status": "FAILED", "expectedVersion": 1.5}, "InvalidRequest", "expectedVersion '1.5'"),
    ("j/update", {"status": "FAILED", "expectedVersion": "one"}, "InvalidRequest", "expectedVersion 'one'"),
    ("j/update", {"status": "FAILED", "expectedVersion": True}, "InvalidRequest", "expectedVersion 'True'"),
    ("j/update", {"status": "FAILED", "expectedVersion": 2**63}, "InvalidRequest", "expectedVersion"),
    (
        "j/update",
        {"status": "FAILED", "executionNumber": 2},
        "ResourceNotFound",
        "number 2 of job j on thing a",
    ),
    ("j/update", {"status": "FAILED", "executionNumber": {}}, "InvalidRequest", "executionNumber"),
    ("j/update", {"status": "FAILED", "statusDetails": []}, "InvalidRequest", "an array"),
    ("j/update", {"status": "FAILED", "statusDetails": {"k": {}}}, "InvalidRequest", "statusDetails.k"),
    ("j/update", {"status": "FAILED", "statusDetails": {"k": None}}, "InvalidRequest", "statusDetails.k"),
    ("j/update", {"status": "FAILED", "statusDetails": {"k": ""}}, "InvalidRequest", "statusDetails.k"),
    ("j/update", {"status": "FAILED", "statusDetails": {"": "v"}}, "InvalidRequest", "name ''"),
    ("j/update", {"status": "FAILED", "statusDetails": {"sp ace": "v"}}, "InvalidRequest", "'sp ace'"),
    (
        "j/update",
        {"status": "FAILED", "statusDetails": {"k": "x" * 1025}},
        "InvalidRequest",
        "1025 characters",
    ),
    ("j/update", {"status": "FAILED", "statusDetails": {"k": "\x00"}}, "InvalidRequest", "U+0000"),
    ("j/update", {"status": "FAILED", "statusDetails": {"k": "\u202e"}}, "InvalidRequest", "U+202E"),
    (
        "j/update",
        {"status": "FAILED", "statusDetails": {str(n): "v" for n in range(11)}},
        "InvalidRequest",
        "11 pairs",
    ),
    (
        "j/update",
        {"status": "IN_PROGRESS", "stepTimeoutInMinutes": 0},
        "InvalidRequest",
        "stepTimeoutInMinutes '0'",
    ),
    ("j/update", {"status": "IN_PROGRESS", "stepTimeoutInMinutes": -2}, "InvalidRequest", "'-2'"),
    ("j/update", {"status": "IN_PROGRESS", "stepTimeoutInMinutes": 10081}, "InvalidRequest", "'10081'"),
    ("j/update", {"status": "IN_PROGRESS", "stepTimeoutInMinutes": "soon"}, "InvalidRequest", "'soon'"),
    ("j/update", {"status": "IN_PROGRESS", "stepTimeoutInMinutes": 1.5}, "InvalidRequest", "'1.5'"),
    (
        "j/update",
        {"status": "IN_PROGRESS", "includeJobDocument": "yes"},
        "InvalidRequest",
        "includeJobDocument",
    ),
    (
        "j/update",
        {"status": "IN_PROGRESS", "includeJobExecutionState": 1},
        "InvalidRequest",
        "includeJobExecutionState",
    ),
    ("j/update", {"status": "FAILED", "clientToken": "x" * 1025}, "InvalidRequest", "clientToken"),
    ("start-next", {"stepTimeoutInMinutes": -1}, "InvalidRequest", "stepTimeoutInMinutes '-1'"),
    ("start-next", {"statusDetails": "text"}, "InvalidRequest", "statusDetails"),
    ("$next/get", {"includeJobDocument": "maybe"}, "InvalidRequest", "includeJobDocument"),
    ("$next/update", {"status": "SUCCEEDED"}, "InvalidRequest", "'$next'"),
    ("nowhere/get", {}, "ResourceNotFound", "job nowhere on thing a"),
    ("nowhere/update", {"status": "FAILED"}, "ResourceNotFound", "job nowhere on thing a"),
    ("j/stop", {}, "InvalidTopic", "names no operation"),
    ("stop", {}, "InvalidTopic", "names no operation"),
    ("j/get/more", {}, "InvalidTopic", "names no operation"),
    ("b@d/get", {}, "InvalidRequest", "jobId 'b@d'"),
    ("get", b"{", "InvalidJson", "not valid JSON"),
    ("get", b"[]", "InvalidJson", "must be a JSON object"),
    ("get", b'"text"', "InvalidJson", "must be a JSON object"),
    ("get", b"\xff", "InvalidJson", "not valid JSON"),
    ("get", b"null", "InvalidJson", "must be a JSON object"),
    ("j/update", b'{"status":"FAILED","expectedVersion":NaN}', "InvalidJson", "not valid JSON"),
    ("j/update", b'{"status":"FAILED"' + b"[" * 5000, "InvalidJson", "not valid JSON"),
    ("j/update", b'{"status":"FAILED","x":"' + b"y" * 140_000 + b'"}', "InvalidJson", "at most 131072"),
    ("j/update", b'{"status":"\\ud800"}', "InvalidJson", "not valid JSON"),
]


@pytest.mark.parametrize(("request_name", "body", "code", "fragment"), REJECTED)
async def test_bad_input_is_rejected_by_name_and_changes_nothing(
    engine: Engine, request_name: str, body: object, code: str, fragment: str
) -> None:
    await engine.job("j", "a")
    if isinstance(body, dict):
        body = {"clientToken": "tok", **body}
    outcome, answer = await engine.call("a", request_name, body)
    assert outcome == "rejected"
    assert answer["code"] == code
    assert fragment in answer["message"]
    assert answer["timestamp"] == TIME
    if isinstance(body, dict):
        assert answer["clientToken"] == body["clientToken"]
    execution = await engine.store.read(executions.get, "j", "a")
    assert (execution.status, execution.version_number) == ("QUEUED", 1)


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

    def poisoned(connection, requests, *, at):
        if any(request.client_token == "poison" for request in requests):
            raise RuntimeError("a bug of ours")
        return answer(connection, requests, at=at)

    monkeypatch.setattr(device, "answer", poisoned)
    engine.ask("a", "start-next", {"clientToken": "poison"})
    engine.ask("b", "start-next", {"clientToken": "good"})
    said = await engine.settle()
    answers = {body["clientToken"]: body for kind, _, body in said if kind == "answer"}
    assert answers["poison"]["code"] == "InternalError"
    assert "bug" not in json.dumps(answers["poison"])
    assert answers["good"]["execution"]["status"] == "IN_PROGRESS"
    assert sum(kind == "ack" for kind, *_ in said) == 2
