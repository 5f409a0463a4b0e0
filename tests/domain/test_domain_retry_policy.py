"""Retries by class of failure: which class an end is, how long the back-off lasts, when nothing is left."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.errors import InvalidRequest
from domain.execution import Status
from domain.pacing import Pacing, checked, parse
from domain.retry import judge
from domain.retry_policy import BackOff, End, FailureClass, RetryPolicyConfig, class_of

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
F, R, T = Status.FAILED, Status.REJECTED, Status.TIMED_OUT


def policy(**members) -> RetryPolicyConfig:
    return RetryPolicyConfig.model_validate(members)


def times(count: int, **back_off) -> dict:
    return {"numberOfRetries": count, "backOff": back_off}


CODED = policy(codes={"E42": "permanent", "E7": "busy", "ok": "retryable"})


@pytest.mark.parametrize(
    ("status", "details", "expected"),
    [
        (F, {}, "retryable"),
        (F, {"failureClass": "retryable"}, "retryable"),
        (F, {"failureClass": "permanent"}, "permanent"),
        (F, {"failureClass": "busy"}, "busy"),
        (F, {"failureClass": "Busy"}, "retryable"),  # an unknown word
        (F, {"errorCode": "E42"}, "permanent"),
        (F, {"errorCode": "E42", "failureClass": "busy"}, "permanent"),  # the job's word goes first
        (F, {"errorCode": "E1", "failureClass": "busy"}, "busy"),
        (F, {"errorCode": "E1"}, "retryable"),
        (T, {}, "retryable"),
        (T, {"failureClass": "permanent", "errorCode": "E42"}, "retryable"),  # said before, of something else
        (R, {}, None),
        (R, {"failureClass": "retryable"}, None),
        (R, {"failureClass": "permanent"}, None),
        (R, {"failureClass": "busy"}, "busy"),
        (R, {"errorCode": "E7"}, "busy"),
        *((status, {"failureClass": "busy"}, None) for status in Status if status not in {F, R, T}),
    ],
)
def test_an_end_has_a_class(status: Status, details: dict, expected: str | None) -> None:
    assert class_of(CODED, End(status, details)) == expected


back_offs = st.builds(
    BackOff,
    initial_seconds=st.integers(0, 86_400),
    factor=st.floats(1, 10),
    max_seconds=st.integers(1, 604_800),
    jitter=st.floats(0, 1),
)


@given(back_offs, st.integers(1, 2**62))
def test_a_back_off_never_shrinks_and_never_exceeds_its_maximum(back_off: BackOff, thing: int) -> None:
    longest = [back_off.longest(number) for number in range(100)]
    assert longest[0] == timedelta(seconds=min(back_off.initial_seconds, back_off.max_seconds))
    assert all(one <= other for one, other in pairwise(longest))
    assert longest[-1] <= timedelta(seconds=back_off.max_seconds)
    for number, most in enumerate(longest):
        wait = back_off.wait(number, thing=thing, attempt=number + 1)
        assert most * (1 - back_off.jitter) - timedelta(microseconds=2) <= wait <= most
        assert wait == back_off.wait(number, thing=thing, attempt=number + 1), "it is no game of chance"


def test_jitter_spreads_things_and_attempts_over_all_it_may() -> None:
    back_off = BackOff(initial_seconds=1000, factor=1, jitter=0.5)
    things = [back_off.wait(0, thing=thing, attempt=1).total_seconds() for thing in range(1000)]
    attempts = [back_off.wait(0, thing=1, attempt=attempt).total_seconds() for attempt in range(1000)]
    for waits in (things, attempts):
        assert 500 <= min(waits) < 510
        assert 990 < max(waits) <= 1000
        assert 740 < sum(waits) / 1000 < 760
        assert len(set(waits)) > 990


def fate(config: RetryPolicyConfig, *ends: End, left: int | None = None) -> timedelta | str:
    verdict = judge(None, config, ends, thing=1, left=left, at=AT)
    return verdict.words if verdict.ready_at is None else verdict.ready_at - AT


def test_each_class_has_a_number_and_a_back_off_of_its_own() -> None:
    config = policy(
        retryable=times(2, initialSeconds=60, factor=3), busy=times(3, initialSeconds=5, factor=2)
    )
    fail, busy = End(F, {}), End(R, {"failureClass": "busy"})
    assert fate(config, fail) == timedelta(seconds=60)
    assert fate(config, fail, fail) == timedelta(seconds=180)
    assert fate(config, fail, fail, fail) == "all 2 retries for class retryable are spent"
    # What was busy in between does not make the other wait for longer.
    assert fate(config, fail, busy, busy, fail) == timedelta(seconds=180)
    assert fate(config, fail, busy, busy) == timedelta(seconds=10)
    assert fate(config, fail, End(T, {})) == timedelta(seconds=180), "a time-out is retryable"


def test_what_is_permanent_unnamed_or_out_of_budget_is_not_tried_again() -> None:
    config = policy(retryable=times(2))
    assert "permanent" in fate(config, End(F, {"failureClass": "permanent"}))
    assert "busy" in fate(config, End(F, {"failureClass": "busy"}))
    assert "REJECTED" in fate(config, End(R, {}))
    assert "budget" in fate(config, End(F, {}), left=0)
    assert fate(config, End(F, {}), left=1) == timedelta(seconds=60)
    assert "spent" in fate(policy(retryable=times(0)), End(F, {}))


@pytest.mark.parametrize(
    ("budget", "things", "allowed"),
    [({"count": 7}, 3, 7), ({"count": 0}, 3, 0), ({"percent": 10}, 95, 9), ({"percent": 100}, 7, 7),
     ({"percent": 0.1}, 1000, 1), ({"percent": 0}, 1000, 0)],
)  # fmt: skip
def test_a_budget_is_a_count_or_a_share_of_the_things(budget: dict, things: int, allowed: int) -> None:
    config = policy(budget=budget)
    assert config.budget is not None
    assert config.budget.allowed(things) == allowed


AWS = {"criteriaList": [{"failureType": "ALL", "numberOfRetries": 1}]}
OURS = {"retryable": times(3)}


def test_both_ways_to_ask_for_retries_exclude_each_other() -> None:
    with pytest.raises(InvalidRequest, match="exclude each other"):
        checked({"jobExecutionsRetryConfig": AWS, "retryPolicyConfig": OURS})


def test_the_way_said_later_takes_the_place_of_the_other() -> None:
    contract, ours = checked({"jobExecutionsRetryConfig": AWS}), checked({"retryPolicyConfig": OURS})
    for later, earlier in ((contract, ours), (ours, contract)):
        assert parse(later.over(earlier).text) == later
    assert Pacing().over(ours) == ours


@given(st.sampled_from([Status.FAILED, Status.TIMED_OUT]), st.integers(0, 12))
def test_the_contracts_retries_go_out_at_once_and_end(status: Status, attempts: int) -> None:
    config = checked({"jobExecutionsRetryConfig": AWS}).job_executions_retry_config
    verdict = judge(config, None, [End(status, {})] * (attempts + 1), thing=1, at=AT)
    assert verdict.ready_at == (AT if attempts < 1 else None)


@pytest.mark.parametrize(
    "bad",
    [
        {"permanent": times(1)},
        {"retryable": {}},
        {"retryable": times(-1)},
        {"retryable": times(101)},
        {"busy": times(1, initialSeconds=-1)},
        {"busy": times(1, initialSeconds=86_401)},
        {"busy": times(1, factor=0.9)},
        {"busy": times(1, factor=10.1)},
        {"busy": times(1, maxSeconds=0)},
        {"busy": times(1, maxSeconds=604_801)},
        {"busy": times(1, jitter=1.1)},
        {"busy": times(1, jitter=-0.1)},
        {"codes": {"E": "sometimes"}},
        {"codes": {"": "busy"}},
        {"codes": {"x" * 65: "busy"}},
        {"codes": {f"E{number}": "busy" for number in range(101)}},
        {"budget": {}},
        {"budget": {"count": 1, "percent": 1}},
        {"budget": {"count": -1}},
        {"budget": {"percent": 101}},
        {"more": 1},
    ],
)
def test_a_policy_out_of_bounds_is_refused(bad: dict) -> None:
    with pytest.raises(ValidationError):
        policy(**bad)


def test_a_policy_is_kept_as_it_was_said() -> None:
    said = checked({"retryPolicyConfig": {**OURS, "codes": {"E42": "permanent"}, "budget": {"percent": 5}}})
    assert parse(said.text) == said
    assert said.retry_policy_config is not None
    assert said.retry_policy_config.of(FailureClass.PERMANENT) is None
