"""What no job can be: refused by AWS's code with the member's name, and nothing is left (contract 1.4)."""

import json

import pytest
from asking import refused
from aws_configs import RULE
from aws_site import arn


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("t", "InvalidRequestException"),
        ("thing/t", "InvalidRequestException"),
        ("arn:aws:iot:us-east-1:123456789012:job/j", "InvalidRequestException"),
        ("arn:aws:iot:us-east-1:123456789012:thing/a b", "InvalidRequestException"),
        ("arn:aws:iot:us-east-1:999999999999:thing/t", "InvalidRequestException"),
        ("arn:aws:iot:eu-west-1:123456789012:thing/t", "InvalidRequestException"),
        ("arn:aws:s3:us-east-1:123456789012:thing/t", "InvalidRequestException"),
        (arn("thing/nobody"), "ResourceNotFoundException"),
        (arn("thinggroup/nobody"), "ResourceNotFoundException"),
    ],
)
def test_a_target_is_the_arn_of_what_is_there(fleet, target, code):
    more = fleet.job("c", *fleet.things("t"), targetSelection="CONTINUOUS")
    for call in (
        lambda: refused(fleet.iot.create_job, jobId=fleet.name("j"), targets=[target], document="{}"),
        lambda: refused(fleet.iot.associate_targets_with_job, jobId=more, targets=[target]),
    ):
        found, status, message = call()
        assert (found, status) == (code, {"InvalidRequestException": 400}.get(code, 404))
        assert "targets: " in message
        assert "registration" not in message
    assert refused(fleet.iot.describe_job, jobId=fleet.name("j"))[0] == "ResourceNotFoundException"


BAD = {
    "no document": ({"document": None}, "document is required, or documentSource, or jobTemplateArn"),
    "two documents": ({"documentSource": "https://x/y"}, "document and documentSource are both given"),
    "a list": ({"document": "[]"}, "document must hold a JSON object"),
    "no JSON": ({"document": "{"}, "document is not valid JSON"),
    "too large": ({"document": json.dumps({"a": "x" * 32_768})}, "at most 32768 are allowed"),
    "description": ({"description": "a\tb"}, "description"),
    "long description": ({"description": "x" * 2029}, "description"),
    "jobId": ({"jobId": "a:b"}, "jobId 'a:b'"),
    "long jobId": ({"jobId": "x" * 65}, "jobId"),
    "namespaceId": ({"namespaceId": "a b"}, "namespaceId 'a b'"),
    "too many targets": ({"targets": [arn("thing/t")] * 101}, "at most 100 are allowed"),
    "rate": ({"jobExecutionsRolloutConfig": {"maximumPerMinute": 1001}}, "maximumPerMinute"),
    "no criteria": (
        {
            "jobExecutionsRolloutConfig": {
                "exponentialRate": {
                    "baseRatePerMinute": 1,
                    "incrementFactor": 2.0,
                    "rateIncreaseCriteria": {},
                }
            }
        },
        "rateIncreaseCriteria",
    ),
    "threshold": ({"abortConfig": {"criteriaList": [{**RULE, "thresholdPercentage": 0}]}}, "threshold"),
    "our action": (
        {"abortConfig": {"criteriaList": [{**RULE, "action": "PAUSE"}]}},
        "action PAUSE is not CANCEL",
    ),
    "time-out": ({"timeoutConfig": {"inProgressTimeoutInMinutes": 10_081}}, "inProgressTimeoutInMinutes"),
    "retries": (
        {"jobExecutionsRetryConfig": {"criteriaList": [{"failureType": "ALL", "numberOfRetries": 11}]}},
        "numberOfRetries",
    ),
    "role": ({"presignedUrlConfig": {"roleArn": "short-but-20-characters", "expiresInSec": 3601}}, "3600"),
    "package": ({"destinationPackageVersions": ["x"]}, "destinationPackageVersions"),
    "template": ({"jobTemplateArn": "nothing"}, "jobTemplateArn 'nothing'"),
    "foreign template": (
        {"jobTemplateArn": "arn:aws:iot:us-east-1:999999999999:jobtemplate/x"},
        "jobTemplateArn",
    ),
    "parameters": ({"documentParameters": {"a": "b"}}, "documentParameters"),
    "soon": ({"schedulingConfig": {"startTime": "2024-06-10 06:43"}}, "schedulingConfig.startTime"),
    "late": ({"schedulingConfig": {"startTime": "2025-06-12 06:43"}}, "schedulingConfig.startTime"),
    "late end": (
        {"schedulingConfig": {"startTime": "2025-06-01 00:00", "endTime": "2026-06-20 00:00"}},
        "schedulingConfig.endTime",
    ),
    "no end": ({"schedulingConfig": {"endBehavior": "CANCEL"}}, "endBehavior CANCEL needs endTime"),
    "windows": (
        {
            "schedulingConfig": {
                "maintenanceWindows": [{"startTime": "cron(0 2 * * ? *)", "durationInMinutes": 60}]
            }
        },
        "CONTINUOUS",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_is_refused_by_name_and_leaves_nothing(fleet, case):
    said, words = BAD[case]
    asked = {"jobId": fleet.name("j"), "targets": fleet.things("t"), "document": "{}", **said}
    code, status, message = refused(
        fleet.iot.create_job, **{name: value for name, value in asked.items() if value is not None}
    )
    assert (code, status) == ("InvalidRequestException", 400)
    assert words in message
    assert refused(fleet.iot.describe_job, jobId=fleet.name("j"))[1] == 404


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"description": "d"}, "targets is required"),
        ({"targets": []}, "targets has 0 entries"),
        ({"targetSelection": "ALL"}, "targetSelection 'ALL'"),
        ({"priority": 5}, "unknown member 'priority'"),
        ({"stagedRolloutConfig": {}}, "unknown member 'stagedRolloutConfig'"),
        ({"timeoutConfig": {"queuedTimeoutInMinutes": 5}}, "unknown member 'queuedTimeoutInMinutes'"),
        ({"schedulingConfig": {"timeZone": "Europe/Berlin"}}, "unknown member 'timeZone'"),
        ({"abortConfig": {"criteriaList": [{**RULE, "failureType": "SUCCEEDED"}]}}, "failureType"),
        ({"tags": [{"Value": "a"}]}, "tags[0].Key is required"),
    ],
)
def test_what_boto3_itself_would_not_send_is_refused_as_well_v35(fleet, said, words):
    asked = said if "description" in said else {"targets": fleet.things("t"), "document": "{}", **said}
    path = f"/aws/iot/jobs/{fleet.name('j')}"
    status, headers, raw = fleet.site.exchange("PUT", path, json.dumps(asked).encode())
    assert (status, headers["x-amzn-errortype"]) == (400, "InvalidRequestException")
    assert words in json.loads(raw)["message"]


def test_too_many_tags_are_a_limit(fleet):
    said = {"jobId": fleet.name("j"), "targets": fleet.things("t"), "document": "{}"}
    tags = [{"Key": f"k{number}", "Value": ""} for number in range(51)]
    assert refused(fleet.iot.create_job, **said, tags=tags)[:2] == ("LimitExceededException", 410)
    assert refused(fleet.iot.describe_job, jobId=fleet.name("j"))[1] == 404
