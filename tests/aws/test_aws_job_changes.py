"""Jobs changed, canceled, deleted and given more targets with boto3 (contract 2.1, 2.3, 2.5, 4.2)."""

import pytest
from asking import body, refused
from aws_configs import CONFIGS, RULE
from aws_site import arn
from sites import BOTH

DIALECTS = BOTH


# --- change ---


def test_what_is_given_changes_as_a_whole_and_the_rest_stays(fleet):
    job = fleet.job("j", *fleet.things("t"), **CONFIGS, description="old")
    fleet.site.door.later(minutes=1)
    rate = {"maximumPerMinute": 7}
    fleet.iot.update_job(jobId=job, jobExecutionsRolloutConfig=rate, description="new")
    shown = fleet.described(job)
    expected = {**CONFIGS, "jobExecutionsRolloutConfig": rate, "description": "new"}
    assert {name: shown[name] for name in expected} == expected
    assert shown["lastUpdatedAt"] > shown["createdAt"]
    fleet.iot.update_job(
        jobId=job,
        presignedUrlConfig={},
        abortConfig={"criteriaList": [RULE, {**RULE, "failureType": "ALL"}]},
        timeoutConfig={"inProgressTimeoutInMinutes": 5},
        jobExecutionsRetryConfig={"criteriaList": [{"failureType": "ALL", "numberOfRetries": 0}]},
    )
    shown = fleet.described(job)
    assert shown["presignedUrlConfig"] == {}
    assert len(shown["abortConfig"]["criteriaList"]) == 2
    assert shown["timeoutConfig"] == {"inProgressTimeoutInMinutes": 5}
    assert shown["jobExecutionsRetryConfig"]["criteriaList"][0]["numberOfRetries"] == 0


def test_a_change_of_nothing_is_none(fleet):
    job = fleet.job("j", *fleet.things("t"))
    before = fleet.described(job)
    fleet.site.door.later(minutes=1)
    assert body(fleet.iot.update_job(jobId=job)) == {}
    assert fleet.described(job) == before
    assert refused(fleet.iot.update_job, jobId="nobody")[:2] == ("ResourceNotFoundException", 404)


def test_retries_can_only_be_given_up(fleet):
    job = fleet.job("j", *fleet.things("t"), **CONFIGS)
    more = {"criteriaList": [{"failureType": "ALL", "numberOfRetries": 1}]}
    code, _, message = refused(fleet.iot.update_job, jobId=job, jobExecutionsRetryConfig=more)
    assert (code, "can only be changed to 0" in message) == ("InvalidRequestException", True)


@pytest.mark.parametrize("end", ["COMPLETED", "CANCELED"])
def test_of_a_job_that_is_over_only_words_and_links_change(fleet, end):
    job = fleet.job("j", *fleet.things("t"))
    if end == "COMPLETED":
        fleet.report(job, "t", "SUCCEEDED")
    else:
        fleet.iot.cancel_job(jobId=job)
    assert fleet.described(job)["status"] == end
    fleet.iot.update_job(jobId=job, description="d", presignedUrlConfig={"expiresInSec": 60})
    assert fleet.described(job)["presignedUrlConfig"] == {"expiresInSec": 60}
    code, status, message = refused(fleet.iot.update_job, jobId=job, timeoutConfig={})
    assert (code, status) == ("InvalidRequestException", 400)
    assert end in message


# --- cancel and delete ---


def test_a_cancel_says_why_and_leaves_what_is_at_work_v17(fleet):
    job = fleet.job("j", *fleet.things("a", "b"), description="d")
    fleet.report(job, "a", "IN_PROGRESS")
    answer = body(fleet.iot.cancel_job(jobId=job, reasonCode="TOO_LATE_2", comment="stop it"))
    assert answer == {"jobArn": arn(f"job/{job}"), "jobId": job, "description": "d"}
    shown = fleet.described(job)
    assert (shown["status"], shown["reasonCode"], shown["comment"]) == ("CANCELED", "TOO_LATE_2", "stop it")
    assert (shown["forceCanceled"], "completedAt" in shown) == (False, False)
    assert fleet.counts(job) == {"InProgress": 1, "Canceled": 1}
    fleet.report(job, "a", "IN_PROGRESS", statusDetails={"still": "at it"})
    assert refused(fleet.iot.cancel_job, jobId=job)[0] == "InvalidRequestException"
    assert fleet.execution(job, "a")["status"] == "IN_PROGRESS"


def test_a_cancel_by_force_ends_all_v18(fleet):
    job = fleet.job("j", *fleet.things("a"))
    fleet.report(job, "a", "IN_PROGRESS")
    fleet.iot.cancel_job(jobId=job)
    fleet.iot.cancel_job(jobId=job, force=True)
    execution = fleet.execution(job, "a")
    assert (execution["status"], execution["forceCanceled"], execution["versionNumber"]) == (
        "CANCELED",
        True,
        3,
    )
    assert fleet.described(job)["forceCanceled"] is True
    data = fleet.site.jobs_data
    with pytest.raises(data.exceptions.InvalidStateTransitionException):
        fleet.report(job, "a", "SUCCEEDED")
    assert refused(fleet.iot.cancel_job, jobId=job, force=True)[0] == "InvalidRequestException"


def test_force_may_stand_in_the_body_of_a_cancel(fleet):
    job = fleet.job("j", *fleet.things("a"))
    fleet.report(job, "a", "IN_PROGRESS")
    assert fleet.site.exchange("PUT", f"/aws/iot/jobs/{job}/cancel", b'{"force":true}')[0] == 200
    assert fleet.execution(job, "a")["status"] == "CANCELED"


@pytest.mark.parametrize(
    "said",
    [{"reasonCode": "too late"}, {"reasonCode": "X" * 129}, {"comment": "a\nb"}, {"comment": "x" * 2029}],
)
def test_reasons_and_comments_have_their_forms(fleet, said):
    job = fleet.job("j", *fleet.things("a"))
    code, status, message = refused(fleet.iot.cancel_job, jobId=job, **said)
    assert (code, status) == ("InvalidRequestException", 400)
    assert next(iter(said)) in message
    assert fleet.described(job)["status"] == "IN_PROGRESS"


def test_a_job_that_is_over_is_not_canceled(fleet):
    job = fleet.job("j", *fleet.things("a"))
    fleet.report(job, "a", "SUCCEEDED")
    assert refused(fleet.iot.cancel_job, jobId=job, force=True)[:2] == ("InvalidRequestException", 400)


def test_a_job_at_work_is_deleted_by_force_alone_v19(fleet):
    things = fleet.things("a")
    job = fleet.job("j", *things)
    fleet.report(job, "a", "IN_PROGRESS")
    with pytest.raises(fleet.iot.exceptions.InvalidStateTransitionException) as caught:
        fleet.iot.delete_job(jobId=job)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409
    assert body(fleet.iot.delete_job(jobId=job, force=True)) == {}
    with pytest.raises(fleet.site.jobs_data.exceptions.ResourceNotFoundException):
        fleet.report(job, "a", "SUCCEEDED")
    assert refused(fleet.iot.describe_job, jobId=job)[:2] == ("ResourceNotFoundException", 404)
    fleet.job("j", *things)


def test_a_job_that_is_over_is_deleted_with_all_that_is_left_of_it(fleet):
    job = fleet.job("j", *fleet.things("a", "b"))
    fleet.report(job, "a", "IN_PROGRESS")
    fleet.iot.cancel_job(jobId=job)
    fleet.iot.delete_job(jobId=job)
    assert refused(fleet.iot.delete_job, jobId=job)[0] == "ResourceNotFoundException"
    thing = fleet.name("a")
    assert fleet.iot.list_job_executions_for_thing(thingName=thing)["executionSummaries"] == []


def test_what_is_not_there_is_not_found_by_any_operation(fleet):
    fleet.things("t")
    for call, more in (
        (fleet.iot.describe_job, {}),
        (fleet.iot.get_job_document, {}),
        (fleet.iot.update_job, {"description": "d"}),
        (fleet.iot.cancel_job, {}),
        (fleet.iot.delete_job, {}),
        (fleet.iot.associate_targets_with_job, {"targets": [arn(f"thing/{fleet.name('t')}")]}),
        (fleet.iot.list_job_executions_for_job, {}),
    ):
        code, status, message = refused(call, jobId="nobody", **more)
        assert (code, status, message) == ("ResourceNotFoundException", 404, "There is no job nobody")
        assert refused(call, jobId="a b", **more)[:2] == ("InvalidRequestException", 400)


# --- more targets ---


def test_more_targets_for_a_continuous_job(fleet):
    a, b = fleet.things("a", "b")
    group = fleet.group("g", "b")
    job = fleet.job("j", a, targetSelection="CONTINUOUS", description="d")
    answer = body(fleet.iot.associate_targets_with_job(jobId=job, targets=[a, group], comment="more"))
    assert answer == {"jobArn": arn(f"job/{job}"), "jobId": job, "description": "d"}
    fleet.iot.associate_targets_with_job(jobId=job, targets=[b])
    shown = fleet.described(job)
    assert (shown["targets"], shown["comment"]) == ([a, group, b], "more")
    assert fleet.counts(job) == {"Queued": 2}


def test_more_targets_only_for_what_takes_them(fleet):
    (a,) = fleet.things("a")
    snapshot = fleet.job("s", a)
    over = fleet.job("o", a, targetSelection="CONTINUOUS")
    fleet.iot.cancel_job(jobId=over)
    for job in (snapshot, over):
        code, status, _ = refused(fleet.iot.associate_targets_with_job, jobId=job, targets=[a])
        assert (code, status) == ("InvalidRequestException", 400)


def test_more_than_a_hundred_targets_are_a_limit(fleet):
    first = fleet.things(*(f"a{number}" for number in range(60)))
    more = fleet.things(*(f"b{number}" for number in range(41)))
    job = fleet.job("j", *first, targetSelection="CONTINUOUS")
    with pytest.raises(fleet.iot.exceptions.LimitExceededException) as caught:
        fleet.iot.associate_targets_with_job(jobId=job, targets=more)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 410
    fleet.iot.associate_targets_with_job(jobId=job, targets=[*first, *more[1:]])
    assert len(fleet.described(job)["targets"]) == 100


# --- namespaces ---


def test_a_namespace_that_is_not_the_jobs_finds_nothing(fleet):
    targets = fleet.things("a")
    job = fleet.job("j", *targets, namespaceId="edge", targetSelection="CONTINUOUS")
    for call, more in (
        (fleet.iot.update_job, {"description": "d"}),
        (fleet.iot.associate_targets_with_job, {"targets": targets}),
        (fleet.iot.delete_job_execution, {"thingName": fleet.name("a"), "executionNumber": 1}),
        (fleet.iot.delete_job, {"force": True}),
    ):
        assert refused(call, jobId=job, namespaceId="other", **more)[1] == 404
        assert body(call(jobId=job, namespaceId="edge", **more)) is not None
