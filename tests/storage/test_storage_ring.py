"""The ring of answers: a repeat is answered as before and changes nothing (promises C2, F2, F3, F14)."""

import json

import pytest
from sync_store import START, SyncStore

from domain.execution import ExecutionState, Status
from storage import executions, ring


def update(store: SyncStore, **body: object) -> tuple[str, dict]:
    return store.ask("t", "j/update", {"status": "IN_PROGRESS", **body})


@pytest.fixture
def begun(store: SyncStore) -> SyncStore:
    store.create("j", "t")
    store.ask("t", "start-next")
    return store


def version(store: SyncStore) -> int:
    return store.execution("j", "t").version_number


def test_a_repeat_gets_the_first_answer_even_with_an_expected_version_that_is_past(begun: SyncStore) -> None:
    body = {"clientToken": "x", "expectedVersion": 2, "includeJobExecutionState": True}
    first = update(begun, **body)
    begun.later(seconds=30)
    assert first[0] == "accepted"
    assert update(begun, **body) == first
    assert version(begun) == 3
    assert len(begun.rows("SELECT 1 FROM execution_events")) == 3


def test_a_repeat_is_known_after_a_restart(begun: SyncStore) -> None:
    body = {"clientToken": "x", "expectedVersion": 2, "includeJobExecutionState": True}
    first = update(begun, **body)
    begun.reopen()
    assert update(begun, **body) == first
    assert version(begun) == 3


def test_a_repeat_of_what_ended_it_is_accepted_again_and_anything_else_refused(begun: SyncStore) -> None:
    body = {"clientToken": "x", "status": "SUCCEEDED"}
    first = update(begun, **body)
    assert update(begun, **body) == first
    assert update(begun, clientToken="y", status="SUCCEEDED")[1]["code"] == "InvalidStateTransition"
    assert version(begun) == 3


def test_the_same_token_with_another_payload_is_another_update(begun: SyncStore) -> None:
    for number in range(1, 4):
        assert update(begun, clientToken="always the same", statusDetails={"n": number})[0] == "accepted"
    assert version(begun) == 5
    assert begun.execution("j", "t").status_details == {"n": "3"}


def test_a_token_that_never_changes_stands_for_the_payload_it_came_with_last(begun: SyncStore) -> None:
    # AWS's older Python SDK sends its client id as every token: "paused" and back is no repeat.
    for number, state in enumerate(("downloading", "paused", "paused", "downloading")):
        answer = update(begun, clientToken="x", statusDetails={"state": state})
        assert answer[0] == "accepted"
        assert begun.execution("j", "t").status_details == {"state": state}
        assert version(begun) == (3, 4, 4, 5)[number], "the same twice in a row is a repeat"


def test_another_token_with_the_same_payload_is_another_update(begun: SyncStore) -> None:
    update(begun, clientToken="x")
    update(begun, clientToken="y")
    assert version(begun) == 4


def test_without_a_token_every_update_is_a_new_one(begun: SyncStore) -> None:
    update(begun)
    update(begun)
    assert version(begun) == 4


def test_a_repeat_of_the_last_update_is_a_sign_of_life_and_rewinds_the_step_timer(begun: SyncStore) -> None:
    body = {"clientToken": "x", "stepTimeoutInMinutes": 5}
    first = update(begun, **body)
    begun.later(minutes=4)
    assert update(begun, **body) == first
    execution = begun.execution("j", "t")
    assert (execution.version_number, execution.last_updated_at) == (3, begun.now)
    assert execution.step_deadline_at is not None
    assert (execution.step_deadline_at - begun.now).total_seconds() == 300
    assert begun.tell()["t"].keys() == {"notify", "notify-next"}, "from its creation"
    update(begun, **body)
    assert begun.tell() == {}


def test_a_repeat_of_an_older_update_changes_nothing_at_all(begun: SyncStore) -> None:
    old = {"clientToken": "x", "stepTimeoutInMinutes": 5}
    first = update(begun, **old)
    update(begun, clientToken="y", stepTimeoutInMinutes=50)
    before = begun.execution("j", "t")
    begun.later(minutes=4)
    assert update(begun, **old) == first
    assert begun.execution("j", "t") == before


def test_a_repeat_of_the_last_update_does_not_wake_what_has_ended(begun: SyncStore) -> None:
    body = {"clientToken": "x", "status": "FAILED"}
    update(begun, **body)
    before = begun.execution("j", "t")
    begun.later(minutes=4)
    update(begun, **body)
    assert begun.execution("j", "t") == before


def test_a_repeat_after_the_operators_cancel_still_gets_its_first_answer(begun: SyncStore) -> None:
    body = {"clientToken": "x", "includeJobExecutionState": True}
    first = update(begun, **body)
    begun.do(executions.cancel, "j", "t", force=True, at=begun.now)
    assert update(begun, **body) == first
    assert begun.execution("j", "t").status == "CANCELED"


def test_a_refused_update_is_not_remembered_so_that_a_later_try_may_succeed(begun: SyncStore) -> None:
    body = {"clientToken": "x", "expectedVersion": 3}
    assert update(begun, **body)[1]["code"] == "VersionMismatch"
    update(begun, clientToken="y")
    assert update(begun, **body)[0] == "accepted"
    assert version(begun) == 4


def test_eight_answers_are_kept_and_the_ninth_drives_out_the_oldest(begun: SyncStore) -> None:
    for number in range(9):
        update(begun, clientToken=f"x{number}", expectedVersion=2 + number)
    for number in range(1, 9):
        assert update(begun, clientToken=f"x{number}", expectedVersion=2 + number)[0] == "accepted"
    assert update(begun, clientToken="x0", expectedVersion=2)[1]["code"] == "VersionMismatch"
    assert version(begun) == 11


def test_a_repeat_within_one_batch_is_one_update(begun: SyncStore) -> None:
    body = {"status": "IN_PROGRESS", "clientToken": "x", "expectedVersion": 2}
    answers = begun.ask_all(*[("t", "j/update", body)] * 3)
    assert [outcome for outcome, _ in answers] == ["accepted"] * 3
    assert version(begun) == 3


def test_each_execution_has_a_ring_of_its_own(begun: SyncStore) -> None:
    begun.create("k", "t")
    body = {"status": "IN_PROGRESS", "clientToken": "x"}
    begun.ask_all(("t", "j/update", body), ("t", "k/update", body))
    assert (version(begun), begun.execution("k", "t").version_number) == (3, 2)


@pytest.mark.parametrize("token", ["x", "", 7, True, [1, [2]], {"a": {"b": 0.5}}, "\0", "\U0001f600"])
def test_a_token_may_be_anything_and_comes_back_as_it_was(token: object) -> None:
    state = ExecutionState(Status.SUCCEEDED, {"a": "\t"}, 4)
    entry = ring.Entry(token, "d" * 24, START, 4, state)
    replies = ring.remember("[]", entry)
    assert ring.find(replies, token, "d" * 24) == entry
    assert ring.find(replies, token, "e" * 24) is None
    assert ring.find(replies, "other", "d" * 24) is None
    assert ring.find(replies, token, "") is None


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_a_ring_of_an_earlier_version_is_kept_and_goes_on(separators: tuple[str, str]) -> None:
    tokens = ["],[", "\n", "x\ny", {"\n": "\n[["}, "4", "5", "6", "7"]
    old = json.dumps([[token, "d", 1000, 2, None] for token in tokens], separators=separators)
    more = [ring.Entry("new", "d", START, 3, None), ring.Entry("]", "d", START, 4, None)]
    replies = old
    for count, entry in enumerate(more, 1):
        replies = ring.remember(replies, entry)
        assert [each[0] for each in json.loads(replies)] == [*tokens[count:], *("new", "]")[:count]]
        assert ring.find(replies, entry.token, "d") == entry
