"""What our own API makes, with all that AWS has not, reads on AWS's planes as AWS's models have it."""

from urllib.parse import quote

import model_words
import pytest
from aws_fleet import tick
from aws_site import arn, opened_site
from wild_requests import SERVICES

from api.aws.operations import CONTROL, DATA

WAVES = {
    "waves": [{"count": 1, "gate": {"approval": True, "bakeMinutes": 0}}, {"percent": 100}],
    "maximumInFlight": 2,
}
WINDOWS = {
    "maintenanceWindows": [{"startTime": "cron(0 2 * * ? *)", "durationInMinutes": 60}],
    "timeZone": "thing",
    "blackoutDates": ["2024-06-12"],
    "closeBehavior": "TIME_OUT",
}
JOBS = {
    "waves": {"stagedRolloutConfig": WAVES, "targets": ["t1", "t2", "t3"]},
    "paused": {"targets": ["t1", "thinggroup/g"]},
    "windows": {
        "targets": ["t1", "t2"],
        "targetSelection": "CONTINUOUS",
        "schedulingConfig": WINDOWS,
        "priority": 7,
        "exclusiveGroup": "radio",
    },
    "follows": {"targets": ["thinggroup/g"], "targetSelection": "CONTINUOUS", "excludedTargets": ["t2"]},
    "values": {
        "targets": ["t1", "t2"],
        "document": '{"s": "${thingjobs:value:s}"}',
        "valuesCsv": "thingName,s\nt1,1\nt2,2",
    },
    "fails": {
        "targets": ["t3"],
        "retryPolicyConfig": {"retryable": {"numberOfRetries": 2}},
        "timeoutConfig": {"queuedTimeoutInMinutes": 60, "inProgressTimeoutInMinutes": 1},
    },
    "later": {
        "targets": ["t3"],
        "schedulingConfig": {"startTime": "2024-07-01T00:00", "endTime": "2024-08-01T00:00"},
    },
}
NAMES = {
    "jobId": list(JOBS),
    "thingName": ["t1", "t2", "t3"],
    "thingGroupName": ["g", "inner", "dynamic"],
    "jobTemplateId": ["x"],
    "resourceArn": [arn("job/waves"), arn("jobtemplate/x"), arn("thinggroup/g")],
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with opened_site(tmp_path_factory.mktemp("elsewhere") / "data") as site:
        door = site.door
        for name in NAMES["thingName"]:
            many = {f"a{number}": "v" for number in range(20)}
            door.ok("POST", "/things", {"thingName": name, "attributes": many, "timeZone": "Asia/Kolkata"})
        door.ok(
            "POST", "/thing-groups", {"thingGroupName": "g", "timeZone": "Europe/Berlin", "description": "d"}
        )
        door.ok("POST", "/thing-groups", {"thingGroupName": "inner", "parentGroupName": "g"})
        door.ok("POST", "/thing-groups", {"thingGroupName": "dynamic", "queryString": "attributes.a1:v"})
        door.ok("PUT", "/thing-groups/inner/things", {"things": ["t1", "t2"]})
        for name, more in JOBS.items():
            asked = {"jobId": name, "targetSelection": "SNAPSHOT", "document": "{}", **more}
            door.ok("POST", "/jobs", asked)
        kept = {"stagedRolloutConfig": WAVES, "priority": 3, "document": "{}", "description": "d"}
        door.ok("POST", "/job-templates", {"jobTemplateId": "x", **kept})
        door.ok("POST", "/jobs/paused/pause", {"comment": "wait"})
        site.jobs_data.start_next_pending_job_execution(thingName="t3", statusDetails={"a": "1"})
        site.jobs_data.start_next_pending_job_execution(thingName="t1")
        for _ in range(3):
            door.later(minutes=5)
            door.run(door.store.write(tick, at=door.at))
        yield site


READS = [
    pytest.param(service, operation, id=f"{service} {operation.name}")
    for service, operations in (("iot", CONTROL), ("iot-jobs-data", DATA))
    for operation in operations
    if operation.name.startswith(("Describe", "Get", "List"))
]


def paths(operation):
    """Give the paths of an operation, with each of the names that are there."""
    found = [f"/{'/'.join(operation.segments)}"]
    for member in [piece[1:-1] for piece in operation.segments if piece.startswith("{")]:
        known = NAMES.get(member, [])
        found = [path.replace(f"{{{member}}}", name) for path in found for name in known]
    if "resourceArn" in operation.query:
        found = [
            f"{path}?resourceArn={quote(name, safe='')}" for path in found for name in NAMES["resourceArn"]
        ]
    return found


@pytest.mark.parametrize(("service", "operation"), READS)
def test_what_was_made_elsewhere_reads_as_the_model_has_it(site, service, operation):
    model = SERVICES[service].operation_model(operation.name)
    for path in paths(operation):
        status, headers, raw = site.exchange(operation.method, f"/aws/{service}{path}", service=service)
        if status == 200:
            model_words.success(model, status, headers, raw)
        else:
            model_words.failure(model, status, headers, raw, {"InvalidRequestException": 400})
