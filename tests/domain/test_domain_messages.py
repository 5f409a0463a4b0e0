"""Payloads: limits of each member, what SDKs really send, answers that are JSON (contract 3.2 to 3.4)."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import errors, messages
from domain.errors import InvalidStateTransition, JobsError, NotFound
from domain.execution import Execution, ExecutionState, Status
from domain.messages import MAX_PAYLOAD, Refused, parse_request
from domain.topics import Topics

AT = datetime(2026, 3, 1, 12, 0, 0, 999_000, tzinfo=UTC)
SECONDS = 1772366400
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(-1e300, 1e300) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
members = st.sampled_from([
    "clientToken", "status", "statusDetails", "expectedVersion", "executionNumber", "stepTimeoutInMinutes",
    "includeJobDocument", "includeJobExecutionState", "thingName", "else",
])  # fmt: skip


def request(payload: object, topic: str = "j/update"):
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return parse_request(Topics().parse(f"$aws/things/t/jobs/{topic}"), raw, lambda body: f"{len(body)}")


def refused(payload: object, topic: str = "j/update") -> str:
    with pytest.raises(Refused) as refusal:
        request(payload, topic)
    return refusal.value.error.code


@given(
    st.binary(max_size=50) | st.dictionaries(members, json_values, max_size=6).map(json.dumps).map(str.encode)
)
def test_any_bytes_are_a_request_or_a_refusal_that_can_be_written(payload: bytes) -> None:
    for topic in ("get", "start-next", "j/get", "$next/get", "j/update"):
        try:
            found = request(payload, topic)
        except Refused as refusal:
            error, token = refusal.error, refusal.client_token
        else:
            error, token = NotFound("x"), found.client_token
        answer = json.loads(messages.error_reply(error, at=AT, client_token=token))
        assert answer["code"] in ("InvalidJson", "InvalidRequest", "ResourceNotFound")
        assert answer.get("clientToken") == token
        assert len(answer["message"]) < 1000


@pytest.mark.parametrize("member", ["expectedVersion", "executionNumber"])
def test_counters_come_as_numbers_or_as_decimal_strings(member: str) -> None:
    name = {"expectedVersion": "expected_version", "executionNumber": "execution_number"}[member]
    for value in (0, 1, 2**63 - 1):
        for spelled in (value, str(value)):
            assert getattr(request({"status": "FAILED", member: spelled}), name) == value
    assert getattr(request({"status": "FAILED", member: None}), name) is None
    for bad in (
        -1,
        "-1",
        1.0,
        1.5,
        "1.0",
        "",
        " 1",
        "1 ",
        "0x1",
        "\N{ARABIC-INDIC DIGIT ONE}",
        True,
        [],
        {},
        2**63,
        str(2**63),
        "9" * 99,
    ):
        assert refused({"status": "FAILED", member: bad}) == "InvalidRequest", bad


def test_a_step_timer_is_1_to_10080_and_minus_one_in_updates_only() -> None:
    for topic, body in (("j/update", {"status": "IN_PROGRESS"}), ("start-next", {})):
        for value in (1, 10080):
            for spelled in (value, str(value)):
                assert request({**body, "stepTimeoutInMinutes": spelled}, topic).step_timeout_minutes == value
        for bad in (0, -2, 10081, "0", "-2", 1.5, 5.0, -1.0, True, "x", [], 10**30):
            assert refused({**body, "stepTimeoutInMinutes": bad}, topic) == "InvalidRequest", bad
    for spelled in (-1, "-1"):
        update = {"status": "IN_PROGRESS", "stepTimeoutInMinutes": spelled}
        assert request(update).step_timeout_minutes == -1
        assert refused({"stepTimeoutInMinutes": spelled}, "start-next") == "InvalidRequest"


def test_flags_are_booleans_or_their_words() -> None:
    for spelled, value in ((True, True), (False, False), ("true", True), ("false", False)):
        assert request({"includeJobDocument": spelled}, "j/get").include_document is value
        assert request({"status": "FAILED", "includeJobExecutionState": spelled}).include_state is value
    assert request({}, "j/get").include_document is True
    assert request({"status": "FAILED"}).include_document is False
    for bad in (0, 1, "True", "yes", "", [], {}):
        assert refused({"includeJobDocument": bad}, "j/get") == "InvalidRequest", bad


def test_null_is_absent_and_what_is_unknown_or_of_another_operation_is_ignored() -> None:
    body = {"clientToken": None, "statusDetails": None, "thingName": "other", "jobId": "other", "x": [1]}
    found = request({**body, "status": "FAILED"})
    assert (found.thing_name, found.job_id, found.client_token, found.status_details) == (
        "t",
        "j",
        None,
        None,
    )
    assert request({"status": "nonsense", "expectedVersion": "x"}, "get").status is None


def test_a_token_is_kept_as_it_came_and_has_a_limit() -> None:
    for token in ("x" * 1024, "", 7, [1, {"a": None}], {"b": 1.5}, True, "\0", "\U0001f600"):
        assert request({"status": "FAILED", "clientToken": token}).client_token == token
    for token in ("x" * 1025, ["x" * 1025], {"a": list(range(1000))}):
        assert refused({"status": "FAILED", "clientToken": token}) == "InvalidRequest"
    assert request({"status": "FAILED"}).digest == ""
    assert request({"status": "FAILED", "clientToken": "x"}).digest != ""


def test_a_payload_has_a_limit_and_a_depth() -> None:
    fits = b'{"x":"%s"}' % (b"y" * (MAX_PAYLOAD - 8))
    assert len(fits) == MAX_PAYLOAD
    assert request(fits, "get")
    assert refused(fits[:-2] + b'y"}', "get") == "InvalidJson"
    for bad in (
        b"[" * 100_000,
        b'{"a":' * 1000,
        b'{"a":1e999}',
        b'{"a":' + b"9" * 5000 + b"}",
        b"\xef\xbb\xbf{}",
    ):
        assert refused(bad, "get") == "InvalidJson"


EXECUTION = Execution(
    job_id="j",
    thing_name="t",
    status=Status.IN_PROGRESS,
    queued_at=AT,
    last_updated_at=AT,
    started_at=AT + timedelta(seconds=1),
    version_number=2,
    step_deadline_at=AT + timedelta(seconds=90),
)


def test_an_execution_is_shown_with_whole_seconds_and_its_document_to_the_letter() -> None:
    document = '{"big":123456789012345678901234567890,"e":1.10}'
    raw = messages.execution_json(EXECUTION, document, at=AT)
    assert raw.endswith(b',"jobDocument":%s}' % document.encode())
    shown = json.loads(raw)
    shown.pop("jobDocument")
    assert shown == {
        "jobId": "j", "thingName": "t", "status": "IN_PROGRESS", "queuedAt": SECONDS,
        "startedAt": SECONDS + 1, "lastUpdatedAt": SECONDS, "versionNumber": 2, "executionNumber": 1,
        "approximateSecondsBeforeTimedOut": 90,
    }  # fmt: skip


def test_absent_members_are_left_out_and_lists_are_there_where_the_contract_wants_them() -> None:
    assert json.loads(messages.execution_reply(None, at=AT)) == {"timestamp": SECONDS}
    assert json.loads(messages.notify_next(None, None, at=AT)) == {"timestamp": SECONDS}
    assert json.loads(messages.notify([], at=AT)) == {"timestamp": SECONDS, "jobs": {}}
    lists = json.loads(messages.pending_reply([], at=AT, client_token=""))
    assert lists == {"timestamp": SECONDS, "clientToken": "", "inProgressJobs": [], "queuedJobs": []}
    assert json.loads(messages.update_reply(None, None, at=AT)) == {"timestamp": SECONDS}
    state = ExecutionState(Status.FAILED, {}, 3)
    both = json.loads(messages.update_reply(state, "{}", at=AT))
    assert both == {
        "timestamp": SECONDS, "executionState": {"status": "FAILED", "versionNumber": 3}, "jobDocument": {},
    }  # fmt: skip


@pytest.mark.parametrize("error", [found for found in vars(errors).values() if hasattr(found, "code")])
def test_every_error_has_one_of_the_contracts_words(error: type[JobsError]) -> None:
    assert error.code in {
        "InvalidTopic", "InvalidJson", "InvalidRequest", "InvalidStateTransition", "ResourceNotFound",
        "VersionMismatch", "TerminalStateReached", "RequestThrottled", "InternalError",
    }  # fmt: skip


def test_a_refused_transition_carries_the_state_only_where_it_is_known() -> None:
    known = InvalidStateTransition("x", ExecutionState(Status.FAILED, {"a": "b"}, 3))
    answer = json.loads(messages.error_reply(known, at=AT))
    assert answer["executionState"] == {
        "status": "FAILED", "versionNumber": 3, "statusDetails": {"a": "b"},
    }  # fmt: skip
    assert "executionState" not in json.loads(messages.error_reply(InvalidStateTransition("x"), at=AT))
