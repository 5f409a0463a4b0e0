"""Jobs and the planner: when a job ends, what may be done to it, what is due (contract 2.1, 2.4)."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from domain import job as rules
from domain.actions import Become, Complete, Expire, Release, Sweep
from domain.errors import InvalidRequest, WrongJobState
from domain.execution import Status
from domain.job import JobStatus, TargetSelection
from domain.planner import Pace, Pool, plan

NOW = datetime(2026, 3, 1, tzinfo=UTC)
COUNTS = [{}, {Status.SUCCEEDED: 2}, {Status.QUEUED: 1}, {Status.IN_PROGRESS: 1}, {Status.QUEUED: 0}]


def pending(counts: dict) -> int:
    return counts.get(Status.QUEUED, 0) + counts.get(Status.IN_PROGRESS, 0)


@pytest.mark.parametrize("selection", TargetSelection)
@pytest.mark.parametrize("status", JobStatus)
def test_a_job_ends_when_it_is_an_open_snapshot_that_is_out_and_has_nothing_pending(
    selection: TargetSelection, status: JobStatus
) -> None:
    for counts, rolled_out in product(COUNTS, [False, True]):
        ends = rules.is_complete(selection, status, counts, rolled_out=rolled_out)
        assert ends == (
            (selection, status) == ("SNAPSHOT", "IN_PROGRESS") and rolled_out and not pending(counts)
        )


OPEN = {"IN_PROGRESS", "SCHEDULED", "PAUSED", "WAITING_FOR_APPROVAL"}


def refused(verb, *args, **kwargs) -> bool:
    try:
        verb("j", *args, **kwargs)
    except WrongJobState as error:
        return "j" in str(error)
    return False


def test_what_may_be_canceled_deleted_and_given_targets() -> None:
    working = {Status.IN_PROGRESS: 1}
    for force in (False, True):
        assert {s for s in JobStatus if not refused(rules.refuse_cancel, s, {}, force=force)} == OPEN
        deletable = {s for s in JobStatus if not refused(rules.refuse_delete, s, force=force)}
        assert deletable == {"COMPLETED", "CANCELED"} | (OPEN if force else set())
    assert not refused(rules.refuse_cancel, JobStatus.CANCELED, working, force=True)
    assert refused(rules.refuse_cancel, JobStatus.CANCELED, working, force=False)
    assert {
        (selection, status)
        for selection, status in product(TargetSelection, JobStatus)
        if not refused(rules.refuse_associate, selection, status)
    } == {("CONTINUOUS", status) for status in ("IN_PROGRESS", "PAUSED", "WAITING_FOR_APPROVAL")}


@pytest.mark.parametrize("status", JobStatus)
@pytest.mark.parametrize("selection", TargetSelection)
def test_the_plan_names_exactly_what_is_due_in_a_fixed_order(
    selection: TargetSelection, status: JobStatus
) -> None:
    deadlines = [None, NOW, NOW + timedelta(milliseconds=1)]
    for waiting, sweeping, deadline, counts in product([0, 3], [False, True], deadlines, COUNTS):
        pace = Pace(
            status=status,
            target_selection=selection,
            waiting=waiting,
            pools=(Pool(0, ""),) if waiting else (),
            sweeping=sweeping,
            next_deadline_at=deadline,
        )
        found = plan(pace, counts, NOW)
        # What follows a time-out depends on how those end.
        goes_on = status in OPEN - {"PAUSED"} and deadline != NOW
        ends = selection == "SNAPSHOT" and not waiting and not pending(counts)
        expected = [
            *([Sweep()] if sweeping else []),
            *([Expire()] if deadline == NOW else []),
            *([Become(JobStatus.IN_PROGRESS)] if goes_on and status != "IN_PROGRESS" else []),
            *([Release(3, None, ((0, ""),))] if goes_on and waiting else []),
            *([Complete()] if goes_on and ends else []),
        ]
        assert list(found.actions) == expected
        assert plan(pace, counts, NOW) == found


def test_texts_have_2028_characters_and_no_control_characters() -> None:
    assert rules.text("comment", "ü" * 2028) == "ü" * 2028
    assert rules.text("comment", "") == ""
    for bad in ("x" * 2029, "a\nb", "\0", "\u200e", "\ud800", 7, None, b"x"):
        with pytest.raises(InvalidRequest, match="comment"):
            rules.text("comment", bad)
