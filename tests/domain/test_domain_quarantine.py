"""When a thing that fails in a row is quarantined, and what counts as failing."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.execution import Status
from domain.quarantine import NO_QUARANTINE, Quarantine, in_a_row, until

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
S, F, T, R, C, X = (
    Status.SUCCEEDED,
    Status.FAILED,
    Status.TIMED_OUT,
    Status.REJECTED,
    Status.CANCELED,
    Status.REMOVED,
)


@pytest.mark.parametrize(
    ("before", "ends", "after"),
    [
        (0, [], 0),
        (0, [F], 1),
        (2, [T], 3),
        (2, [F, T, F], 5),
        (5, [S], 0),
        (5, [S, F], 1),
        (5, [F, S], 0),
        (5, [R, C, X], 5),
    ],
)
def test_failures_in_a_row_end_with_a_success(before: int, ends: list[Status], after: int) -> None:
    assert in_a_row(before, ends) == after


@pytest.mark.parametrize(
    ("before", "after", "begins"),
    [(1, 2, False), (2, 3, True), (3, 4, True), (0, 5, True), (3, 3, False), (4, 0, False), (5, 1, False)],
)
def test_a_quarantine_begins_by_a_failure_that_is_one_too_many(before, after, begins):
    rule = Quarantine(3, timedelta(minutes=10))
    assert until(rule, before, after, at=AT) == (AT + timedelta(minutes=10) if begins else None)
    assert until(NO_QUARANTINE, before, after, at=AT) is None
