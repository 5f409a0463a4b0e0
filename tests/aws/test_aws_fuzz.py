"""Requests nobody would write, to every operation: AWS's form always, never our fault, nothing half done."""

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import model_words
import papers
import pytest
from aws_fleet import tick
from aws_site import arn, opened_site
from botocore.exceptions import ClientError
from http_door import Door
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from wild_requests import SERVICES, Wild, requests

from api.aws.operations import CONTROL, DATA

sys.path.insert(0, str(Path(__file__).parents[1] / "storage"))

import invariants

#: How many times as many examples as in `make test`.
LONGER = int(os.environ.get("SOAK", "1"))
EXAMPLES = 15
CALLERS = 8
READS = ("Describe", "Get", "List", "CreateKeys", "CreateCertificate")
OPERATIONS = [
    *(pytest.param("iot", each.name, id=each.name) for each in CONTROL),
    *(pytest.param("iot-jobs-data", each.name, id=f"data-{each.name}") for each in DATA),
]
#: What is told before an operation has a say, of those that cannot be asked amiss by the models as well.
BESIDE = {"InvalidRequestException": 400}
DOCUMENT = '{"op": "update", "to": "${to}"}'
POLICY = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]}'
THINGS, GROUPS = ["t1", "t2", "t:3"], ["g1", "g2"]
NEW = [f"n-{number}" for number in range(40)]
FOREIGN = ["arn:aws:iot:eu-west-1:123456789012:thing/t1", "arn:aws:iot:us-east-1:1:job/j1"]


class Looker:
    """The store of the server that runs."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def do(self, verb: Callable[..., Any]) -> Any:
        return self._door.run(self._door.store.read(verb))


class World:
    """A server with a few of everything, and the words that mean something there."""

    def __init__(self, site) -> None:
        self.site, self.looker = site, Looker(site.door)
        made = site.iot.create_keys_and_certificate(setAsActive=True)
        self.certificate, self.pem = made["certificateArn"], made["certificatePem"]
        self.spare = site.iot.create_keys_and_certificate()["certificateArn"]
        self.words = {**_words(), **self._papers(), **self._names()}

    def words_for(self, service: str, operation: str) -> dict[str, list]:
        """Return the words as they are meant in one operation: what is to be made has a new name, mostly."""
        if service == "iot-jobs-data":
            return {**self.words, "status": ["IN_PROGRESS", "SUCCEEDED", "FAILED", "REJECTED"]}
        if not operation.startswith("Create"):
            return self.words
        made = ("jobId", "jobTemplateId", "thingName", "thingGroupName", "policyName", "thingTypeName")
        return {**self.words, **{name: [*self.words[name], *NEW] for name in made}}

    def refill(self) -> None:
        """Make again what wild requests have taken away; what is there stays as they have left it."""
        iot = self.site.iot
        wanted = [
            (iot.create_thing_type, {"thingTypeName": "pump"}),
            (iot.create_billing_group, {"billingGroupName": "plant"}),
            *((iot.create_thing, {"thingName": name}) for name in THINGS),
            *((iot.create_thing_group, {"thingGroupName": name}) for name in GROUPS),
            (iot.add_thing_to_thing_group, {"thingGroupName": "g1", "thingName": "t1"}),
            (iot.create_dynamic_thing_group, {"thingGroupName": "d1", "queryString": "attributes.a:1"}),
            *((iot.delete_job, {"jobId": name, "force": True}) for name in ("j1", "j2", "new-1")),
            (
                iot.create_job,
                {"jobId": "j1", "targets": [arn("thing/t1"), arn("thing/t2")], "document": "{}"},
            ),
            (
                iot.create_job,
                {
                    "jobId": "j2",
                    "targets": [arn("thinggroup/g1")],
                    "document": DOCUMENT,
                    "targetSelection": "CONTINUOUS",
                },
            ),
            (iot.create_job_template, {"jobTemplateId": "x1", "document": DOCUMENT, "description": "d"}),
            *((iot.create_policy, {"policyName": name, "policyDocument": POLICY}) for name in ("p1", "p2")),
            (iot.attach_policy, {"policyName": "p1", "target": self.certificate}),
            (iot.attach_thing_principal, {"thingName": "t1", "principal": self.certificate}),
        ]
        for call, said in wanted:
            with suppress(ClientError):
                call(**said)

    def _names(self) -> dict[str, list]:
        named = {
            "thing": [*THINGS * 2, "newcomer"],
            "thinggroup": [*GROUPS * 3, "d1", "new-group"],
            "job": ["j1", "j2", "j2", "new-1"],
            "jobtemplate": ["x1", "x-new"],
            "billinggroup": ["plant", "b-new"],
            "thingtype": ["pump", "y-new"],
            "policy": ["p1", "p2", "p-new"],
            "cert": [each.rpartition("/")[2] for each in (self.certificate, self.spare)],
        }
        arns = {kind: [arn(f"{kind}/{each}") for each in those] for kind, those in named.items()}
        managed = self.site.iot.list_managed_job_templates()["managedJobTemplates"]
        return {
            "thingName": named["thing"],
            "thingArn": arns["thing"],
            **dict.fromkeys(("thingGroupName", "parentGroupName", "parentGroup"), named["thinggroup"]),
            **dict.fromkeys(("thingGroupsToAdd", "thingGroupsToRemove"), named["thinggroup"]),
            "thingGroupArn": arns["thinggroup"],
            "jobId": [*named["job"] * 2, arn("job/j2")],
            "jobArn": arns["job"],
            "targets": [*arns["thing"], *arns["thinggroup"]],
            "jobTemplateId": named["jobtemplate"],
            "jobTemplateArn": [*arns["jobtemplate"], managed[0]["templateArn"]],
            "templateName": [each["templateName"] for each in managed],
            "billingGroupName": named["billinggroup"],
            "billingGroupArn": arns["billinggroup"],
            "thingTypeName": named["thingtype"],
            "policyName": named["policy"],
            "certificateId": named["cert"],
            "principal": arns["cert"],
            "target": [*arns["cert"], *arns["thinggroup"]],
            "resourceArn": [each for those in arns.values() for each in those],
            "elsewhere": FOREIGN,
        }

    def _papers(self) -> dict[str, list]:
        certificates = [self.pem, papers.self_signed(), papers.for_servers(), "no PEM"]
        return {
            "certificatePem": certificates,
            "caCertificatePem": certificates,
            "certificateSigningRequest": [papers.request()[0], papers.weak_request(), "no PEM"],
        }

    def ask(self, service: str, operation: str, wild: Wild) -> None:
        """Send a request and hold the answer to the model."""
        model = SERVICES[service].operation_model(operation)
        status, headers, raw = self.site.exchange(
            wild.method, wild.target, wild.body, wild.headers, service=service
        )
        assert headers["x-amzn-requestid"]
        if status == 200:
            model_words.success(model, status, headers, raw)
        else:
            assert status < 500, raw
            model_words.failure(model, status, headers, raw, BESIDE)

    def settle(self) -> None:
        """Let the clock do what is due, and look whether all of it fits together."""
        door = self.site.door
        invariants.check(self.looker)
        door.later(minutes=1)
        door.run(door.store.write(tick, at=door.at))
        invariants.check(self.looker)


def _words() -> dict[str, list]:
    return {
        "key": ["a", "b", "to", "downloadUrl", "k-1"],
        "attributes{}": ["1", "b"],
        "document": ["{}", '{"a": [1.50, "\u00b5"]}', DOCUMENT, "[]", '{"a": "%s"}' % ("\u00b5" * 17_000)],
        "documentSource": ["https://s3.amazonaws.com/b/k", "http://127.0.0.1/", "file:///etc/passwd"],
        "policyDocument": [POLICY, POLICY, "{}", "no JSON", "\u00b5" * 3000],
        "queryString": ["attributes.a:1", "thingName:t*", "connectivity.connected:true", "((", "a:b:c"],
        "startTime": ["2024-06-11T10:00", "2024-06-10T06:45", "cron(0 2 * * ? *)", "2024-02-30T00:00"],
        "endTime": ["2024-06-12T10:00", "2024-06-11T10:00", "9999-12-31T23:59"],
        "templateVersion": ["1.0", "2.0"],
        "policyVersionId": ["1", "2", "x"],
        "endpointType": ["iot:Data-ATS", "iot:Jobs", "iot:CredentialProvider", "iot:Nothing"],
        "namespaceId": ["edge", "edge-2"],
        "indexName": ["AWS_Things", "other"],
        "queryVersion": ["2017-09-30", "1"],
        "action": ["CANCEL"],
        "newStatus": ["ACTIVE", "INACTIVE"],
        "thingPrincipalType": ["EXCLUSIVE_THING", "NON_EXCLUSIVE_THING"],
        "baseRatePerMinute": [10, 50],
        "incrementFactor": [1.5, 2, 1.23456],
        "thresholdPercentage": [50, 0.5, 100.0],
        "expiresInSec": [60, 3600],
        "roleArn": ["arn:aws:iam::123456789012:role/links"],
        "destinationPackageVersions": [arn("package/p/version/1")],
        "Key": ["k", "other", "k" * 128],
        "tagKeys": ["k", "other"],
        "nextToken": ["AAAA"],
    }


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    data_dir = tmp_path_factory.mktemp("wild") / "data"
    with opened_site(data_dir) as site:
        yield World(site)


#: What fails is told as it was sent: the server has moved on, so that trying smaller ones would mislead.
WILDLY = settings(
    max_examples=EXAMPLES * LONGER,
    deadline=None,
    database=None,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize(("service", "name"), OPERATIONS)
def test_whatever_is_asked_the_answer_is_one_of_the_model(world, service, name):
    words = world.words_for(service, name)

    @WILDLY
    @given(st.data())
    def hold(data):
        world.ask(service, name, data.draw(requests(service, name, words)))

    world.refill()
    hold()
    world.settle()


def test_whatever_is_asked_at_once_nothing_is_half_done(world):
    asked = [param.values for param in OPERATIONS if not param.values[1].startswith(READS)]

    @settings(WILDLY, max_examples=2 * EXAMPLES * LONGER)
    @given(st.data())
    def hold(data):
        wild = []
        for _ in range(CALLERS):
            service, name = data.draw(st.sampled_from(asked))
            wild.append((service, name, data.draw(requests(service, name, world.words_for(service, name)))))
        with ThreadPoolExecutor(CALLERS) as callers:
            list(callers.map(lambda each: world.ask(*each), wild))
        invariants.check(world.looker)

    world.refill()
    hold()
    world.settle()
