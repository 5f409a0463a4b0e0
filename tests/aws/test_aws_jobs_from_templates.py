"""Jobs made from templates with boto3: what they inherit, and documents with holes (contract 1.7, 1.8)."""

import json

import pytest
from asking import refused
from aws_configs import CONFIGS
from aws_fleet import DOCUMENT
from aws_site import arn

PACKAGES = ["arn:aws:iot:us-east-1:123456789012:package/a/version/1"]
WINDOWS = [{"startTime": "cron(0 2 * * ? *)", "durationInMinutes": 60}]
RUN = "arn:aws:iot:us-east-1::jobtemplate/AWS-Run-Command:1.0"


@pytest.fixture
def template(fleet):
    """Give the ARN of a template that says all that a template can."""
    return fleet.iot.create_job_template(
        jobTemplateId=fleet.name("x"),
        description="from the template",
        document=DOCUMENT,
        maintenanceWindows=WINDOWS,
        destinationPackageVersions=PACKAGES,
        **CONFIGS,
    )["jobTemplateArn"]


def make(fleet, template, **more):
    job = fleet.name("j")
    said = {"jobId": job, "targets": fleet.things("t"), "targetSelection": "CONTINUOUS", **more}
    fleet.iot.create_job(jobTemplateArn=template, **said)
    return fleet.described(job)


def test_a_job_has_all_that_its_template_has(fleet, template):
    shown = make(fleet, template)
    assert {name: shown[name] for name in CONFIGS} == CONFIGS
    assert shown["schedulingConfig"] == {"maintenanceWindows": WINDOWS}
    assert shown["destinationPackageVersions"] == PACKAGES
    assert (shown["description"], shown["jobTemplateArn"]) == ("from the template", template)
    assert fleet.iot.get_job_document(jobId=shown["jobId"])["document"] == DOCUMENT
    fleet.iot.delete_job_template(jobTemplateId=fleet.name("x"))
    assert fleet.described(shown["jobId"])["jobTemplateArn"] == template


def test_what_a_job_says_takes_the_place_of_the_templates_as_a_whole(fleet, template):
    own = {
        "description": "own",
        "jobExecutionsRolloutConfig": {"maximumPerMinute": 5},
        "presignedUrlConfig": {"expiresInSec": 60},
        "schedulingConfig": {"startTime": "2024-06-10 08:00"},
        "destinationPackageVersions": [],
        "document": '{"own":1}',
    }
    shown = make(fleet, template, **own)
    assert shown["jobExecutionsRolloutConfig"] == {"maximumPerMinute": 5}
    assert shown["presignedUrlConfig"] == {"expiresInSec": 60}
    assert shown["schedulingConfig"] == {"startTime": "2024-06-10 08:00"}
    assert (shown["description"], "destinationPackageVersions" in shown) == ("own", False)
    assert shown["abortConfig"] == CONFIGS["abortConfig"]
    assert fleet.iot.get_job_document(jobId=shown["jobId"])["document"] == '{"own":1}'


def test_a_template_with_windows_is_none_for_a_snapshot(fleet, template):
    said = {"jobId": fleet.name("j"), "targets": fleet.things("t"), "jobTemplateArn": template}
    code, _, message = refused(fleet.iot.create_job, **said)
    assert (code, "CONTINUOUS" in message) == ("InvalidRequestException", True)


@pytest.mark.parametrize("name", [arn("jobtemplate/nobody"), "arn:aws:iot:us-east-1::jobtemplate/AWS-No:1.0"])
def test_a_template_that_is_not_there(fleet, name):
    said = {"jobId": fleet.name("j"), "targets": fleet.things("t"), "jobTemplateArn": name}
    assert refused(fleet.iot.create_job, **said)[:2] == ("ResourceNotFoundException", 404)


# --- managed ones ---


def test_a_managed_template_is_filled_in_and_shown_before_and_after(fleet):
    said = {"command": 'echo,"a b"'}
    shown = make(fleet, RUN, documentParameters=said)
    assert (shown["jobTemplateArn"], shown["documentParameters"]) == (RUN, said)
    managed = fleet.iot.describe_managed_job_template(templateName="AWS-Run-Command")
    assert shown["description"] == managed["description"]
    job = shown["jobId"]
    after = json.loads(fleet.iot.get_job_document(jobId=job)["document"])["steps"][0]["action"]
    assert (after["input"]["command"], after["runAsUser"]) == ('echo,"a b"', "")
    before = fleet.iot.get_job_document(jobId=job, beforeSubstitution=True)["document"]
    assert before == managed["document"]
    assert "${aws:iot:parameter:command}" in before
    assert fleet.iot.describe_job(jobId=job, beforeSubstitution=True)["job"] == shown
    told = fleet.site.jobs_data.describe_job_execution(
        jobId=job, thingName=fleet.name("t"), includeJobDocument=True
    )["execution"]
    assert json.loads(told["jobDocument"])["steps"][0]["action"] == after
    seen = fleet.site.door.ok("GET", f"/jobs/{job}")["job"]
    assert seen["jobTemplateId"] == "AWS-Run-Command:1.0"


def test_without_holes_a_document_is_the_same_before_and_after(fleet):
    job = fleet.job("j", *fleet.things("t"))
    assert fleet.iot.get_job_document(jobId=job, beforeSubstitution=True)["document"] == DOCUMENT


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({}, "needs a value for command"),
        ({"command": "x", "other": "y"}, "has no parameter 'other'"),
        ({"command": "a\nb"}, "documentParameters.command"),
    ],
)
def test_values_that_a_managed_template_does_not_take(fleet, parameters, words):
    said = {"jobId": fleet.name("j"), "targets": fleet.things("t"), "jobTemplateArn": RUN}
    code, status, message = refused(fleet.iot.create_job, **said, documentParameters=parameters)
    assert (code, status, words in message) == ("InvalidRequestException", 400, True), message


def test_values_are_for_managed_templates_alone(fleet, template):
    for more in ({"jobTemplateArn": template}, {"jobTemplateArn": RUN, "document": "{}"}, {"document": "{}"}):
        said = {"jobId": fleet.name("j"), "targets": fleet.things("t"), **more}
        code, _, message = refused(fleet.iot.create_job, **said, documentParameters={"command": "x"})
        assert (code, "documentParameters" in message) == ("InvalidRequestException", True)


def test_a_document_of_its_own_goes_before_a_managed_one(fleet):
    shown = make(fleet, RUN, document="{}")
    assert (shown["jobTemplateArn"], "documentParameters" in shown) == (RUN, False)
    assert fleet.iot.get_job_document(jobId=shown["jobId"])["document"] == "{}"


def test_a_document_of_ones_own_has_no_parameters_to_fill_in(fleet):
    said = {"jobId": fleet.name("j"), "targets": fleet.things("t")}
    code, status, message = refused(
        fleet.iot.create_job, **said, document='{"v": "${aws:iot:parameter:version}"}'
    )
    assert (code, status) == ("InvalidRequestException", 400)
    assert message.startswith("documentParameters: the document names the parameter version, ")
    assert "jobTemplateArn" in message


@pytest.mark.parametrize("owner", ["eu-west-1:", "us-east-1:123456789012"])
def test_the_arn_of_a_managed_template_elsewhere_is_put_right(fleet, owner):
    said = {"jobId": fleet.name("j"), "targets": fleet.things("t")}
    wrong = f"arn:aws:iot:{owner}:jobtemplate/AWS-Run-Command:1.0"
    code, status, message = refused(fleet.iot.create_job, **said, jobTemplateArn=wrong)
    assert (code, status) == ("InvalidRequestException", 400)
    assert message.startswith("jobTemplateArn ")
    assert message.endswith(f"it is '{RUN}'")
