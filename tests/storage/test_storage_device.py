"""Batches of devices' requests: each is answered as if alone, in order, and all is one transaction."""

import pytest
from sqlalchemy import event
from sync_store import AUTO, SyncStore

from domain.errors import InvalidStateTransition, Unavailable
from domain.execution import Cause, Status
from domain.messages import Request
from domain.topics import Operation
from storage import changes, device, executions, groups, jobs, rows, things

BEGIN, GO_ON, END = {"status": "IN_PROGRESS"}, {"status": "IN_PROGRESS"}, {"status": "SUCCEEDED"}


def test_one_bad_request_among_many_is_answered_alone(store: SyncStore) -> None:
    store.create("j", *(f"t{n}" for n in range(20)))
    store.ask("t3", "j/update", END)
    asked: list[tuple[str, str, object]] = [(f"t{n}", "j/update", BEGIN) for n in range(20)]
    asked[7] = ("nobody", "j/update", BEGIN)
    asked[8] = ("t8", "other/update", BEGIN)
    asked[9] = ("t9", "j/update", {**BEGIN, "expectedVersion": 5})
    asked[10] = ("t10", "j/update", {**BEGIN, "executionNumber": 2})
    answers = store.ask_all(*asked)
    codes = {n: answer["code"] for n, (outcome, answer) in enumerate(answers) if outcome == "rejected"}
    assert codes == {
        3: "InvalidStateTransition",
        7: "ResourceNotFound",
        8: "ResourceNotFound",
        9: "VersionMismatch",
        10: "ResourceNotFound",
    }
    assert store.job("j").counts[Status.IN_PROGRESS] == 15
    assert store.job("j").counts[Status.QUEUED] == 4


def test_several_updates_of_one_execution_in_one_batch_keep_their_order(store: SyncStore) -> None:
    store.create("j", "t")
    shown = {"includeJobExecutionState": True}
    answers = store.ask_all(
        ("t", "j/update", {**BEGIN, **shown}),
        ("t", "j/update", {**GO_ON, **shown, "statusDetails": {"p": 1}, "expectedVersion": 2}),
        ("t", "j/update", {**GO_ON, **shown, "statusDetails": {"p": 2}, "expectedVersion": 2}),
        ("t", "j/update", {**GO_ON, **shown, "statusDetails": {"p": 3}}),
        ("t", "j/update", {**END, **shown}),
        ("t", "j/update", {**GO_ON, **shown, "statusDetails": {"p": 4}}),
    )
    assert [(outcome, answer["executionState"]["versionNumber"]) for outcome, answer in answers] == [
        ("accepted", 2),
        ("accepted", 3),
        ("rejected", 3),
        ("accepted", 4),
        ("accepted", 5),
        ("rejected", 5),
    ]
    assert store.execution("j", "t").status_details == {"p": "3"}
    kept = store.rows("SELECT version, to_status, status_details FROM execution_events ORDER BY id")
    assert kept == [
        (1, "QUEUED", "{}"),
        (2, "IN_PROGRESS", "{}"),
        (3, "IN_PROGRESS", '{"p":"1"}'),
        (4, "IN_PROGRESS", '{"p":"3"}'),
        (5, "SUCCEEDED", '{"p":"3"}'),
    ]


def test_a_batch_in_which_a_thing_works_off_its_queue(store: SyncStore) -> None:
    for number in range(3):
        store.create(f"j{number}", "t", document=f'{{"n":{number}}}')
    answers = store.ask_all(
        ("t", "start-next", {}),
        ("t", "j0/update", END),
        ("t", "start-next", {}),
        ("t", "$next/get", {}),
        ("t", "get", {}),
        ("t", "j1/update", END),
        ("t", "j2/update", {"status": "REJECTED"}),
        ("t", "start-next", {}),
        ("t", "get", {}),
    )
    documents = [answer["execution"]["jobDocument"] for _, answer in answers if "execution" in answer]
    assert documents == [{"n": 0}, {"n": 1}, {"n": 1}]
    assert [[e["jobId"] for e in answers[4][1][name]] for name in ("inProgressJobs", "queuedJobs")] == [
        ["j1"],
        ["j2"],
    ]
    assert "execution" not in answers[7][1]
    assert (answers[8][1]["inProgressJobs"], answers[8][1]["queuedJobs"]) == ([], [])
    assert [store.job(f"j{number}").status for number in range(3)] == ["COMPLETED"] * 3


def test_a_batch_costs_the_same_number_of_statements_whatever_its_size(store: SyncStore) -> None:
    store.create("j", *(f"t{n}" for n in range(50)))
    seen: list[str] = []
    event.listen(store.writer, "before_cursor_execute", lambda _c, _cu, statement, *_: seen.append(statement))
    costs = []
    for _ in range(2):  # they begin, then they go on
        seen.clear()
        store.ask_all(("t0", "j/update", GO_ON))
        alone = len(seen)
        seen.clear()
        store.ask_all(*((f"t{n}", "j/update", GO_ON) for n in range(1, 50)))
        assert len(seen) == alone
        costs.append(alone)
    store.create("k", "t0")
    seen.clear()
    store.ask_all(("t0", "j/update", GO_ON), ("t0", "k/update", GO_ON))
    assert len(seen) <= max(costs) + 1, "one more where both are in one batch"


def test_the_document_comes_as_an_object_only_where_it_is_asked_for(store: SyncStore) -> None:
    document = '{ "big": 12345678901234567890, "small": 1.10, "text": "\\u00e9" }'
    store.create("j", "t", document=document)
    assert store.ask("t", "j/get")[1]["execution"]["jobDocument"]["big"] == 12345678901234567890
    assert "jobDocument" not in store.ask("t", "j/get", {"includeJobDocument": False})[1]["execution"]
    assert set(store.ask("t", "j/update", BEGIN)[1]) == {"timestamp"}
    answer = store.ask("t", "j/update", {**GO_ON, "includeJobDocument": "true"})[1]
    assert answer["jobDocument"]["text"] == "é"
    assert store.do(jobs.document, "j") == document


def test_fifteen_of_each_status_are_listed(store: SyncStore) -> None:
    for number in range(40):
        store.create(f"j{number:02}", "t")
    for number in range(20, 40):
        store.ask("t", f"j{number}/update", BEGIN)
    answer = store.ask("t", "get")[1]
    assert [e["jobId"] for e in answer["inProgressJobs"]] == [f"j{n}" for n in range(20, 35)]
    assert [e["jobId"] for e in answer["queuedJobs"]] == [f"j{n:02}" for n in range(15)]


def test_the_queue_is_by_status_then_by_time_then_by_creation(store: SyncStore) -> None:
    store.later(seconds=10)
    store.create("late", "t")
    store.later(seconds=-10)
    store.create("early", "t")
    store.create("early2", "t")
    assert [e["jobId"] for e in store.ask("t", "get")[1]["queuedJobs"]] == ["early", "early2", "late"]
    store.ask("t", "late/update", BEGIN)
    assert store.ask("t", "$next/get")[1]["execution"]["jobId"] == "late"


def test_a_number_names_one_attempt_and_none_the_latest(store: SyncStore) -> None:
    store.group("g", "t")
    store.create("j", "thinggroup/g", continuous=True)
    store.ask("t", "j/update", END)
    store.do(groups.remove, "g", ["t"], at=store.now)
    store.do(groups.add, "g", ["t"], policy=AUTO, at=store.now)
    store.finish_rollout("j")
    assert store.ask("t", "j/get")[1]["execution"]["executionNumber"] == 2
    assert store.ask("t", "j/get", {"executionNumber": 1})[1]["code"] == "TerminalStateReached"
    assert store.ask("t", "j/update", {**END, "executionNumber": "1"})[1]["code"] == "InvalidStateTransition"
    assert store.ask("t", "j/update", {**END, "executionNumber": "2"})[0] == "accepted"
    assert store.ask("t", "j/get", {"executionNumber": 3})[1]["code"] == "ResourceNotFound"


def test_what_another_thing_has_to_do_is_not_there(store: SyncStore) -> None:
    store.create("j", "t1")
    store.do(things.create, "t2", at=store.now)
    unknown = store.ask("t2", "nothing/get")[1]
    hidden = store.ask("t2", "j/get")[1]
    assert hidden["code"] == unknown["code"] == "ResourceNotFound"
    assert hidden["message"].replace("job j", "") == unknown["message"].replace("job nothing", "")


def test_a_deleted_thing_has_no_door(store: SyncStore) -> None:
    store.create("j", "t")
    store.do(things.delete, "t", at=store.now)
    for request, body in (
        ("get", {}),
        ("start-next", {}),
        ("$next/get", {}),
        ("j/get", {}),
        ("j/update", END),
    ):
        assert store.ask("t", request, body)[1]["code"] == "ResourceNotFound"
    store.do(things.create, "t", at=store.now)
    assert store.ask("t", "j/get")[1]["code"] == "ResourceNotFound", "another thing of the same name"


def test_a_time_out_that_is_due_comes_before_the_answer(store: SyncStore) -> None:
    store.create("j", "t")
    store.ask("t", "start-next", {"stepTimeoutInMinutes": 1})
    store.later(minutes=1)
    outcome, answer = store.ask("t", "j/update", {**END, "expectedVersion": 2})
    assert (outcome, answer["code"], answer["executionState"]["status"]) == (
        "rejected",
        "VersionMismatch",
        "TIMED_OUT",
    )
    assert store.job("j").status == "COMPLETED"
    assert store.expire() == 0


def test_an_operator_cannot_cancel_what_has_timed_out(store: SyncStore) -> None:
    store.create("j", "t")
    store.ask("t", "start-next", {"stepTimeoutInMinutes": 1})
    store.later(minutes=1)
    with pytest.raises(InvalidStateTransition, match="TIMED_OUT"):
        store.do(executions.cancel, "j", "t", force=True, at=store.now)
    assert store.expire() == 1


def test_last_updated_never_goes_back_although_the_clock_does(store: SyncStore) -> None:
    store.create("j", "t")
    store.ask("t", "start-next")
    before = store.execution("j", "t").last_updated_at
    store.later(hours=-1)
    store.ask("t", "j/update", GO_ON)
    assert store.execution("j", "t").last_updated_at == before


def test_a_change_of_what_has_changed_since_is_refused_whole(store: SyncStore) -> None:
    store.create("j", "t1", "t2")

    def read(connection) -> list[rows.Stored]:
        return rows.select(connection, "true ORDER BY e.id", {})

    stale = store.do(read)
    store.ask("t2", "j/update", BEGIN)

    def change(entry: rows.Stored) -> changes.Change:
        after = entry.execution.advance(Status.SUCCEEDED, cause=Cause.DEVICE, at=store.now)
        return changes.single(entry, after, Cause.DEVICE)

    with pytest.raises(Unavailable, match="another writer"):
        store.do(changes.write, [change(entry) for entry in stale], at=store.now)
    assert [store.execution("j", t).status for t in ("t1", "t2")] == ["QUEUED", "IN_PROGRESS"]
    store.do(changes.write, [change(entry) for entry in store.do(read)], at=store.now)
    assert store.job("j").status == "COMPLETED"


def test_an_update_without_job_or_status_cannot_be_made_up(store: SyncStore) -> None:
    store.create("j", "t")
    bare = Request(thing_name="t", operation=Operation.UPDATE, job_id="j")
    for request in (bare, bare._replace(job_id=None, status=Status.FAILED)):
        (answer,) = store.do(device.answer, [request], at=store.now)
        assert isinstance(answer, Exception)
