"""A client written from the document alone: it sends and reads the printed keys and no others (V32)."""

from typing import Any

import pytest
from http_door import Operation

from domain.execution import Status

JOB = {
    "jobArn": "",
    "jobId": "",
    "targets": [""],
    "targetSelection": "",
    "description": "",
    "status": "",
}
TEMPLATE = {
    "jobTeplateArn": "",
    "jobTemplateId": "",
    "document": "",
    "description": "",
    "presignedUrlConfig": {},
    "jobExecutionsRolloutConfig": {},
    "timeoutConfig": {},
}
EXECUTION = {
    "status": "",
    "queuedAt": "",
    "startedAt": "",
    "lastUpdatedAt": "",
    "executionNumber": "",
}
#: Success bodies as printed; an empty string stands for any string.
PRINTED: dict[str, Any] = {
    "associate": {"associated": True},
    "cancel": {"canceled": True},
    "create": {"created": True},
    "delete": {"deleted": True},
    "update": {"updated": True},
    "job": {"job": JOB},
    "document": {"document": ""},
    "template": {"jobTemplate": TEMPLATE},
    "execution": {
        "execution": {
            **EXECUTION,
            "jobId": "",
            "statusDetails": {"detailsMap": {"action": "", "progress": ""}},
            "thingArn": "",
            "versionNumber": 0,
        }
    },
    "jobs": {"jobs": [JOB], "nextToken": None},
    "for job": {"jobExecutions": [{"thingArn": "", "jobExecution": EXECUTION}], "nextToken": None},
    "for thing": {"jobExecution": [{"jobId": "", "jobExecution": EXECUTION}], "nextToken": None},
    "templates": {"JobTemplates": [TEMPLATE], "nextToken": None},
}


def printed(shape: Any, found: Any) -> Any:
    """Return of ``found`` what the document prints; fails where something printed is not there."""
    if isinstance(shape, dict):
        return {key: printed(inner, found[key]) for key, inner in shape.items()}
    if isinstance(shape, list):
        return [printed(shape[0], entry) for entry in found]
    assert isinstance(found, type(shape)), (shape, found)
    return found


@pytest.fixture
def ask(door):
    def call(shape: str, method: str, path: str, body: object = None) -> Any:
        return printed(PRINTED[shape], door.ok(method, path, body))

    return call


def test_a_client_that_knows_only_the_document_gets_its_work_done(door, ask):
    asked = {
        "targets": ["pump-1", "pump-2"],
        "targetSelection": "CONTINUOUS",
        "document": '{"operation":"x"}',
    }
    assert ask("create", "POST", "/jobs", {**asked, "description": "first"}) == {"created": True}

    # The document returns no id, so its reader looks for the description.
    jobs = door.ok("GET", "/jobs")["jobs"]
    job = next(entry["jobId"] for entry in jobs if entry["description"] == "first")
    assert ask("associate", "PUT", f"/jobs/{job}/associate", {"targets": ["pump-3"]}) == {"associated": True}
    assert ask("update", "PUT", f"/jobs/{job}", {"description": "renamed"}) == {"updated": True}
    shown = ask("job", "GET", f"/jobs/{job}")["job"]
    assert shown["targets"] == ["pump-1", "pump-2", "pump-3"]
    assert (shown["status"], shown["description"]) == ("IN_PROGRESS", "renamed")
    assert ask("jobs", "GET", "/jobs")["jobs"] == [shown]
    assert ask("document", "GET", f"/jobs/{job}/document") == {"document": '{"operation":"x"}'}

    details = {"action": "installing", "progress": "50%"}
    for thing in ("pump-1", "pump-2"):
        door.device(thing, Operation.UPDATE, job, status=Status.IN_PROGRESS, status_details=details)
    execution = ask("execution", "GET", f"/jobs/{job}/things/pump-1")["execution"]
    assert execution["statusDetails"]["detailsMap"] == details

    for_job = door.ok("GET", f"/jobs-executions/jobs/{job}?status=IN_PROGRESS")
    assert len(printed(PRINTED["for job"], for_job)["jobExecutions"]) == 2
    for_thing = ask("for thing", "GET", "/jobs-executions/things/pump-1?status=IN_PROGRESS")["jobExecution"]
    assert [entry["jobId"] for entry in for_thing] == [job]

    stop = {
        "expectedVersion": execution["versionNumber"],
        "statusDetails": {"detailsMap": {}},
        "detailsMap": {},
        "action": "stopped",
        "progress": "51%",
        "force": True,
    }
    assert ask("cancel", "PUT", f"/jobs/{job}/things/pump-1/cancel", stop) == {"canceled": True}
    gone = {"executionNumber": execution["executionNumber"], "force": True}
    assert ask("delete", "DELETE", f"/jobs/{job}/things/pump-2", gone) == {"deleted": True}
    assert ask("cancel", "PUT", f"/jobs/{job}/cancel", {"comment": "done", "force": False})
    assert ask("delete", "DELETE", f"/jobs/{job}", {"force": True}) == {"deleted": True}


def test_a_client_that_knows_only_the_document_works_with_templates(ask):
    asked = {"document": '{"operation":"x"}', "description": "kept"}
    assert ask("create", "POST", "/job-templates", asked) == {"created": True}
    (listed,) = ask("templates", "GET", "/job-templates")["JobTemplates"]
    assert listed["jobTeplateArn"].endswith(listed["jobTemplateId"])
    path = f"/job-templates/{listed['jobTemplateId']}"
    assert ask("template", "GET", path)["jobTemplate"] == listed
    assert (listed["document"], listed["description"]) == (asked["document"], "kept")
    assert ask("delete", "DELETE", path) == {"deleted": True}
