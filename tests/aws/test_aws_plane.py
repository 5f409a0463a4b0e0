"""What holds for every operation of the AWS planes: paths, errors, forms."""

import json

import pytest
from botocore.exceptions import ClientError

from api.aws.operations import CONTROL, DATA


def test_an_operation_we_do_not_have_answers_as_aws_would(shared_site):
    with pytest.raises(ClientError) as caught:
        shared_site.iot.list_authorizers()
    assert caught.value.response["Error"]["Code"] == "UnknownOperationException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    assert "GET '/aws/iot/authorizers/'" in str(caught.value)


@pytest.mark.parametrize("path", ["/aws/iot", "/aws/iot/", "/aws/iot/nothing", "/aws/iot-jobs-data/things"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_nothing_below_the_prefixes_answers_in_our_own_form(shared_site, method, path):
    status, headers, raw = shared_site.exchange(method, path)
    assert (status, headers["x-amzn-errortype"]) == (404, "UnknownOperationException")
    assert headers["content-type"].startswith("application/json")
    assert headers["x-amzn-requestid"] == headers["x-request-id"]
    assert set(json.loads(raw)) == {"message"}


def test_no_two_operations_are_reached_by_the_same_request():
    for plane in (CONTROL, DATA):
        reached = [(each.method, tuple("{}" if s[0] == "{" else s for s in each.segments)) for each in plane]
        assert len(reached) == len(set(reached))
        assert len({each.name for each in plane}) == len(plane)


@pytest.mark.parametrize(
    ("service", "call", "said"),
    [
        ("iot", "create_job", {"jobId": "j", "targets": ["t"], "document": "x" * 600_000}),
        ("iot", "create_thing", {"thingName": "t", "attributePayload": {"attributes": {"a": "x" * 600_000}}}),
        (
            "iot-jobs-data",
            "update_job_execution",
            {"thingName": "t", "jobId": "j", "status": "FAILED", "statusDetails": {"a": "x" * 600_000}},
        ),
    ],
)
def test_a_body_that_is_too_large_raises_what_the_client_knows(shared_site, service, call, said):
    client = shared_site.client(service)
    with pytest.raises(client.exceptions.InvalidRequestException) as caught:
        getattr(client, call)(**said)
    told = caught.value.response
    assert told["ResponseMetadata"]["HTTPStatusCode"] == 413
    assert "the body is larger than" in told["Error"]["Message"]


def test_what_is_wrong_in_a_list_is_said_once(shared_site):
    status, _, raw = shared_site.exchange("PUT", "/aws/iot/jobs/j", b'{"targets": [1], "document": "{}"}')
    assert status == 400
    assert json.loads(raw)["message"] == "targets[0] must be a string, not a number"
    status, _, raw = shared_site.exchange("PUT", "/aws/iot/jobs/j", b'{"targets": [], "document": "{}"}')
    assert "targets has 0 entries; at least 1 allowed" in json.loads(raw)["message"]
