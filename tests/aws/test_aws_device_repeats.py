"""A device's SDK that has not heard an answer sends its call again, and it is done once (promises C2)."""

import json

import boto3
import pytest
from aws_fleet import DOCUMENT
from aws_site import REGION
from botocore.config import Config
from lossy_wire import lossy


@pytest.fixture
def send(shared_site, thing, make):
    """Give a function that sends an update of the device's with a number of the call."""
    path = f"/aws/iot-jobs-data/things/{thing}/jobs/{make()}"

    def send(number, **said):
        body = json.dumps({"status": "IN_PROGRESS", "includeJobExecutionState": True, **said}).encode()
        headers = {} if number is None else {"amz-sdk-invocation-id": number}
        status, _, raw = shared_site.exchange("POST", path, body, headers)
        return status, json.loads(raw)

    return send


def version(answer):
    status, told = answer
    assert status == 200, told
    return told["executionState"]["versionNumber"]


def test_the_same_call_sent_again_gets_the_same_answer(send):
    first = send("one", expectedVersion=1)
    assert version(first) == 2
    assert send("one", expectedVersion=1) == first
    assert version(send("two")) == 3
    assert send("one", expectedVersion=1) == first
    last = send("three", status="SUCCEEDED", includeJobDocument=True)
    assert last[1] == {
        "executionState": {"status": "SUCCEEDED", "versionNumber": 4},
        "jobDocument": DOCUMENT,
    }
    assert send("three", status="SUCCEEDED", includeJobDocument=True) == last


def test_another_call_is_another_call_whatever_it_is_numbered(send):
    assert version(send("one")) == 2
    assert version(send("one", statusDetails={"a": "b"})) == 3
    assert version(send(None)) == 4
    assert version(send(None)) == 5
    # None of an SDK's.
    assert version(send("x" * 49)) == 6
    assert version(send("x" * 49)) == 7


@pytest.mark.parametrize("losses", [1, 2])
def test_boto3_hears_that_its_update_succeeded_although_the_answer_was_lost(shared_site, thing, make, losses):
    job = make()
    with lossy(shared_site.door.port, losses) as wire:
        client = boto3.session.Session().client(
            "iot-jobs-data",
            endpoint_url=f"http://127.0.0.1:{wire.port}/aws/iot-jobs-data",
            region_name=REGION,
            aws_access_key_id=shared_site.keys.key_id,
            aws_secret_access_key=shared_site.keys.secret,
            config=Config(retries={"total_max_attempts": 3, "mode": "standard"}),
        )
        told = client.update_job_execution(
            thingName=thing, jobId=job, status="SUCCEEDED", expectedVersion=1, includeJobExecutionState=True
        )
        client.close()
    assert wire.lost == losses
    assert told["ResponseMetadata"]["RetryAttempts"] == losses
    assert told["executionState"] == {"status": "SUCCEEDED", "versionNumber": 2}
