"""When a job is given up, and when an execution is tried again: the contract's rules as tables."""

import pytest
from pydantic import ValidationError

from domain.abort import AbortConfig, comment, met
from domain.execution import Status
from domain.retry import RetryConfig, is_owed

S, F, R, T, C, Q = (
    Status.SUCCEEDED,
    Status.FAILED,
    Status.REJECTED,
    Status.TIMED_OUT,
    Status.CANCELED,
    Status.QUEUED,
)


def rule(kind="FAILED", percent=20.0, least=5) -> dict:
    return {
        "failureType": kind,
        "action": "CANCEL",
        "thresholdPercentage": percent,
        "minNumberOfExecutedThings": least,
    }


def abort(*rules: dict) -> AbortConfig:
    return AbortConfig.model_validate({"criteriaList": list(rules)})


@pytest.mark.parametrize(
    ("config", "counts", "expected"),
    [
        (abort(rule()), {S: 4, F: 1}, True),
        (abort(rule()), {S: 3, F: 1}, False),  # four executed, five needed
        (abort(rule()), {S: 5, F: 1}, False),  # 16.7 %
        (abort(rule()), {S: 4, F: 1, C: 50, Q: 100}, True),  # canceled and queued ones were not executed
        (abort(rule()), {S: 4, R: 1}, False),
        (abort(rule("ALL")), {S: 8, R: 1, T: 1}, True),
        (abort(rule("TIMED_OUT")), {S: 4, T: 1}, True),
        (abort(rule(percent=33.34, least=1)), {S: 2, F: 1}, False),
        (abort(rule(percent=33.33, least=1)), {S: 2, F: 1}, True),
        (abort(rule("REJECTED", 100, 1), rule(least=1)), {S: 1, F: 1}, True),
        (abort(rule(percent=100, least=1)), {}, False),
    ],
)
def test_a_job_is_given_up_when_a_rule_is_met(config, counts, expected):
    assert (met(config, counts) is not None) is expected


def test_the_first_rule_in_the_list_counts_and_is_told():
    first, second = rule("REJECTED", 10, 1), rule("ALL", 10, 1)
    found = met(abort(first, second), {R: 1, S: 3})
    assert found.failure_type == "REJECTED"
    assert comment(found, {R: 1, S: 3}) == (
        "Aborted: 1 of 4 executions ended as REJECTED; the limit is 10 % after 1"
    )


@pytest.mark.parametrize(
    "rules",
    [
        [],
        [rule(percent=0)],
        [rule(percent=100.5)],
        [rule(percent=1.234)],
        [rule(least=0)],
        [rule(kind="CANCELED")],
        [{**rule(), "action": "PAUSES"}],
        [{**rule(), "more": 1}],
    ],
)
def test_an_abort_config_outside_the_contract_is_refused(rules):
    with pytest.raises(ValidationError):
        AbortConfig.model_validate({"criteriaList": rules})


def retry(*criteria: tuple[str, int]) -> RetryConfig:
    listed = [{"failureType": kind, "numberOfRetries": count} for kind, count in criteria]
    return RetryConfig.model_validate({"criteriaList": listed})


@pytest.mark.parametrize(
    ("config", "ended", "spent", "expected"),
    [
        (None, F, {}, False),
        (retry(("FAILED", 2)), F, {}, True),
        (retry(("FAILED", 2)), F, {F: 1}, True),
        (retry(("FAILED", 2)), F, {F: 2}, False),
        (retry(("FAILED", 2)), T, {}, False),
        (retry(("FAILED", 2), ("TIMED_OUT", 1)), T, {F: 2}, True),
        (retry(("FAILED", 2), ("TIMED_OUT", 1)), T, {T: 1}, False),
        (retry(("ALL", 3)), T, {F: 2}, True),
        (retry(("ALL", 3)), T, {F: 2, T: 1}, False),
        (retry(("ALL", 3)), R, {}, False),
        (retry(("ALL", 3)), C, {}, False),
        (retry(("ALL", 3)), S, {}, False),
        (retry(("ALL", 0)), F, {}, False),
    ],
)
def test_a_retry_is_owed_while_its_budget_lasts(config, ended, spent, expected):
    assert is_owed(config, ended, spent) is expected


@pytest.mark.parametrize(
    "criteria",
    [
        [],
        [("FAILED", 11)],
        [("FAILED", -1)],
        [("REJECTED", 1)],
        [("ALL", 1), ("FAILED", 1)],
        [("FAILED", 1), ("FAILED", 1)],
        [("FAILED", 6), ("TIMED_OUT", 5)],
        [("FAILED", 1), ("TIMED_OUT", 1), ("ALL", 1)],
    ],
)
def test_a_retry_config_outside_the_contract_is_refused(criteria):
    with pytest.raises(ValidationError):
        retry(*criteria)
