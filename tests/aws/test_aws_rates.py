"""Rates with a limit: AWS's throttling, on both planes, and boto3 that comes again by itself."""

import pytest
from aws_site import opened_site
from hypothesis import given
from hypothesis import strategies as st

from api.aws.rates import Rates
from domain.errors import Throttled


@pytest.fixture
def slow(tmp_path):
    with opened_site(tmp_path / "data", control_plane_rate=2, data_plane_rate=1) as site:
        yield site


def until_throttled(call, client, *, most):
    """Call until it is refused for its rate; return the refusal."""
    for _ in range(most):
        try:
            call()
        except client.exceptions.ThrottlingException as error:
            return error.response
    raise AssertionError(f"{most} calls went through")


def test_the_control_plane_throttles_each_operation_by_itself(slow):
    refused = until_throttled(slow.iot.list_jobs, slow.iot, most=1000)
    assert refused["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert "ListJobs: more than 2 calls a second" in refused["Error"]["Message"]
    slow.iot.list_things()


def test_the_data_plane_counts_reading_and_changing_apart(slow):
    slow.things("t1")
    pending = slow.jobs_data.get_pending_job_executions
    refused = until_throttled(lambda: pending(thingName="t1"), slow.jobs_data, most=1000)
    assert refused["ResponseMetadata"]["HTTPStatusCode"] == 429
    slow.jobs_data.start_next_pending_job_execution(thingName="t1")


def test_boto3_comes_again_and_gets_through(slow):
    patient = slow.client("iot", retries={"mode": "standard", "total_max_attempts": 10})
    try:
        for _ in range(4):
            patient.list_jobs()
    finally:
        patient.close()


@given(
    per_second=st.integers(1, 20),
    waits=st.lists(st.floats(0, 2, allow_nan=False), min_size=1, max_size=60),
)
def test_no_more_go_through_than_were_filled_in(per_second, waits):
    now = [0.0]
    rates, passed = Rates(per_second, lambda: now[0]), []
    for wait in waits:
        now[0] += wait
        try:
            rates.take("a")
            passed.append(now[0])
        except Throttled:
            pass
    for first, start in enumerate(passed):
        for last, end in enumerate(passed[first:], first):
            assert last - first + 1 <= per_second + (end - start) * per_second + 1e-6
    assert passed[0] == waits[0], "who comes first is let through"


def test_without_a_limit_nothing_is_counted():
    rates = Rates(0, lambda: 0.0)
    for _ in range(1000):
        rates.take("a")
