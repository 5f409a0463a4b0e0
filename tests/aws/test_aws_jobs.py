"""Jobs made with boto3: what is kept and shown, and what an id that is taken means (contract 1.4, 4.2)."""

import json

import boto3
import pytest
from asking import body, refused
from aws_configs import CONFIGS, RATE
from aws_fleet import DOCUMENT, Fleet
from aws_site import REGION, arn
from botocore.exceptions import ConnectionClosedError
from sites import BOTH

from storage import tags

DIALECTS = BOTH

PACKAGES = ["arn:aws:iot:us-east-1:123456789012:package/a/version/1"]
#: The server's clock stands at 2024-06-10 06:13:20.123.
NOW = 1718000000.123
COUNTED = ("Canceled", "Succeeded", "Failed", "Rejected", "Queued", "InProgress", "Removed", "TimedOut")


def test_the_example_of_the_contract_to_the_letter(site):
    fleet = Fleet(site)
    thing, group = fleet.things("t1")[0], fleet.group("lab")
    fleet.things("t2")
    fleet.join("lab", "t2")
    said = {
        "targets": [thing, group],
        "document": '{"op":"update"}',
        "targetSelection": "CONTINUOUS",
        "timeoutConfig": {"inProgressTimeoutInMinutes": 30},
    }
    status, headers, raw = site.exchange("PUT", "/aws/iot/jobs/fw-7", json.dumps(said).encode())
    assert (status, json.loads(raw)) == (200, {"jobArn": arn("job/fw-7"), "jobId": "fw-7"})
    assert headers["content-type"].startswith("application/json")
    status, _, raw = site.exchange("GET", "/aws/iot/jobs/fw-7")
    assert json.loads(raw) == {
        "job": {
            "jobArn": arn("job/fw-7"),
            "jobId": "fw-7",
            "targetSelection": "CONTINUOUS",
            "status": "IN_PROGRESS",
            "targets": [thing, group],
            "presignedUrlConfig": {},
            "jobExecutionsRolloutConfig": {},
            "createdAt": NOW,
            "lastUpdatedAt": NOW,
            "jobProcessDetails": {
                **{f"numberOf{word}Things": 0 for word in COUNTED},
                "numberOfQueuedThings": 2,
            },
            "timeoutConfig": {"inProgressTimeoutInMinutes": 30},
            "isConcurrent": False,
        }
    }


def test_every_member_is_kept_and_shown(fleet):
    members = {
        **CONFIGS,
        "description": "firmware 7",
        "targetSelection": "CONTINUOUS",
        "namespaceId": "edge",
        "schedulingConfig": {
            "startTime": "2024-06-10 07:00",
            "endTime": "2024-06-20T07:00:00+02:00",
            "endBehavior": "CANCEL",
            "maintenanceWindows": [{"startTime": "cron(0 2 * * ? *)", "durationInMinutes": 60}],
        },
        "destinationPackageVersions": PACKAGES,
    }
    job = fleet.name("j")
    answer = fleet.iot.create_job(
        jobId=job,
        targets=fleet.things("t"),
        document=DOCUMENT,
        tags=[{"Key": "team", "Value": "a"}],
        **members,
    )
    assert body(answer) == {"jobArn": arn(f"job/{job}"), "jobId": job, "description": "firmware 7"}
    shown = fleet.described(job)
    assert {name: shown[name] for name in members} == members
    assert (shown["status"], shown["isConcurrent"]) == ("SCHEDULED", False)
    assert "processingTargets" not in shown["jobProcessDetails"]
    nights = [f"2024-06-{day} 02:00" for day in (11, 12, 13, 14, 15, 16, 17)]
    assert shown["scheduledJobRollouts"] == [{"startTime": night} for night in nights]
    assert fleet.iot.get_job_document(jobId=job)["document"] == DOCUMENT


def test_the_tags_of_a_job_go_with_it(fleet):
    tag = {"Key": "team", "Value": "a"}
    job = fleet.job("j", *fleet.things("t"), tags=[tag, {"Key": "bare"}])
    door = fleet.site.door
    assert door.run(door.store.read(tags.of, f"job/{job}")) == {"team": "a", "bare": ""}
    fleet.iot.delete_job(jobId=job, force=True)
    assert door.run(door.store.read(tags.of, f"job/{job}")) == {}
    fleet.job("j", arn(f"thing/{fleet.name('t')}"))
    assert door.run(door.store.read(tags.of, f"job/{job}")) == {}


def test_a_snapshot_is_what_a_job_is_by_default_and_it_ends(fleet):
    job = fleet.job("j", *fleet.things("t"))
    assert fleet.described(job)["targetSelection"] == "SNAPSHOT"
    fleet.report(job, "t", "SUCCEEDED")
    shown = fleet.described(job)
    assert (shown["status"], shown["completedAt"]) == ("COMPLETED", shown["lastUpdatedAt"])


def test_a_job_is_named_by_its_arn_as_well_in_any_partition(fleet):
    job = fleet.job("j", *fleet.things("t"))
    for named in (arn(f"job/{job}"), arn(f"job/{job}").replace(":aws:", ":aws-cn:")):
        assert fleet.iot.describe_job(jobId=named)["job"]["jobId"] == job
        assert fleet.iot.get_job_document(jobId=named)["document"] == DOCUMENT
        fleet.iot.update_job(jobId=named, description="x")
        assert fleet.iot.list_job_executions_for_job(jobId=named)["executionSummaries"]
        named_thing = arn(f"thing/{fleet.name('t')}")
        assert (
            fleet.iot.describe_job_execution(jobId=named, thingName=named_thing)["execution"]["jobId"] == job
        )
        assert fleet.iot.list_job_executions_for_thing(thingName=named_thing, jobId=named)[
            "executionSummaries"
        ]
    elsewhere = named_thing.replace(":aws:", ":aws-us-gov:")
    fleet.iot.create_job(jobId=arn(f"job/{job}x"), targets=[elsewhere], document="{}")
    assert fleet.described(f"{job}x")["targets"] == [named_thing]
    assert fleet.iot.cancel_job(jobId=arn(f"job/{job}x"))["jobId"] == f"{job}x"
    fleet.iot.delete_job(jobId=arn(f"job/{job}x"))
    for foreign in (
        arn(f"thing/{job}"),
        arn(f"job/{job}").replace("123456789012", "999999999999"),
        arn(f"job/{job}").replace("us-east-1", "eu-west-1"),
    ):
        code, status, message = refused(fleet.iot.describe_job, jobId=foreign)
        assert (code, status) == ("InvalidRequestException", 400)
        assert foreign[:40] in message


def test_the_most_a_minute_may_stand_in_the_exponential_rate_and_is_shown_beside(fleet):
    inside = {"exponentialRate": {**RATE["exponentialRate"], "maximumPerMinute": 500}}
    said = {"targets": fleet.things("t"), "document": "{}", "jobExecutionsRolloutConfig": inside}
    path = f"/aws/iot/jobs/{fleet.name('j')}"
    assert fleet.site.exchange("PUT", path, json.dumps(said).encode())[0] == 200
    assert fleet.described(fleet.name("j"))["jobExecutionsRolloutConfig"] == RATE


def test_a_document_may_be_as_large_as_it_may_be_however_it_is_escaped(fleet):
    document = json.dumps({"a": "é" * 16_379}, ensure_ascii=False, separators=(",", ":")) + "\n"
    assert len(document.encode()) == 32_767
    names = [f"t{number:02}-{'x' * 110}" for number in range(100)]
    job = fleet.job("j", *fleet.things(*names), document=document, description="é" * 2028)
    assert fleet.iot.get_job_document(jobId=job)["document"] == document


# --- the same id again ---


def test_an_id_that_is_taken_is_taken_even_by_the_same_job(fleet):
    said = {"jobId": fleet.name("j"), "targets": fleet.things("t"), "document": "{}"}
    fleet.iot.create_job(**said)
    for again in (said, {**said, "document": '{"a":1}'}):
        with pytest.raises(fleet.iot.exceptions.ResourceAlreadyExistsException) as caught:
            fleet.iot.create_job(**again)
        told = caught.value.response
        assert told["ResponseMetadata"]["HTTPStatusCode"] == 409
        assert told["Error"]["Message"] == f"Job {said['jobId']} already exists"
        assert (told["resourceId"], told["resourceArn"]) == (said["jobId"], arn(f"job/{said['jobId']}"))
    fleet.iot.delete_job(jobId=said["jobId"], force=True)
    fleet.iot.create_job(**said)


def test_a_call_that_an_sdk_sends_again_gets_the_answer_it_has_not_heard(fleet):
    path = f"/aws/iot/jobs/{fleet.name('j')}"
    said = {"targets": fleet.things("t"), "document": "{}"}

    def send(call, **more):
        sent = json.dumps({**said, **more}).encode()
        status, headers, raw = fleet.site.exchange("PUT", path, sent, headers=call)
        return status, headers.get("x-amzn-errortype"), json.loads(raw)

    first = send({"amz-sdk-invocation-id": "one", "amz-sdk-request": "attempt=1"})
    assert first[0] == 200
    assert send({"amz-sdk-invocation-id": "one", "amz-sdk-request": "attempt=2"}) == first
    taken = (409, "ResourceAlreadyExistsException")
    assert send({"amz-sdk-invocation-id": "one"}, description="another")[:2] == taken
    assert send({"amz-sdk-invocation-id": "two"})[:2] == taken
    assert send({})[:2] == taken
    assert send({"amz-sdk-invocation-id": "x" * 49})[:2] == taken
    path = f"/aws/iot/jobs/{fleet.name('k')}"
    assert send({"amz-sdk-invocation-id": "one"})[0] == 200


def test_boto3_itself_goes_on_after_an_answer_that_was_lost(fleet):
    site, attempts = fleet.site, []
    client = boto3.session.Session().client(
        "iot",
        endpoint_url=f"{site.url}/aws/iot",
        region_name=REGION,
        aws_access_key_id=site.keys.key_id,
        aws_secret_access_key=site.keys.secret,
    )

    def lose(request, **_):
        attempts.append(request.headers["amz-sdk-invocation-id"])
        if len(attempts) > 1:
            return
        target = request.url.removeprefix(site.url)
        headers = {
            name: value if isinstance(value, str) else value.decode()
            for name, value in request.headers.items()
        }
        assert site.send(request.method, target, request.body, headers)[0] == 200
        raise ConnectionClosedError(endpoint_url=request.url)

    client.meta.events.register("before-send.iot.CreateJob", lose)
    job = fleet.name("j")
    answer = client.create_job(jobId=job, targets=fleet.things("t"), document="{}")
    client.close()
    assert (answer["jobId"], answer["ResponseMetadata"]["RetryAttempts"]) == (job, 1)
    assert (len(attempts), len(set(attempts))) == (2, 1)


def test_boto3_tells_its_calls_apart(fleet):
    seen = []
    client = fleet.site.client("iot")
    client.meta.events.register(
        "before-send.iot.CreateJob",
        lambda request, **_: seen.append(request.headers["amz-sdk-invocation-id"]),
    )
    said = {"targets": fleet.things("t"), "document": "{}"}
    client.create_job(jobId=fleet.name("a"), **said)
    client.create_job(jobId=fleet.name("b"), **said)
    client.close()
    assert len(set(seen)) == 2
