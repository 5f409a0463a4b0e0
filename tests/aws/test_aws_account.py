"""The account as a whole with boto3: endpoints, and which events are published (contract 4.4)."""

import json

import pytest
from asking import body, refused
from aws_site import opened_site

from api.endpoints import Endpoints
from storage import event_configurations

KINDS = {
    "THING", "THING_GROUP", "THING_TYPE", "THING_GROUP_MEMBERSHIP", "THING_GROUP_HIERARCHY",
    "THING_TYPE_ASSOCIATION", "JOB", "JOB_EXECUTION", "POLICY", "CERTIFICATE", "CA_CERTIFICATE",
}  # fmt: skip


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """Give a server that is told how it is reached."""
    endpoints = Endpoints("mqtt.example.com", "api.example.com:8443")
    with opened_site(tmp_path_factory.mktemp("account") / "data", endpoints=endpoints) as site:
        yield site.iot


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("iot:Data-ATS", "mqtt.example.com"),
        ("iot:Data", "mqtt.example.com"),
        ("iot:Jobs", "api.example.com:8443"),
        ("iot:CredentialProvider", "api.example.com:8443"),
    ],
)
def test_each_type_of_endpoint_has_an_address(told, kind, found):
    assert body(told.describe_endpoint(endpointType=kind)) == {"endpointAddress": found}


def test_without_a_type_it_is_that_of_devices(told):
    assert body(told.describe_endpoint()) == {"endpointAddress": "mqtt.example.com"}


@pytest.mark.parametrize("kind", ["iot:data", "jobs", "iot:Data-Beta"])
def test_another_type_is_refused(told, kind):
    code, status, message = refused(told.describe_endpoint, endpointType=kind)
    assert (code, status) == ("InvalidRequestException", 400)
    assert f"endpointType '{kind}' is not one of iot:Data-ATS, iot:Data, iot:Jobs" in message


def enabled(iot):
    found = iot.describe_event_configurations()["eventConfigurations"]
    assert set(found) == KINDS
    return {kind for kind, said in found.items() if said["Enabled"]}


def test_no_event_is_published_before_anybody_says_so(site):
    assert enabled(site.iot) == set()
    assert set(body(site.iot.describe_event_configurations())) == {"eventConfigurations"}


def test_kinds_of_event_are_switched_one_by_one(site):
    iot, first = site.iot, site.door.at
    said = {"JOB": {"Enabled": True}, "JOB_EXECUTION": {"Enabled": True}, "THING": {"Enabled": True}}
    assert body(iot.update_event_configurations(eventConfigurations=said)) == {}
    site.door.later(minutes=1)
    iot.update_event_configurations(eventConfigurations={"JOB": {"Enabled": False}, "THING": {}})
    assert enabled(iot) == {"JOB_EXECUTION"}
    assert site.door.run(site.door.store.read(event_configurations.enabled)) == {"JOB_EXECUTION"}
    found = iot.describe_event_configurations()
    assert (found["creationDate"], found["lastModifiedDate"]) == (first, site.door.at)


def test_saying_nothing_changes_nothing(site):
    assert body(site.iot.update_event_configurations()) == {}
    assert body(site.iot.update_event_configurations(eventConfigurations={})) == {}
    assert "creationDate" not in site.iot.describe_event_configurations()


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"JOBS": {"Enabled": True}}, "JOBS"),
        ({"JOB": {"Enabled": True}, "X": {"Enabled": True}}, "X"),
    ],
)
def test_kinds_that_no_event_has(site, said, told):
    code, status, message = refused(site.iot.update_event_configurations, eventConfigurations=said)
    assert (code, status) == ("InvalidRequestException", 400)
    assert told in message
    assert enabled(site.iot) == set()


@pytest.mark.parametrize(
    "said", [{"JOB": {"Enabled": "perhaps"}}, {"JOB": {"enabled": True}}, {"JOB": True}, []]
)
def test_what_is_no_switch_is_refused(shared_site, said):
    raw = json.dumps({"eventConfigurations": said}).encode()
    status, headers, answer = shared_site.exchange("PATCH", "/aws/iot/event-configurations", raw)
    assert (status, headers["x-amzn-errortype"]) == (400, "InvalidRequestException")
    assert "eventConfigurations" in json.loads(answer)["message"]
