"""Job templates with boto3: made once, described, listed, deleted; what is refused (contract 1.7, 4.3)."""

import json
from datetime import timedelta

import pytest
from asking import body, refused
from aws_site import arn, opened_site
from http_door import START
from sites import BOTH

from api.document_sources import DocumentSources
from storage.policy import Policy, Quotas

DIALECTS = BOTH

DOCUMENT = '{ "op" : "update" }'
PACKAGE = arn("package/agent/version/1.2")
ROLE = "arn:aws:iam::123456789012:role/links"
ROLLOUT = {
    "maximumPerMinute": 100,
    "exponentialRate": {
        "baseRatePerMinute": 50,
        "incrementFactor": 1.5,
        "rateIncreaseCriteria": {"numberOfSucceededThings": 10},
    },
}
ABORT = {
    "criteriaList": [
        {
            "failureType": "FAILED",
            "action": "CANCEL",
            "thresholdPercentage": 12.25,
            "minNumberOfExecutedThings": 5,
        }
    ]
}
RETRY = {"criteriaList": [{"failureType": "TIMED_OUT", "numberOfRetries": 3}]}
WINDOWS = [{"startTime": "cron(0 18 ? * MON-FRI *)", "durationInMinutes": 60}]
CONFIGS = {
    "presignedUrlConfig": {"roleArn": ROLE, "expiresInSec": 120},
    "jobExecutionsRolloutConfig": ROLLOUT,
    "abortConfig": ABORT,
    "timeoutConfig": {"inProgressTimeoutInMinutes": 30},
    "jobExecutionsRetryConfig": RETRY,
}
NOTHING_SAID = {"presignedUrlConfig": {}, "jobExecutionsRolloutConfig": {}, "timeoutConfig": {}}


def described(iot, template_id):
    return body(iot.describe_job_template(jobTemplateId=template_id))


def create(iot, template_id, **more):
    said = {"description": "d", "document": DOCUMENT, **more}
    return iot.create_job_template(
        jobTemplateId=template_id, **{name: value for name, value in said.items() if value is not None}
    )


def test_a_template_is_described_as_it_was_made(shared_site):
    iot = shared_site.iot
    made = create(
        iot,
        "whole",
        **CONFIGS,
        maintenanceWindows=WINDOWS,
        destinationPackageVersions=[PACKAGE],
        tags=[{"Key": "team", "Value": "lab"}, {"Key": "bare"}],
    )
    assert body(made) == {"jobTemplateArn": arn("jobtemplate/whole"), "jobTemplateId": "whole"}
    assert described(iot, "whole") == {
        **body(made),
        **CONFIGS,
        "description": "d",
        "document": DOCUMENT,
        "createdAt": START,
        "maintenanceWindows": WINDOWS,
        "destinationPackageVersions": [PACKAGE],
    }
    assert described(iot, arn("jobtemplate/whole")) == described(iot, "whole")
    ours = shared_site.door.ok("GET", "/job-templates/whole")["jobTemplate"]
    assert (ours["document"], ours["abortConfig"]) == (DOCUMENT, ABORT)


def test_a_template_that_says_little_is_told_without_what_is_not_there(shared_site):
    create(shared_site.iot, "little")
    assert described(shared_site.iot, "little") == {
        "jobTemplateArn": arn("jobtemplate/little"),
        "jobTemplateId": "little",
        "description": "d",
        "document": DOCUMENT,
        "createdAt": START,
        **NOTHING_SAID,
    }


def test_an_id_that_is_taken_is_a_conflict_that_names_it(shared_site):
    iot = shared_site.iot
    create(iot, "taken")
    shared_site.door.ok(
        "POST", "/job-templates", {"jobTemplateId": "by-rest", "document": "{}", "description": "r"}
    )
    for template_id in ("taken", "by-rest", arn("jobtemplate/taken")):
        with pytest.raises(iot.exceptions.ConflictException) as caught:
            create(iot, template_id)
        assert caught.value.response["resourceId"] == template_id.rpartition("/")[2]
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409
    assert described(iot, "by-rest")["description"] == "r"


def test_a_template_takes_from_a_job_what_it_does_not_say_member_by_member(shared_site):
    iot = shared_site.iot
    job = shared_site.door.job(
        "t",
        targetSelection="CONTINUOUS",
        document='{"from":"job"}',
        description="the job's",
        schedulingConfig={
            "startTime": f"{START + timedelta(days=1):%Y-%m-%d %H:%M}",
            "maintenanceWindows": WINDOWS,
        },
        **CONFIGS,
    )
    create(iot, "copied", document=None, jobArn=arn(f"job/{job}"))
    assert described(iot, "copied") == {
        "jobTemplateArn": arn("jobtemplate/copied"),
        "jobTemplateId": "copied",
        "description": "d",
        "document": '{"from":"job"}',
        "createdAt": START,
        "maintenanceWindows": WINDOWS,
        **CONFIGS,
    }
    other = [{"startTime": "cron(0 3 * * ? *)", "durationInMinutes": 5}]
    create(
        iot,
        "overridden",
        jobArn=arn(f"job/{job}"),
        jobExecutionsRolloutConfig={"maximumPerMinute": 7},
        maintenanceWindows=other,
    )
    assert described(iot, "overridden") == {
        **described(iot, "copied"),
        "jobTemplateArn": arn("jobtemplate/overridden"),
        "jobTemplateId": "overridden",
        "document": DOCUMENT,
        "jobExecutionsRolloutConfig": {"maximumPerMinute": 7},
        "maintenanceWindows": other,
    }


def test_the_newest_version_is_told_and_all_go_together(shared_site):
    iot = shared_site.iot
    create(iot, "versions", tags=[{"Key": "a", "Value": "b"}])
    shared_site.door.ok(
        "POST", "/job-templates/versions/versions", {"document": '{"v":2}', "description": "second"}
    )
    assert described(iot, "versions")["document"] == '{"v":2}'
    listed = [t for t in iot.list_job_templates()["jobTemplates"] if t["jobTemplateId"] == "versions"]
    assert [t["description"] for t in listed] == ["second"]
    assert body(iot.delete_job_template(jobTemplateId="versions")) == {}
    assert refused(iot.describe_job_template, jobTemplateId="versions")[:2] == (
        "ResourceNotFoundException",
        404,
    )
    create(iot, "versions")
    assert described(iot, "versions")["description"] == "d"


def test_templates_are_listed_page_by_page_the_latest_first(site):
    for number in range(5):
        site.door.later(minutes=1)
        create(site.iot, f"t{number}", description=f"number {number}")
    pages = list(site.iot.get_paginator("list_job_templates").paginate(PaginationConfig={"PageSize": 2}))
    assert [[t["jobTemplateId"] for t in page["jobTemplates"]] for page in pages] == [
        ["t4", "t3"],
        ["t2", "t1"],
        ["t0"],
    ]
    assert "nextToken" not in pages[-1]
    assert pages[-1]["jobTemplates"] == [
        {
            "jobTemplateArn": arn("jobtemplate/t0"),
            "jobTemplateId": "t0",
            "description": "number 0",
            "createdAt": START + timedelta(minutes=1),
        }
    ]
    code, status, message = refused(site.iot.list_job_templates, nextToken="never")
    assert (code, status) == ("InvalidRequestException", 400)
    assert "'never'" in message
    code, status, message = refused(site.iot.list_job_templates, maxResults=251)
    assert (code, status) == ("InvalidRequestException", 400)
    assert "maxResults" in message


def test_what_is_not_there_is_not_found(shared_site):
    iot = shared_site.iot
    for call in (iot.describe_job_template, iot.delete_job_template):
        code, status, message = refused(call, jobTemplateId="never")
        assert (code, status) == ("ResourceNotFoundException", 404)
        assert "never" in message
    code, status, message = refused(
        iot.create_job_template, jobTemplateId="x", description="d", jobArn=arn("job/never")
    )
    assert (code, status) == ("ResourceNotFoundException", 404)
    assert "never" in message


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"document": None}, "document is required"),
        ({"documentSource": "https://s3.amazonaws.com/b/k"}, "both given"),
        ({"document": None, "documentSource": "http://169.254.169.254/"}, "documentSource 'http://169"),
        ({"document": "["}, "document is not valid JSON"),
        ({"document": "[]"}, "JSON object"),
        ({"document": json.dumps({"a": "x" * 32_768})}, "at most 32768"),
        ({"description": "a\nb"}, "description"),
        ({"description": "x" * 2029}, "description"),
        ({"jobArn": arn("thing/t")}, "jobArn"),
        ({"jobArn": "arn:aws:iot:eu-west-1:123456789012:job/j"}, "is not of region us-east-1"),
        ({"jobArn": "arn:aws:iot:us-east-1:999999999999:job/j"}, "account 123456789012"),
        ({"jobArn": "a b"}, "jobId 'a b'"),
        ({"maintenanceWindows": [{"startTime": "daily", "durationInMinutes": 5}]}, "maintenanceWindows[0]"),
        ({"maintenanceWindows": [{**WINDOWS[0], "durationInMinutes": 1431}]}, "maintenanceWindows[0]"),
        ({"timeoutConfig": {"inProgressTimeoutInMinutes": 10_081}}, "timeoutConfig.inProgress"),
        ({"presignedUrlConfig": {"expiresInSec": 3601}}, "presignedUrlConfig.expiresInSec"),
        ({"jobExecutionsRolloutConfig": {"maximumPerMinute": 1001}}, "jobExecutionsRolloutConfig"),
        ({"abortConfig": {"criteriaList": [{**ABORT["criteriaList"][0], "action": "X"}]}}, "abortConfig"),
        ({"destinationPackageVersions": [PACKAGE] * 26}, "destinationPackageVersions"),
        ({"destinationPackageVersions": ["not an arn"]}, "destinationPackageVersions[0]"),
        ({"tags": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]}, "tags: key 'a'"),
        ({"tags": [{"Key": "a!"}]}, "tags: key 'a!'"),
    ],
)
def test_what_cannot_be_is_refused_by_name_and_nothing_is_kept(shared_site, said, reason):
    given = {"description": "d", "document": DOCUMENT, **said}
    code, status, message = refused(
        shared_site.iot.create_job_template,
        jobTemplateId="refused",
        **{name: value for name, value in given.items() if value is not None},
    )
    assert (code, status) == ("InvalidRequestException", 400)
    assert reason in message
    assert refused(shared_site.iot.describe_job_template, jobTemplateId="refused")[1] == 404


def test_an_id_that_cannot_be_is_refused(shared_site):
    iot = shared_site.iot
    for call, more in (
        (iot.create_job_template, {"description": "d", "document": DOCUMENT}),
        (iot.describe_job_template, {}),
        (iot.delete_job_template, {}),
    ):
        for template_id in ("a:b", "x" * 65, "a b", "AWS-Reboot:1.0"):
            code, status, message = refused(call, jobTemplateId=template_id, **more)
            assert (code, status) == ("InvalidRequestException", 400)
            assert message.startswith("jobTemplateId")


def test_there_may_be_so_many_for_aws_s_calls_and_any_number_for_ours(tmp_path):
    with opened_site(tmp_path / "data", policy=Policy(quotas=Quotas(templates=2))) as site:
        create(site.iot, "a")
        create(site.iot, "b")
        code, status, message = refused(
            site.iot.create_job_template, jobTemplateId="c", description="d", document="{}"
        )
        assert (code, status) == ("LimitExceededException", 410)
        assert "There are 2 job templates" in message
        site.door.ok("POST", "/job-templates", {"document": "{}", "description": "ours"})
        tags = [{"Key": str(number), "Value": ""} for number in range(51)]
        site.iot.delete_job_template(jobTemplateId="a")
        site.iot.delete_job_template(jobTemplateId="b")
        code, status, message = refused(
            site.iot.create_job_template, jobTemplateId="c", description="d", document="{}", tags=tags
        )
        assert (code, status) == ("LimitExceededException", 410)
        assert "51 tags" in message


def test_a_job_keeps_what_it_took_from_a_template_that_is_gone(shared_site):
    iot = shared_site.iot
    shared_site.door.ok("POST", "/things", {"thingName": "taker"})
    create(iot, "given", **CONFIGS, destinationPackageVersions=[PACKAGE])
    said = {"targets": [arn("thing/taker")], "jobTemplateArn": arn("jobtemplate/given")}
    iot.create_job(jobId="taken", **said)
    iot.delete_job_template(jobTemplateId="given")
    taken = iot.describe_job(jobId="taken")["job"]
    assert {name: taken[name] for name in CONFIGS} == CONFIGS
    assert (taken["description"], taken["jobTemplateArn"]) == ("d", arn("jobtemplate/given"))
    assert taken["destinationPackageVersions"] == [PACKAGE]
    assert iot.get_job_document(jobId="taken")["document"] == DOCUMENT
    code, status, message = refused(iot.create_job, jobId="late", **said)
    assert (code, status) == ("ResourceNotFoundException", 404)
    assert "given" in message


def test_a_document_is_fetched_once_from_where_it_may_be_and_that_is_told(tmp_path):
    base = "https://jobs.example.com"
    with opened_site(tmp_path / "data", sources=DocumentSources(base=lambda: base)) as site:
        url = f"{base}/artifacts/document.json/content"
        put = site.door("PUT", "/artifacts/document.json", raw=b'{"first":1}')
        assert put.status in (200, 201)
        create(site.iot, "fetched", document=None, documentSource=url)
        site.door.ok("DELETE", "/artifacts/document.json")
        told = described(site.iot, "fetched")
        assert (told["document"], told["documentSource"]) == ('{"first":1}', url)
        for gone in (url, f"{base}/artifacts/../jobs", "https://example.com/artifacts/x/content"):
            code, status, message = refused(
                site.iot.create_job_template, jobTemplateId="x", description="d", documentSource=gone
            )
            assert (code, status) == ("InvalidRequestException", 400)
            assert message.startswith("documentSource")
