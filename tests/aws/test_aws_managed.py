"""The templates that come with us, listed and described with boto3 (contract 1.7, 4.3)."""

import json

import pytest
from asking import refused
from aws_site import arn

from domain import managed


def managed_arn(name):
    return f"arn:aws:iot:us-east-1::jobtemplate/{name}:1.0"


def test_they_are_listed_by_name_page_by_page(shared_site):
    pages = list(
        shared_site.iot.get_paginator("list_managed_job_templates").paginate(PaginationConfig={"PageSize": 3})
    )
    assert [len(page["managedJobTemplates"]) for page in pages] == [3, 3, 2]
    listed = [template for page in pages for template in page["managedJobTemplates"]]
    assert [template["templateName"] for template in listed] == [
        "AWS-Download-File",
        "AWS-Install-Application",
        "AWS-Reboot",
        "AWS-Remove-Application",
        "AWS-Restart-Application",
        "AWS-Run-Command",
        "AWS-Start-Application",
        "AWS-Stop-Application",
    ]
    assert listed[2] == {
        "templateArn": managed_arn("AWS-Reboot"),
        "templateName": "AWS-Reboot",
        "description": managed.find("AWS-Reboot").description,
        "environments": ["LINUX"],
        "templateVersion": "1.0",
    }


def test_one_is_listed_by_its_name(shared_site):
    iot = shared_site.iot
    for said in ("AWS-Run-Command", managed_arn("AWS-Run-Command")):
        found = iot.list_managed_job_templates(templateName=said)
        assert [t["templateName"] for t in found["managedJobTemplates"]] == ["AWS-Run-Command"]
        assert "nextToken" not in found


def test_one_is_described_flat_with_the_holes_of_its_document(shared_site):
    told = shared_site.iot.describe_managed_job_template(templateName="AWS-Download-File")
    parameters = told.pop("documentParameters")
    document = json.loads(told.pop("document"))
    del told["ResponseMetadata"]
    assert told == {
        "templateName": "AWS-Download-File",
        "templateArn": managed_arn("AWS-Download-File"),
        "description": managed.find("AWS-Download-File").description,
        "templateVersion": "1.0",
        "environments": ["LINUX"],
    }
    assert [(p["key"], p["optional"]) for p in parameters] == [
        ("downloadUrl", False),
        ("filePath", False),
        ("pathToHandler", True),
        ("runAsUser", True),
    ]
    assert all(set(p) == {"key", "description", "regex", "example", "optional"} for p in parameters)
    (step,) = document["steps"]
    assert step["action"]["input"]["args"] == [
        "${aws:iot:parameter:downloadUrl}",
        "${aws:iot:parameter:filePath}",
    ]


@pytest.mark.parametrize(
    "said",
    [
        {"templateName": "AWS-Reboot"},
        {"templateName": "AWS-Reboot", "templateVersion": "1.0"},
        {"templateName": managed_arn("AWS-Reboot")},
    ],
)
def test_without_a_version_the_first_is_meant(shared_site, said):
    assert shared_site.iot.describe_managed_job_template(**said)["templateVersion"] == "1.0"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"templateName": "AWS-Fly"}, "'AWS-Fly'"),
        ({"templateName": "AWS-Reboot", "templateVersion": "2.0"}, "version '2.0'"),
    ],
)
def test_what_is_not_there_is_not_found(shared_site, said, reason):
    iot = shared_site.iot
    code, status, message = refused(iot.describe_managed_job_template, **said)
    assert (code, status) == ("ResourceNotFoundException", 404)
    assert reason in message
    if "templateVersion" not in said:
        assert refused(iot.list_managed_job_templates, **said)[:2] == ("ResourceNotFoundException", 404)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"nextToken": "never"}, "nextToken 'never'"),
        ({"maxResults": 251}, "maxResults"),
        ({"templateName": arn("jobtemplate/x")}, "templateName"),
    ],
)
def test_a_list_that_cannot_be_is_refused(shared_site, said, reason):
    code, status, message = refused(shared_site.iot.list_managed_job_templates, **said)
    assert (code, status) == ("InvalidRequestException", 400)
    assert reason in message


# --- jobs made from them ---


@pytest.fixture
def target(shared_site):
    shared_site.door.ok("POST", "/things", {"thingName": "t"})
    return arn("thing/t")


def make(site, job_id, target, template, **more):
    said = {"jobTemplateArn": managed_arn(template), **more}
    return site.iot.create_job(jobId=job_id, targets=[target], **said)


def test_a_job_keeps_the_document_filled_in_and_the_one_before(shared_site, target):
    iot = shared_site.iot
    values = {"downloadUrl": 'https://x/"quoted"', "filePath": "/srv/a b"}
    made = make(shared_site, "managed", target, "AWS-Download-File", documentParameters=values)
    template = managed.find("AWS-Download-File")
    assert made["description"] == template.description
    filled = iot.get_job_document(jobId="managed")["document"]
    assert json.loads(filled)["steps"][0]["action"] == {
        "name": "Download-File",
        "type": "runHandler",
        "input": {
            "handler": "download-file.sh",
            "args": ['https://x/"quoted"', "/srv/a b"],
            "path": "",
        },
        "runAsUser": "",
    }
    before = iot.get_job_document(jobId="managed", beforeSubstitution=True)["document"]
    assert before == template.document
    job = iot.describe_job(jobId="managed")["job"]
    assert job["documentParameters"] == values
    assert job["jobTemplateArn"] == managed_arn("AWS-Download-File")
    (queued,) = shared_site.jobs_data.get_pending_job_executions(thingName="t")["queuedJobs"]
    execution = shared_site.jobs_data.start_next_pending_job_execution(thingName="t")["execution"]
    assert (queued["jobId"], execution["jobDocument"]) == ("managed", filled)
    assert shared_site.door.ok("GET", "/jobs/managed/document")["document"] == filled
    shared_site.jobs_data.update_job_execution(thingName="t", jobId="managed", status="SUCCEEDED")
    assert iot.describe_job(jobId="managed")["job"]["status"] == "COMPLETED"


def test_a_job_of_a_managed_template_is_shown_by_our_own_api_too(shared_site, target):
    make(shared_site, "rebooted", target, "AWS-Reboot", description="mine")
    ours = shared_site.door.ok("GET", "/jobs/rebooted")["job"]
    assert (ours["description"], ours["jobTemplateId"]) == ("mine", "AWS-Reboot:1.0")
    listed = shared_site.door.ok("GET", "/jobs")["jobs"]
    assert "rebooted" in [job["jobId"] for job in listed]
