"""What tests say about answers: what is in them, and what a call that must fail was told."""

import json

import pytest
from botocore.exceptions import ClientError


def body(answer):
    """Return an answer without what boto3 adds to it."""
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def refused(call, **said):
    """Return code, status and message of a call that must fail; its exception is one of the service's own."""
    with pytest.raises(ClientError) as caught:
        call(**said)
    answer = caught.value.response
    assert type(caught.value).__name__ == answer["Error"]["Code"]
    return (
        answer["Error"]["Code"],
        answer["ResponseMetadata"]["HTTPStatusCode"],
        answer["Error"]["Message"],
    )


def told(site, method, path, said=None):
    """Send a device's request that no client would, signed; return status and answer."""
    sent = None if said is None else json.dumps(said).encode()
    status, _, raw = site.exchange(method, f"/aws/iot-jobs-data{path}", sent)
    return status, json.loads(raw)
