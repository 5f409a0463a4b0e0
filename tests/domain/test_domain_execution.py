"""The state machine against the contract's own matrix (2.2), typed out here, over every cause and status."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidStateTransition, VersionMismatch
from domain.execution import PENDING, REPORTED, RULES, TERMINAL, Cause, Execution, Status
from domain.timeouts import expire, is_due, seconds_left, start_timer, step_timer

AT = datetime(2026, 3, 1, tzinfo=UTC)

#: Who may move an execution from where to where. Everything else is refused.
ALLOWED = {
    ("DEVICE", "QUEUED"): {"IN_PROGRESS", "SUCCEEDED", "FAILED", "REJECTED"},
    ("DEVICE", "IN_PROGRESS"): {"IN_PROGRESS", "SUCCEEDED", "FAILED", "REJECTED"},
    ("CANCEL", "QUEUED"): {"CANCELED"},
    ("FORCED_CANCEL", "QUEUED"): {"CANCELED"},
    ("FORCED_CANCEL", "IN_PROGRESS"): {"CANCELED"},
    ("REMOVAL", "QUEUED"): {"REMOVED"},
    ("REMOVAL", "IN_PROGRESS"): {"REMOVED"},
    # Ours: the contract's timers run in IN_PROGRESS only.
    ("TIMEOUT", "QUEUED"): {"TIMED_OUT"},
    ("TIMEOUT", "IN_PROGRESS"): {"TIMED_OUT"},
    # Ours: a document that cannot be filled in for its thing.
    ("UNDELIVERABLE", "QUEUED"): {"REJECTED"},
    ("UNDELIVERABLE", "IN_PROGRESS"): {"REJECTED"},
}


def execution(**values) -> Execution:
    basis = {
        "job_id": "j",
        "thing_name": "t",
        "status": Status.QUEUED,
        "queued_at": AT,
        "last_updated_at": AT,
    }
    return Execution(**{**basis, **values})


def test_the_eight_statuses_are_two_pending_and_six_terminal_ones() -> None:
    assert set(Status) == PENDING | TERMINAL
    assert not PENDING & TERMINAL
    assert {str(s) for s in TERMINAL} == {
        "SUCCEEDED", "FAILED", "TIMED_OUT", "REJECTED", "REMOVED", "CANCELED",
    }  # fmt: skip
    assert {str(s) for s in REPORTED} == {"IN_PROGRESS", "SUCCEEDED", "FAILED", "REJECTED"}
    assert set(RULES) == set(Cause)


@pytest.mark.parametrize("cause", Cause)
@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("to", Status)
def test_a_step_happens_if_and_only_if_the_matrix_allows_it(cause: Cause, status: Status, to: Status) -> None:
    before = execution(status=status, version_number=7, status_details={"a": "b"})
    later = AT + timedelta(seconds=1)
    if to not in ALLOWED.get((cause, status), set()):
        with pytest.raises(InvalidStateTransition) as refusal:
            before.advance(to, cause=cause, at=later)
        assert refusal.value.current == (status, {"a": "b"}, 7)
        return
    after = before.advance(to, cause=cause, at=later)
    assert (after.status, after.version_number, after.last_updated_at) == (to, 8, later)
    assert after.status_details == {"a": "b"}
    assert after.force_canceled == (cause is Cause.FORCED_CANCEL)
    assert after.started_at == (later if cause is Cause.DEVICE else None)
    assert before.status is status, "the old value stays as it is"


def test_no_cause_leads_out_of_a_terminal_status_and_none_back_to_queued() -> None:
    for cause, status, to in product(Cause, Status, Status):
        rule = RULES[cause]
        if status in rule.sources and to in rule.targets:
            assert status in PENDING
            assert to is not Status.QUEUED


def test_the_version_is_looked_at_before_the_transition() -> None:
    ended = execution(status=Status.SUCCEEDED, version_number=3)
    with pytest.raises(VersionMismatch, match="Expected version 2 but found version 3"):
        ended.advance(Status.FAILED, cause=Cause.DEVICE, at=AT, expected_version=2)
    with pytest.raises(InvalidStateTransition):
        ended.advance(Status.FAILED, cause=Cause.DEVICE, at=AT, expected_version=3)


def test_details_are_replaced_as_a_whole_kept_when_absent_and_cleared_by_an_empty_map() -> None:
    step = execution().advance(Status.IN_PROGRESS, cause=Cause.DEVICE, at=AT, status_details={"a": "1"})
    assert step.advance(Status.IN_PROGRESS, cause=Cause.DEVICE, at=AT).status_details == {"a": "1"}
    for details in ({"b": "2"}, {}):
        after = step.advance(Status.IN_PROGRESS, cause=Cause.DEVICE, at=AT, status_details=details)
        assert after.status_details == details


moves = st.lists(
    st.tuples(
        st.sampled_from(Cause),
        st.sampled_from(Status),
        st.integers(-600, 600),
        st.sampled_from([None, 1, 5, -1]),
    ),
    max_size=12,
)


@given(moves, st.sampled_from([None, 2, 20]))
def test_whatever_is_tried_versions_have_no_gaps_and_time_runs_one_way(moves, limit: int | None) -> None:
    current, at, ended = execution(), AT, False
    for cause, to, seconds, minutes in moves:
        at += timedelta(seconds=seconds)
        try:
            after = current.advance(to, cause=cause, at=at)
        except InvalidStateTransition:
            continue
        assert not ended
        assert after.version_number == current.version_number + 1
        assert after.last_updated_at >= current.last_updated_at
        assert after.started_at == (current.started_at or after.started_at)
        if to is Status.IN_PROGRESS:
            after = step_timer(start_timer(after, limit and timedelta(minutes=limit), at=at), minutes, at=at)
        ended = to in TERMINAL
        if ended:
            assert after.deadline_at is None
            assert seconds_left(after, at=at) is None
        current = after


def test_the_in_progress_timer_is_armed_once_and_bounds_the_step_timer() -> None:
    running = execution(status=Status.IN_PROGRESS)
    armed = start_timer(running, timedelta(minutes=20), at=AT)
    assert start_timer(armed, timedelta(minutes=1), at=AT) == armed
    short = step_timer(armed, 5, at=AT)
    assert short.deadline_at == AT + timedelta(minutes=5)
    assert step_timer(short, None, at=AT) == short
    assert step_timer(short, 30, at=AT).deadline_at == AT + timedelta(minutes=20)
    assert step_timer(short, -1, at=AT) == armed
    assert start_timer(running, None, at=AT).deadline_at is None


def test_a_timer_is_due_at_its_deadline_and_not_a_moment_before() -> None:
    running = step_timer(execution(status=Status.IN_PROGRESS), 1, at=AT)
    due = AT + timedelta(minutes=1)
    assert not is_due(running, at=due - timedelta(microseconds=1))
    assert is_due(running, at=due)
    assert seconds_left(running, at=due - timedelta(microseconds=1)) == 1
    assert seconds_left(running, at=due + timedelta(hours=1)) == 0
    assert expire(running, at=due).status is Status.TIMED_OUT
    assert not is_due(expire(running, at=due), at=due)


def test_only_a_running_execution_has_timers() -> None:
    assert step_timer(execution(), 5, at=AT).deadline_at is None
