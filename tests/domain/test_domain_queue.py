"""The order of a thing's queue, and what an exclusive group keeps from beginning."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidRequest, InvalidStateTransition
from domain.execution import Execution, Status
from domain.queue import (
    HIGHEST_PRIORITY,
    LOWEST_PRIORITY,
    Place,
    exclusive_group,
    holder,
    priority,
    refuse_start,
    visible,
)

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


def place(key: int, status: str = "QUEUED", minutes: int = 0, **more) -> Place:
    queued_at = NOW + timedelta(minutes=minutes)
    return Place(
        key,
        Execution(
            job_id=f"j{key}",
            thing_name="t",
            status=Status(status),
            queued_at=queued_at,
            last_updated_at=queued_at,
        ),
        **more,
    )


def keys(*places: Place) -> list[int]:
    return [seen.key for seen in visible(places)]


def test_what_is_at_work_comes_first_then_priority_then_time_then_creation():
    assert keys(
        place(1, minutes=3),
        place(2, minutes=1),
        place(3, minutes=1),
        place(4, minutes=9, priority=5),
        place(5, "IN_PROGRESS", minutes=9, priority=-5),
        place(6, minutes=0, priority=-1),
        place(7, "IN_PROGRESS", minutes=9),
    ) == [7, 5, 4, 2, 3, 1, 6]


def test_while_one_of_an_exclusive_group_is_at_work_the_others_are_out_of_sight():
    working = place(1, "IN_PROGRESS", exclusive_group="flash")
    others = [place(2, exclusive_group="flash"), place(3, exclusive_group="net"), place(4)]
    assert keys(working, *others) == [1, 3, 4]
    assert keys(*others) == [2, 3, 4]
    # One that is at work already is seen, however it came to be so.
    assert keys(working, place(5, "IN_PROGRESS", exclusive_group="flash")) == [1, 5]


def test_what_a_job_no_longer_shows_keeps_nobody_from_beginning():
    gone = place(1, "IN_PROGRESS", exclusive_group="flash", is_shown=False)
    assert keys(gone, place(2, exclusive_group="flash")) == [2]
    ended = place(3, "SUCCEEDED", exclusive_group="flash")
    assert keys(ended, place(2, exclusive_group="flash")) == [2]


def test_whoever_may_not_begin_is_told_by_whom():
    working, waiting = place(1, "IN_PROGRESS", exclusive_group="g"), place(2, exclusive_group="g")
    with pytest.raises(InvalidStateTransition, match="while job j1 of the same exclusiveGroup g") as refused:
        refuse_start(waiting, [working, waiting])
    assert refused.value.current == waiting.execution.state
    refuse_start(working, [working, waiting])
    refuse_start(place(3), [working])


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["QUEUED", "IN_PROGRESS"]),
            st.sampled_from([None, "a", "b"]),
            st.integers(-2, 2),
            st.booleans(),
        ),
        max_size=8,
    )
)
def test_starting_the_first_again_and_again_never_puts_two_of_a_group_to_work(drawn):
    places = [
        place(key, status, priority=rank, exclusive_group=group, is_shown=shown)
        for key, (status, group, rank, shown) in enumerate(drawn)
        if status == "QUEUED" or group is None
    ]
    while queued := [p for p in visible(places) if p.execution.status is Status.QUEUED]:
        refuse_start(queued[0], places)
        started = place(
            queued[0].key,
            "IN_PROGRESS",
            priority=queued[0].priority,
            exclusive_group=queued[0].exclusive_group,
        )
        places = [started if p.key == started.key else p for p in places]
        working = [
            p.exclusive_group
            for p in places
            if p.execution.status is Status.IN_PROGRESS and p.exclusive_group
        ]
        assert len(working) == len(set(working))
    assert all(holder(p, places) for p in places if p.is_shown and p.execution.status is Status.QUEUED)


@pytest.mark.parametrize("good", [LOWEST_PRIORITY, 0, HIGHEST_PRIORITY])
def test_a_priority_within_bounds_is_taken(good):
    assert priority(good) == good


@pytest.mark.parametrize("bad", [LOWEST_PRIORITY - 1, HIGHEST_PRIORITY + 1, True, "1", 1.5])
def test_a_priority_out_of_bounds_is_refused(bad):
    with pytest.raises(InvalidRequest, match="-1000 to 1000"):
        priority(bad)


def test_an_exclusive_group_has_a_name_like_a_thing_group():
    assert exclusive_group("firmware:main") == "firmware:main"
    for bad in ("", "a b", "x" * 129):
        with pytest.raises(InvalidRequest, match="exclusiveGroup"):
            exclusive_group(bad)
