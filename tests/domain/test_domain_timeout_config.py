"""Time-outs as an operator writes them: bounds, what is shown, what is kept."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from domain.timeout_config import UNLIMITED, TimeoutConfig, parse

LIMITS = {"inProgressTimeoutInMinutes": 10080, "queuedTimeoutInMinutes": 525600}


@pytest.mark.parametrize("name", LIMITS)
def test_a_time_out_is_a_whole_number_of_minutes_within_its_bounds(name):
    for minutes in (1, 5.0, LIMITS[name]):
        config = TimeoutConfig.model_validate({name: minutes})
        assert config.members == {name: int(minutes)}
        assert parse(config.text) == config
        limits = {config.in_progress_limit, config.queued_limit}
        assert limits == {None, timedelta(minutes=minutes)}
    for bad in (0, -1, LIMITS[name] + 1, 1.5, "1", True, None, [], 10**1000):
        with pytest.raises(ValidationError, match=name):
            TimeoutConfig.model_validate({name: bad})


def test_nothing_said_means_for_ever():
    assert TimeoutConfig.model_validate({}) == UNLIMITED == parse("{}")
    assert (UNLIMITED.in_progress_limit, UNLIMITED.queued_limit, UNLIMITED.members) == (None, None, {})
    assert UNLIMITED.text == "{}"


@pytest.mark.parametrize("bad", [[], "x", 5, {**LIMITS, "more": 1}, {"minutes": 1}])
def test_what_is_no_time_out_config_is_refused(bad):
    with pytest.raises(ValidationError):
        TimeoutConfig.model_validate(bad)
