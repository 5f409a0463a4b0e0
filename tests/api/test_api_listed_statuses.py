"""Every operation of the customer's document with every status that the document lists for it."""

import pytest
from sites import BOTH

from api.routes import CUSTOMER

DIALECTS = BOTH

NEW = {"targets": ["t"], "targetSelection": "SNAPSHOT", "document": "{}"}
KEPT = {"document": "{}", "description": "d"}
MORE = {"targets": ["u"]}

#: Operation, status, path, body. There is a job j on t, a continuous one c, a template x.
LISTED = [
    ("associateTargets", 200, "/jobs/c/associate", MORE),
    ("associateTargets", 404, "/jobs/none/associate", MORE),
    ("cancelJob", 200, "/jobs/j/cancel", {"comment": "no", "force": False}),
    ("cancelJob", 404, "/jobs/none/cancel", {}),
    ("cancelJobExecution", 200, "/jobs/j/things/t/cancel", {}),
    ("cancelJobExecution", 404, "/jobs/none/things/t/cancel", {}),
    ("cancelJobExecution", 404, "/jobs/j/things/none/cancel", {}),
    ("createJob", 200, "/jobs", NEW),
    ("createJob", 422, "/jobs", {**NEW, "targets": None}),
    ("createJob", 422, "/jobs", {"targets": ["t"], "targetSelection": "SNAPSHOT"}),
    ("createJob", 422, "/jobs", {"targets": ["t"], "document": "{}"}),
    ("createJob", 422, "/jobs", {"targetSelection": "SNAPSHOT", "document": "{}"}),
    ("createJob", 422, "/jobs", {**NEW, "targets": ["thinggroup/none"]}),
    ("createJob", 422, "/jobs", {**NEW, "document": '{"a":"${aws:iot:none:x}"}'}),
    ("createJobTemplate", 200, "/job-templates", KEPT),
    ("createJobTemplate", 422, "/job-templates", {"document": "{}"}),
    ("createJobTemplate", 422, "/job-templates", {"description": "d"}),
    ("createJobTemplate", 422, "/job-templates", {**KEPT, "document": '{"a":"${aws:iot:none:x}"}'}),
    ("deleteJob", 200, "/jobs/j", {"force": True}),
    ("deleteJob", 404, "/jobs/none", {"force": True}),
    ("deleteJobExecution", 200, "/jobs/j/things/t", {"executionNumber": "1"}),
    ("deleteJobExecution", 404, "/jobs/none/things/t", {}),
    ("deleteJobExecution", 404, "/jobs/j/things/none", {}),
    ("deleteJobExecution", 404, "/jobs/j/things/t", {"executionNumber": "2"}),
    ("deleteJobTemplate", 200, "/job-templates/x", None),
    ("deleteJobTemplate", 404, "/job-templates/none", None),
    ("getJob", 200, "/jobs/j", None),
    ("getJob", 404, "/jobs/none", None),
    ("getJobDocument", 200, "/jobs/j/document", None),
    ("getJobDocument", 404, "/jobs/none/document", None),
    ("getJobTemplate", 200, "/job-templates/x", None),
    ("getJobTemplate", 404, "/job-templates/none", None),
    ("getJobExecution", 200, "/jobs/j/things/t", None),
    ("getJobExecution", 404, "/jobs/none/things/t", None),
    ("getJobExecution", 404, "/jobs/j/things/none", None),
    ("listJobs", 200, "/jobs", None),
    ("listJobExecutionsForJob", 200, "/jobs-executions/jobs/j?status=QUEUED", None),
    ("listJobExecutionsForJob", 404, "/jobs-executions/jobs/none", None),
    ("listJobExecutionsForThing", 200, "/jobs-executions/things/t?status=QUEUED", None),
    ("listJobExecutionsForThing", 404, "/jobs-executions/things/none", None),
    ("listJobTemplates", 200, "/job-templates", None),
    ("updateJob", 200, "/jobs/j", {"description": "d"}),
    ("updateJob", 404, "/jobs/none", {"description": "d"}),
    ("updateJob", 422, "/jobs/j", {}),
]
METHODS = {route.name: route.method for route in CUSTOMER}


def test_all_seventeen_operations_are_asked():
    assert len(METHODS) == 17
    assert [name for name in METHODS if (name, 200) not in {row[:2] for row in LISTED}] == []


@pytest.mark.parametrize(
    ("operation", "status", "path", "body"),
    LISTED,
    ids=[f"{row[0]}-{row[1]}-{number}" for number, row in enumerate(LISTED)],
)
def test_an_operation_answers_as_listed(door, operation, status, path, body):
    door.job("t", jobId="j")
    door.job("t", jobId="c", targetSelection="CONTINUOUS")
    door.ok("POST", "/job-templates", {**KEPT, "jobTemplateId": "x"})
    reply = door(METHODS[operation], path, body)
    assert reply.status == status, reply
    if status != 200:
        assert len(reply.error) > 10
