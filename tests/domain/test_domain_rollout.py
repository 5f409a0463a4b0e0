"""Rates: the arithmetic of the contract's examples, and no minute sees more than its rate."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.rollout import RolloutConfig, allowance, rate

START = datetime(2026, 1, 1, tzinfo=UTC)


def exponential(base=50, factor=2, *, notified=1000, succeeded=1000, most=1000) -> RolloutConfig:
    criteria = {"numberOfNotifiedThings": notified, "numberOfSucceededThings": succeeded}
    return RolloutConfig.model_validate(
        {
            "maximumPerMinute": most,
            "exponentialRate": {
                "baseRatePerMinute": base,
                "incrementFactor": factor,
                "rateIncreaseCriteria": {name: value for name, value in criteria.items() if value},
            },
        }
    )


@pytest.mark.parametrize(
    ("notified", "expected"), [(0, 50), (999, 50), (1000, 100), (1999, 100), (2000, 200), (3000, 400)]
)
def test_the_contracts_exponential_rates(notified, expected):
    assert rate(exponential(), notified=notified, succeeded=0) == expected


def test_either_criterion_raises_the_rate():
    assert rate(exponential(), notified=0, succeeded=2000) == 200
    assert rate(exponential(succeeded=None), notified=0, succeeded=2000) == 50
    assert rate(exponential(notified=None), notified=5000, succeeded=1000) == 100


def test_a_fraction_is_rounded_down_once_and_not_at_each_step():
    growing = exponential(base=5, factor=1.1, notified=1)
    assert [rate(growing, notified=n, succeeded=0) for n in range(6)] == [5, 5, 6, 6, 7, 8]


def test_the_maximum_holds_whatever_the_exponent():
    assert rate(exponential(most=300), notified=10**12, succeeded=0) == 300


def test_without_a_word_a_job_goes_out_at_the_documented_maximum():
    assert rate(RolloutConfig(), notified=0, succeeded=0) == 1000


@pytest.mark.parametrize(
    "config",
    [
        {"maximumPerMinute": 0},
        {"maximumPerMinute": 1001},
        {"maximumPerMinute": "10"},
        {"maximumPerMinute": True},
        {"maximumPerHour": 10},
        {"exponentialRate": {"baseRatePerMinute": 50, "incrementFactor": 2}},
        {"exponentialRate": {"baseRatePerMinute": 50, "incrementFactor": 2, "rateIncreaseCriteria": {}}},
        {
            "exponentialRate": {
                "baseRatePerMinute": 50,
                "incrementFactor": 1.15,
                "rateIncreaseCriteria": {"numberOfNotifiedThings": 1},
            }
        },
        {
            "exponentialRate": {
                "baseRatePerMinute": 50,
                "incrementFactor": 5.1,
                "rateIncreaseCriteria": {"numberOfNotifiedThings": 1},
            }
        },
    ],
)
def test_a_config_outside_the_contract_is_refused(config):
    with pytest.raises(ValidationError):
        RolloutConfig.model_validate(config)


@given(
    st.integers(1, 60),
    st.lists(st.tuples(st.integers(-90, 200), st.integers(0, 100)), min_size=1, max_size=60),
)
def test_no_minute_sees_more_than_its_rate_however_the_clock_moves(most, looks):
    config, minute, at, released = RolloutConfig(maximum_per_minute=most), None, START, {}
    for seconds, wanted in looks:
        at += timedelta(seconds=seconds)
        granted = allowance(config, minute, notified=0, succeeded=0, at=at)
        out = min(wanted, granted.count)
        minute = granted.with_released(out)
        released[minute.began_at] = released.get(minute.began_at, 0) + out
        assert granted.renewed_at - minute.began_at == timedelta(minutes=1)
    assert max(released.values()) <= most
