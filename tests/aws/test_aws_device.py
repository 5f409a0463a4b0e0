"""The devices' plane with boto3: the same answers as over MQTT, in HTTP's forms (contract 4.5, 7)."""

import itertools
import json
import threading
from datetime import UTC, datetime

import pytest
from asking import body, refused
from botocore.exceptions import ClientError

DOCUMENT = '{ "op" : "update", "µ": [1.50] }'
_numbers = itertools.count(1)


@pytest.fixture
def data(shared_site):
    return shared_site.jobs_data


@pytest.fixture
def thing():
    return f"thing-{next(_numbers)}"


@pytest.fixture
def make(shared_site, thing):
    """Give a function that queues a job on the test's thing and returns its id."""

    def make(**more):
        return shared_site.door.job(thing, **{"document": DOCUMENT, **more})

    return make


def exchange(site, method, path, said=None):
    sent = None if said is None else json.dumps(said).encode()
    status, _, raw = site.exchange(method, f"/aws/iot-jobs-data{path}", sent)
    return status, json.loads(raw)


# --- the four operations ---


def test_start_next_begins_the_first_job_and_says_again_what_runs(data, thing, make, shared_site):
    job = make(timeoutConfig={"inProgressTimeoutInMinutes": 30})
    now = int(shared_site.door.at.timestamp())
    first = data.start_next_pending_job_execution(
        thingName=thing, statusDetails={"step": "download"}, stepTimeoutInMinutes=10
    )
    assert body(first) == {
        "execution": {
            "jobId": job,
            "thingName": thing,
            "status": "IN_PROGRESS",
            "statusDetails": {"step": "download"},
            "queuedAt": now,
            "startedAt": now,
            "lastUpdatedAt": now,
            "approximateSecondsBeforeTimedOut": 600,
            "versionNumber": 2,
            "executionNumber": 1,
            "jobDocument": DOCUMENT,
        }
    }
    again = data.start_next_pending_job_execution(thingName=thing, statusDetails={"step": "other"})
    assert body(again) == body(first)


def test_nothing_pending_is_an_empty_answer(data, thing, shared_site):
    shared_site.door.ok("POST", "/things", {"thingName": thing})
    assert body(data.start_next_pending_job_execution(thingName=thing)) == {}
    assert body(data.describe_job_execution(thingName=thing, jobId="$next")) == {}
    assert body(data.get_pending_job_executions(thingName=thing)) == {
        "inProgressJobs": [],
        "queuedJobs": [],
    }
    for method, path in (("PUT", "$next"), ("GET", "$next"), ("GET", "%24next"), ("PUT", "%24next")):
        assert exchange(shared_site, method, f"/things/{thing}/jobs/{path}") == (200, {})


def test_pending_jobs_are_listed_by_what_they_are(data, thing, make, shared_site):
    first, second = make(), make()
    now = int(shared_site.door.at.timestamp())
    data.start_next_pending_job_execution(thingName=thing)
    queued = {"queuedAt": now, "lastUpdatedAt": now, "versionNumber": 1, "executionNumber": 1}
    assert body(data.get_pending_job_executions(thingName=thing)) == {
        "inProgressJobs": [{**queued, "jobId": first, "startedAt": now, "versionNumber": 2}],
        "queuedJobs": [{**queued, "jobId": second}],
    }


def test_describe_tells_the_document_unless_it_is_not_wanted(data, thing, make):
    job = make()
    named = data.describe_job_execution(thingName=thing, jobId=job)["execution"]
    assert (named["status"], named["jobDocument"], named["versionNumber"]) == ("QUEUED", DOCUMENT, 1)
    assert "startedAt" not in named
    assert "statusDetails" not in named
    following = data.describe_job_execution(thingName=thing, jobId="$next", executionNumber=77)["execution"]
    assert following == named
    without = data.describe_job_execution(
        thingName=thing, jobId=job, includeJobDocument=False, executionNumber=1
    )["execution"]
    assert without == {name: value for name, value in named.items() if name != "jobDocument"}


def test_an_update_says_no_more_than_it_is_asked_for(data, thing, make):
    job = make()
    assert body(data.update_job_execution(thingName=thing, jobId=job, status="IN_PROGRESS")) == {}
    told = data.update_job_execution(
        thingName=thing,
        jobId=job,
        status="IN_PROGRESS",
        statusDetails={"percent": "40"},
        expectedVersion=2,
        executionNumber=1,
        includeJobExecutionState=True,
        includeJobDocument=True,
    )
    assert body(told) == {
        "executionState": {
            "status": "IN_PROGRESS",
            "statusDetails": {"percent": "40"},
            "versionNumber": 3,
        },
        "jobDocument": DOCUMENT,
    }


# --- vectors of contract 7 ---


def test_v10_v11_an_expected_version_is_checked_however_it_is_spelled(data, thing, make, shared_site):
    job = make()
    data.start_next_pending_job_execution(thingName=thing)
    path = f"/things/{thing}/jobs/{job}"
    said = {"status": "IN_PROGRESS", "expectedVersion": "2", "includeJobExecutionState": "true"}
    assert exchange(shared_site, "POST", path, said) == (
        200,
        {"executionState": {"status": "IN_PROGRESS", "versionNumber": 3}},
    )
    late = refused(
        data.update_job_execution, thingName=thing, jobId=job, status="IN_PROGRESS", expectedVersion=2
    )
    assert late == ("InvalidStateTransitionException", 409, "Expected version 2 but found version 3")


def test_v12_v13_v14_an_end_is_final_and_is_not_described(data, thing, make, shared_site):
    job = make()
    data.update_job_execution(thingName=thing, jobId=job, status="SUCCEEDED")
    code, status, message = refused(
        data.update_job_execution, thingName=thing, jobId=job, status="FAILED", expectedVersion=2
    )
    assert (code, status) == ("InvalidStateTransitionException", 409)
    assert "SUCCEEDED" in message
    code, status, message = refused(data.describe_job_execution, thingName=thing, jobId=job)
    assert (code, status) == ("TerminalStateException", 410)
    assert job in message
    ended = shared_site.door.ok("GET", f"/jobs/{job}/things/{thing}")["execution"]
    assert (ended["status"], ended["versionNumber"]) == ("SUCCEEDED", 2)
    assert ended["startedAt"] == ended["lastUpdatedAt"]
    assert shared_site.door.ok("GET", f"/jobs/{job}")["job"]["status"] == "COMPLETED"


@pytest.mark.parametrize("status", ["CANCELED", "QUEUED", "TIMED_OUT", "REMOVED", "succeeded", "DONE"])
def test_v15_a_device_reports_only_what_a_device_may(data, thing, make, status):
    job = make()
    code, http_status, message = refused(data.update_job_execution, thingName=thing, jobId=job, status=status)
    assert (code, http_status) == ("InvalidRequestException", 400)
    assert status in message


@pytest.mark.parametrize(
    ("details", "reason"),
    [
        ({str(number): "x" for number in range(11)}, "statusDetails has 11 pairs"),
        ({"a": "x" * 1025}, "statusDetails.a has 1025 characters"),
        ({"a": {"b": "c"}}, "statusDetails.a must be a string"),
        ({"a": None}, "statusDetails.a must be a string, not null"),
        ({"a!": "b"}, "statusDetails: name 'a!'"),
        ({"a": "b\u0007"}, "U+0007"),
        ([], "statusDetails must be an object"),
    ],
)
def test_v16_details_that_cannot_be_are_refused_by_name(shared_site, thing, make, details, reason):
    path = f"/things/{thing}/jobs/{make()}"
    status, answer = exchange(shared_site, "POST", path, {"status": "IN_PROGRESS", "statusDetails": details})
    assert (status, set(answer)) == (400, {"message"})
    assert reason in answer["message"]


def test_v16_details_of_a_program_s_output_and_numbers_are_kept(data, shared_site, thing, make):
    job = make()
    said = {"status": "IN_PROGRESS", "statusDetails": {"out": "a\nb\t", "n": 7, "ok": True}}
    assert exchange(shared_site, "POST", f"/things/{thing}/jobs/{job}", said) == (200, {})
    found = data.describe_job_execution(thingName=thing, jobId=job)["execution"]
    assert found["statusDetails"] == {"out": "a\nb\t", "n": "7", "ok": "true"}


def test_v18_what_is_canceled_by_force_cannot_be_updated(data, shared_site, thing, make):
    job = make()
    data.start_next_pending_job_execution(thingName=thing)
    shared_site.door.ok("PUT", f"/jobs/{job}/cancel", {"force": True})
    code, status, message = refused(data.update_job_execution, thingName=thing, jobId=job, status="SUCCEEDED")
    assert (code, status) == ("InvalidStateTransitionException", 409)
    assert "CANCELED" in message


def test_v40_a_thing_with_a_colon_is_reached_however_the_path_spells_it(data, shared_site):
    job = shared_site.door.job("a:b", document=DOCUMENT)
    assert data.get_pending_job_executions(thingName="a:b")["queuedJobs"][0]["jobId"] == job
    for spelled in ("a:b", "a%3Ab", "a%3ab"):
        status, answer = exchange(shared_site, "GET", f"/things/{spelled}/jobs/{job}")
        assert (status, answer["execution"]["thingName"]) == (200, "a:b")
    assert data.start_next_pending_job_execution(thingName="a:b")["execution"]["jobId"] == job
    assert body(data.update_job_execution(thingName="a:b", jobId=job, status="REJECTED")) == {}


# --- timers: a server whose clock is moved ---


def test_v22_step_timers_replace_each_other_below_the_job_s_own(site):
    site.door.at = datetime(2024, 6, 10, 12, 0, tzinfo=UTC)
    job = site.door.job("t", document=DOCUMENT, timeoutConfig={"inProgressTimeoutInMinutes": 20})
    update = site.jobs_data.update_job_execution

    def left():
        execution = site.jobs_data.describe_job_execution(thingName="t", jobId=job)["execution"]
        return execution.get("approximateSecondsBeforeTimedOut")

    site.jobs_data.start_next_pending_job_execution(thingName="t")
    assert left() == 20 * 60
    site.door.later(minutes=5)
    update(thingName="t", jobId=job, status="IN_PROGRESS", stepTimeoutInMinutes=7)
    assert left() == 7 * 60
    site.door.later(minutes=5)
    site.jobs_data.start_next_pending_job_execution(thingName="t", stepTimeoutInMinutes=5)
    assert left() == 5 * 60
    site.door.later(minutes=3)
    update(thingName="t", jobId=job, status="IN_PROGRESS", stepTimeoutInMinutes=9)
    assert left() == 7 * 60
    site.door.later(minutes=7)
    with pytest.raises(site.jobs_data.exceptions.TerminalStateException):
        site.jobs_data.describe_job_execution(thingName="t", jobId=job)
    assert site.door.ok("GET", f"/jobs/{job}/things/t")["execution"]["status"] == "TIMED_OUT"
    late = refused(update, thingName="t", jobId=job, status="SUCCEEDED")
    assert late[:2] == ("InvalidStateTransitionException", 409)


def test_v23_a_step_timer_is_taken_off(data, thing, make):
    job = make()
    first = data.start_next_pending_job_execution(thingName=thing, stepTimeoutInMinutes=5)["execution"]
    assert first["approximateSecondsBeforeTimedOut"] == 300
    data.update_job_execution(thingName=thing, jobId=job, status="IN_PROGRESS", stepTimeoutInMinutes=-1)
    after = data.describe_job_execution(thingName=thing, jobId=job)["execution"]
    assert "approximateSecondsBeforeTimedOut" not in after


@pytest.mark.parametrize("minutes", [0, -2, 10_081])
def test_a_step_timer_out_of_range_is_refused(data, thing, make, minutes):
    job = make()
    for call, more in (
        (data.start_next_pending_job_execution, {}),
        (data.update_job_execution, {"jobId": job, "status": "IN_PROGRESS"}),
    ):
        code, status, message = refused(call, thingName=thing, stepTimeoutInMinutes=minutes, **more)
        assert (code, status) == ("InvalidRequestException", 400)
        assert message.startswith(f"stepTimeoutInMinutes '{minutes}'")
    assert refused(data.start_next_pending_job_execution, thingName=thing, stepTimeoutInMinutes=-1)[:2] == (
        "InvalidRequestException",
        400,
    )


# --- what is not there, and what no client would say ---


@pytest.mark.parametrize(
    ("operation", "said"),
    [
        ("get_pending_job_executions", {}),
        ("start_next_pending_job_execution", {}),
        ("describe_job_execution", {"jobId": "j"}),
        ("describe_job_execution", {"jobId": "$next"}),
        ("update_job_execution", {"jobId": "j", "status": "SUCCEEDED"}),
    ],
)
def test_a_thing_that_is_not_there_is_not_found_and_one_that_cannot_be_is_refused(data, operation, said):
    call = getattr(data, operation)
    code, status, message = refused(call, thingName="nobody", **said)
    assert (code, status) == ("ResourceNotFoundException", 404)
    assert "nobody" in message
    code, status, message = refused(call, thingName="no body", **said)
    assert (code, status) == ("InvalidRequestException", 400)
    assert "'no body'" in message


def test_a_job_or_number_that_the_thing_has_not_is_not_found(data, thing, make, shared_site):
    job = make()
    elsewhere = shared_site.door.job(f"{thing}-other")
    for said in ({"jobId": "never"}, {"jobId": elsewhere}, {"jobId": job, "executionNumber": 2}):
        for call, more in (
            (data.describe_job_execution, {}),
            (data.update_job_execution, {"status": "SUCCEEDED"}),
        ):
            code, status, message = refused(call, thingName=thing, **said, **more)
            assert (code, status) == ("ResourceNotFoundException", 404)
            assert thing in message


def test_next_is_no_job_to_update(data, thing, make):
    make()
    assert refused(data.update_job_execution, thingName=thing, jobId="$next", status="SUCCEEDED")[:2] == (
        "InvalidRequestException",
        400,
    )
    assert refused(data.describe_job_execution, thingName=thing, jobId="a:b")[:2] == (
        "InvalidRequestException",
        400,
    )


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({}, "status is required"),
        ({"status": None}, "status is required"),
        ({"status": 1}, "status '1'"),
        ({"status": "SUCCEEDED", "expectedVersion": -1}, "expectedVersion '-1'"),
        ({"status": "SUCCEEDED", "expectedVersion": 1.5}, "expectedVersion '1.5'"),
        ({"status": "SUCCEEDED", "executionNumber": True}, "executionNumber 'True'"),
        ({"status": "SUCCEEDED", "includeJobDocument": 1}, "includeJobDocument '1'"),
        ([], "JSON object"),
    ],
)
def test_words_of_the_wrong_kind_are_refused_by_name(shared_site, thing, make, said, reason):
    status, answer = exchange(shared_site, "POST", f"/things/{thing}/jobs/{make()}", said)
    assert status == 400
    assert reason in answer["message"]


def test_a_flag_in_a_query_is_true_or_false(shared_site, thing, make):
    path = f"/things/{thing}/jobs/{make()}"
    for said, reason in (
        ("includeJobDocument=yes", "includeJobDocument 'yes'"),
        ("executionNumber=one", "executionNumber 'one'"),
    ):
        status, answer = exchange(shared_site, "GET", f"{path}?{said}")
        assert status == 400
        assert reason in answer["message"]


def test_what_firmware_says_besides_is_ignored_and_a_token_is_no_memory(shared_site, thing, make):
    job = make()
    said = {
        "status": "IN_PROGRESS",
        "clientToken": "c",
        "thingName": "another",
        "jobId": "another",
        "colour": "red",
        "expectedVersion": None,
        "includeJobExecutionState": True,
    }
    versions = [
        exchange(shared_site, "POST", f"/things/{thing}/jobs/{job}?colour=red", said)[1]["executionState"][
            "versionNumber"
        ]
        for _ in range(2)
    ]
    assert versions == [2, 3]


# --- many at once ---


def test_two_writers_that_expect_the_same_version_never_both_win(shared_site, thing, make):
    job = make()
    clients = [shared_site.client("iot-jobs-data") for _ in range(2)]
    barrier = threading.Barrier(len(clients))
    rounds = 20
    outcomes: list[list[str]] = [[] for _ in clients]

    def write(place):
        for expected in range(1, rounds + 1):
            barrier.wait(30)
            try:
                clients[place].update_job_execution(
                    thingName=thing,
                    jobId=job,
                    status="IN_PROGRESS",
                    expectedVersion=expected,
                    statusDetails={"writer": str(place)},
                )
                outcomes[place].append("won")
            except ClientError as error:
                outcomes[place].append(error.response["Error"]["Code"])

    threads = [threading.Thread(target=write, args=(place,)) for place in range(len(clients))]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    for client in clients:
        client.close()
    assert [sorted(pair) for pair in zip(*outcomes, strict=True)] == [
        ["InvalidStateTransitionException", "won"]
    ] * rounds
    after = shared_site.door.ok("GET", f"/jobs/{job}/things/{thing}")["execution"]
    assert after["versionNumber"] == rounds + 1
    assert after["statusDetails"]["detailsMap"] == {
        "writer": str([pair.index("won") for pair in zip(*outcomes, strict=True)][-1])
    }
