"""The conformance vectors of contract section 7 on executions; each test is named for its row."""

from datetime import timedelta

import pytest
from sync_store import SyncStore, listed

from domain.errors import Conflict, InvalidStateTransition, NotFound, WrongJobState
from domain.execution import Status
from storage import executions, jobs


def test_v1_a_snapshot_job_is_completed_when_all_have_succeeded(store: SyncStore) -> None:
    store.create("j", "t1", "t2")
    store.ask("t1", "j/update", {"status": "SUCCEEDED"})
    assert store.job("j").status == "IN_PROGRESS"
    store.later(seconds=5)
    store.ask("t2", "j/update", {"status": "SUCCEEDED"})
    job = store.job("j")
    assert (job.status, job.completed_at, job.counts[Status.SUCCEEDED]) == ("COMPLETED", store.now, 2)


def test_v2_a_canceled_execution_completes_its_job_too(store: SyncStore) -> None:
    store.create("j", "t1", "t2")
    store.ask("t1", "j/update", {"status": "SUCCEEDED"})
    store.do(executions.cancel, "j", "t2", at=store.now)
    job = store.job("j")
    assert (job.status, job.counts[Status.SUCCEEDED], job.counts[Status.CANCELED]) == ("COMPLETED", 1, 1)


def test_v6_a_job_on_a_group_reaches_the_groups_inside(store: SyncStore) -> None:
    store.group("g")
    store.group("c", "t1", parent="g")
    store.create("j", "thinggroup/g")
    assert store.execution("j", "t1").status == "QUEUED"


def test_v7_however_often_a_thing_is_covered_it_gets_one_execution(store: SyncStore) -> None:
    store.group("g1", "t1")
    store.group("g2", "t1")
    store.group("c", "t1", parent="g2")
    job = store.create("j", "thinggroup/g1", "thinggroup/g2", "thinggroup/c", "t1", "thing/t1")
    assert job.counts[Status.QUEUED] == 1
    assert store.rows("SELECT number, version FROM executions") == [(1, 1)]
    # Two spellings of one thing are one target.
    assert job.targets == ("thinggroup/g1", "thinggroup/g2", "thinggroup/c", "t1")


def test_v8_start_next_starts_once_and_then_gives_the_same_again(store: SyncStore) -> None:
    store.create("j", "t1")
    store.later(seconds=7)
    outcome, first = store.ask("t1", "start-next", {"statusDetails": {"step": "1"}, "clientToken": "x"})
    assert (outcome, first["clientToken"]) == ("accepted", "x")
    began = {
        "jobId": "j",
        "thingName": "t1",
        "jobDocument": {"operation": "test"},
        "status": "IN_PROGRESS",
        "statusDetails": {"step": "1"},
        "queuedAt": int(store.now.timestamp()) - 7,
        "startedAt": int(store.now.timestamp()),
        "lastUpdatedAt": int(store.now.timestamp()),
        "versionNumber": 2,
        "executionNumber": 1,
    }
    assert first["execution"] == began
    store.later(seconds=1)
    assert store.ask("t1", "start-next", {"statusDetails": {"step": "2"}})[1]["execution"] == began


@pytest.mark.parametrize("request_", ["start-next", "$next/get"])
def test_v9_nothing_pending_is_no_error(store: SyncStore, request_: str) -> None:
    store.create("j", "t1")
    store.ask("t1", "j/update", {"status": "SUCCEEDED"})
    outcome, answer = store.ask("t1", request_, {"clientToken": "x"})
    assert outcome == "accepted"
    assert answer == {"timestamp": int(store.now.timestamp()), "clientToken": "x"}


def test_v10_and_v11_the_expected_version_may_be_a_string_and_must_be_the_current_one(
    store: SyncStore,
) -> None:
    store.create("j", "t1")
    store.ask("t1", "start-next")
    store.tell()
    outcome, answer = store.ask(
        "t1", "j/update", {"status": "IN_PROGRESS", "expectedVersion": "2", "includeJobExecutionState": True}
    )
    assert (outcome, answer["executionState"]) == (
        "accepted",
        {"status": "IN_PROGRESS", "versionNumber": 3},
    )
    assert store.tell() == {}
    outcome, answer = store.ask("t1", "j/update", {"status": "SUCCEEDED", "expectedVersion": 2})
    assert (outcome, answer["code"]) == ("rejected", "VersionMismatch")
    assert answer["message"] == "Expected version 2 but found version 3"
    assert answer["executionState"] == {"status": "IN_PROGRESS", "versionNumber": 3}


@pytest.mark.parametrize("again", ["IN_PROGRESS", "SUCCEEDED", "FAILED", "REJECTED"])
def test_v12_what_has_ended_stays_as_it_is(store: SyncStore, again: str) -> None:
    store.create("j", "t1")
    store.ask("t1", "j/update", {"status": "SUCCEEDED", "statusDetails": {"a": "b"}})
    outcome, answer = store.ask("t1", "j/update", {"status": again})
    assert (outcome, answer["code"]) == ("rejected", "InvalidStateTransition")
    assert answer["executionState"] == {
        "status": "SUCCEEDED",
        "statusDetails": {"a": "b"},
        "versionNumber": 2,
    }


def test_v13_a_device_is_told_that_its_execution_has_ended_an_operator_sees_it(store: SyncStore) -> None:
    store.create("j", "t1")
    store.ask("t1", "j/update", {"status": "SUCCEEDED"})
    outcome, answer = store.ask("t1", "j/get")
    assert (outcome, answer["code"]) == ("rejected", "TerminalStateReached")
    assert "executionState" not in answer
    assert store.execution("j", "t1").status == "SUCCEEDED"


def test_v14_a_device_may_go_from_queued_to_the_end_at_once(store: SyncStore) -> None:
    store.create("j", "t1")
    store.later(seconds=3)
    assert store.ask("t1", "j/update", {"status": "SUCCEEDED"})[0] == "accepted"
    execution = store.execution("j", "t1")
    assert (execution.version_number, execution.started_at) == (2, store.now)


@pytest.mark.parametrize("status", ["CANCELED", "QUEUED", "TIMED_OUT", "REMOVED", "succeeded", "", 7, [], {}])
def test_v15_and_v29_a_device_may_report_four_words_and_hears_its_token_in_the_refusal(
    store: SyncStore, status: object
) -> None:
    refusal = store.refused("t1", "j/update", {"status": status, "clientToken": "mine"})
    assert refusal == ("InvalidRequest", "mine")


def test_v16_details_are_limited_and_numbers_become_text(store: SyncStore) -> None:
    store.create("j", "t1")
    for bad in ({f"k{n}": "v" for n in range(11)}, {"k": "x" * 1025}, {"k": {"nested": "x"}}):
        body = {"status": "IN_PROGRESS", "statusDetails": bad, "clientToken": "mine"}
        assert store.refused("t1", "j/update", body) == ("InvalidRequest", "mine")
    details = {"log": "a\nb\t", "seven": 7, "yes": True, "half": 0.5}
    assert store.ask("t1", "j/update", {"status": "IN_PROGRESS", "statusDetails": details})[0] == "accepted"
    kept = {"log": "a\nb\t", "seven": "7", "yes": "true", "half": "0.5"}
    assert store.execution("j", "t1").status_details == kept


def test_v17_and_v18_a_cancel_lets_work_go_on_a_forced_one_ends_it(store: SyncStore) -> None:
    store.create("j", "t1", "t2")
    store.ask("t1", "start-next")
    assert store.do(jobs.cancel, "j", at=store.now).status == "CANCELED"
    assert store.execution("j", "t2").status == "CANCELED"
    assert store.ask("t1", "j/update", {"status": "IN_PROGRESS"})[0] == "accepted"
    job = store.do(jobs.cancel, "j", force=True, at=store.now)
    assert (job.status, job.force_canceled) == ("CANCELED", True)
    execution = store.execution("j", "t1")
    assert (execution.status, execution.force_canceled) == ("CANCELED", True)
    assert store.ask("t1", "j/update", {"status": "SUCCEEDED"})[1]["code"] == "InvalidStateTransition"
    with pytest.raises(WrongJobState):
        store.do(jobs.cancel, "j", force=True, at=store.now)


def test_v17_what_goes_on_after_a_cancel_may_end_well_and_the_job_stays_canceled(store: SyncStore) -> None:
    store.create("j", "t1")
    store.ask("t1", "start-next")
    store.do(jobs.cancel, "j", at=store.now)
    assert store.ask("t1", "j/update", {"status": "SUCCEEDED"})[0] == "accepted"
    job = store.job("j")
    assert (job.status, job.completed_at, job.counts[Status.SUCCEEDED]) == ("CANCELED", None, 1)


def test_v19_deleting_a_job_that_is_open_needs_force_and_frees_its_id(store: SyncStore) -> None:
    store.create("j", "t1")
    store.ask("t1", "start-next")
    with pytest.raises(Conflict, match="needs force"):
        store.do(jobs.delete, "j", at=store.now)
    store.do(jobs.delete, "j", force=True, at=store.now)
    assert store.ask("t1", "j/update", {"status": "SUCCEEDED"})[1]["code"] == "ResourceNotFound"
    with pytest.raises(NotFound):
        store.job("j")
    assert store.rows("SELECT count(*) FROM execution_events") == [(0,)]
    assert store.create("j", "t1", document='{"another":1}').counts[Status.QUEUED] == 1


def test_v22_the_earlier_of_two_timers_counts(store: SyncStore) -> None:
    store.create("j", "t1", timeout_config={"inProgressTimeoutInMinutes": 20})
    noon = store.now
    store.ask("t1", "start-next")
    deadlines = []
    for minute, step in ((5, 7), (10, 5), (13, 9)):
        store.now = noon + timedelta(minutes=minute)
        store.ask("t1", "j/update", {"status": "IN_PROGRESS", "stepTimeoutInMinutes": step})
        deadline = store.execution("j", "t1").deadline_at
        assert deadline is not None
        deadlines.append((deadline - noon).total_seconds() / 60)
        assert store.expire() == 0
    assert deadlines == [12, 15, 20]
    store.now = noon + timedelta(minutes=20, milliseconds=-1)
    assert store.expire() == 0
    store.later(milliseconds=1)
    assert store.expire() == 1
    execution = store.execution("j", "t1")
    assert (execution.status, execution.last_updated_at) == ("TIMED_OUT", store.now)
    assert store.job("j").status == "COMPLETED"


def test_v23_minus_one_takes_the_step_timer_away(store: SyncStore) -> None:
    store.create("j", "t1")
    store.ask("t1", "start-next", {"stepTimeoutInMinutes": 5})
    left = store.ask("t1", "j/get")[1]["execution"]["approximateSecondsBeforeTimedOut"]
    assert left == 300
    store.ask("t1", "j/update", {"status": "IN_PROGRESS", "stepTimeoutInMinutes": -1})
    assert "approximateSecondsBeforeTimedOut" not in store.ask("t1", "j/get")[1]["execution"]
    store.later(days=365)
    assert store.expire() == 0


def test_v27_a_job_may_be_called_get(store: SyncStore) -> None:
    for job in ("get", "start-next", "notify", "update", "accepted"):
        store.create(job, "t1")
    assert store.ask("t1", "get/get")[1]["execution"]["jobId"] == "get"
    assert store.ask("t1", "get")[1]["queuedJobs"][0]["jobId"] == "get"
    for job in ("get", "start-next", "notify", "update", "accepted"):
        assert store.ask("t1", f"{job}/update", {"status": "SUCCEEDED"})[0] == "accepted"


@pytest.mark.parametrize(
    "payload", [b"[]", b"{", b"\xff", b"7", b'"x"', b"null", b'{"a":NaN}', b"\0", b"{}{}"]
)
def test_v28_what_is_no_json_object_is_refused(store: SyncStore, payload: bytes) -> None:
    assert store.refused("t1", "get", payload) == ("InvalidJson", None)


def test_v28_nothing_at_all_is_an_empty_object(store: SyncStore) -> None:
    store.create("j", "t1")
    outcome, answer = store.ask("t1", "get", b"")
    assert (outcome, len(answer["queuedJobs"]), answer["inProgressJobs"]) == ("accepted", 1, [])


def test_v30_the_trace_of_the_contract_publishes_this_and_nothing_else(store: SyncStore) -> None:
    def step(do) -> tuple[object, object]:
        store.later(seconds=1)
        do()
        messages = store.tell().get("t1", {})
        first = messages.get("notify-next")
        return (
            listed(messages["notify"]) if "notify" in messages else None,
            first and (e := first.get("execution", {})) and (e["jobId"], e["status"], e["versionNumber"]),
        )

    def update(job: str, status: str):
        return lambda: store.ask("t1", f"{job}/update", {"status": status})

    assert step(lambda: store.create("job1", "t1")) == ({"QUEUED": ["job1"]}, ("job1", "QUEUED", 1))
    assert step(lambda: store.create("job2", "t1")) == ({"QUEUED": ["job1", "job2"]}, None)
    assert step(update("job1", "IN_PROGRESS")) == (None, None)
    assert step(lambda: store.create("job3", "t1")) == (
        {"IN_PROGRESS": ["job1"], "QUEUED": ["job2", "job3"]},
        None,
    )
    assert step(update("job1", "SUCCEEDED")) == ({"QUEUED": ["job2", "job3"]}, ("job2", "QUEUED", 1))
    assert step(update("job3", "IN_PROGRESS")) == (None, ("job3", "IN_PROGRESS", 2))
    assert step(update("job2", "REJECTED")) == ({"IN_PROGRESS": ["job3"]}, None)
    assert step(lambda: store.do(executions.delete, "job3", "t1", force=True, at=store.now)) == ({}, {})


def test_v38_an_explicit_start_makes_a_job_the_next_one_and_says_so_once(store: SyncStore) -> None:
    store.create("first", "t1")
    store.create("second", "t1")
    store.tell()
    store.ask("t1", "second/update", {"status": "IN_PROGRESS"})
    assert store.ask("t1", "$next/get")[1]["execution"]["jobId"] == "second"
    messages = store.tell()["t1"]
    assert messages["notify-next"]["execution"]["jobId"] == "second"
    assert "notify" not in messages
    store.ask("t1", "second/update", {"status": "IN_PROGRESS"})
    assert store.ask("t1", "start-next")[1]["execution"]["jobId"] == "second"
    assert store.tell() == {}


def test_a_forced_cancel_of_one_execution_is_needed_while_it_runs(store: SyncStore) -> None:
    store.create("j", "t1")
    store.ask("t1", "start-next")
    with pytest.raises(InvalidStateTransition, match="needs force"):
        store.do(executions.cancel, "j", "t1", at=store.now)
    after = store.do(executions.cancel, "j", "t1", force=True, status_details={"why": "x"}, at=store.now)
    assert (after.status, after.status_details, after.version_number) == ("CANCELED", {"why": "x"}, 3)
    with pytest.raises(InvalidStateTransition):
        store.do(executions.cancel, "j", "t1", force=True, at=store.now)
