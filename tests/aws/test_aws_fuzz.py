"""Requests nobody would write, to every operation: AWS's form always, never our fault, nothing half done."""

import json
import os
import sqlite3
import sys
from pathlib import Path

import model_words
import papers
import pytest
from aws_fleet import tick
from aws_site import arn, opened_site
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from wild_requests import SERVICES, Wild, requests

from api.aws.operations import CONTROL, DATA

sys.path.insert(0, str(Path(__file__).parents[1] / "storage"))

import invariants

#: How many times as many examples as in `make test`.
LONGER = int(os.environ.get("SOAK", "1"))
EXAMPLES = 15
OPERATIONS = [
    *(pytest.param("iot", each.name, id=each.name) for each in CONTROL),
    *(pytest.param("iot-jobs-data", each.name, id=f"data-{each.name}") for each in DATA),
]
#: What is told before an operation has a say, of those that cannot be asked amiss by the models as well.
BESIDE = {"InvalidRequestException": 400, "RequestEntityTooLargeException": 413}
DOCUMENT = '{"op": "update", "to": "${to}"}'


class Looker:
    """The tables of the server that runs."""

    def __init__(self, data_dir: Path) -> None:
        self.connection = sqlite3.connect(data_dir / "thingjobs.sqlite3", isolation_level=None)

    def rows(self, statement: str) -> list[tuple]:
        return self.connection.execute(statement).fetchall()


class World:
    """A server with a few of everything, and the words that mean something there."""

    def __init__(self, site, data_dir: Path) -> None:
        self.site, self.looker = site, Looker(data_dir)
        self.words = {**_configurations(), **self._seeded()}

    def _seeded(self) -> dict[str, list]:
        iot, things, groups = self.site.iot, ["t1", "t2", "t:3"], ["g1", "g2"]
        iot.create_thing_type(thingTypeName="pump")
        iot.create_billing_group(billingGroupName="plant")
        for name in things:
            iot.create_thing(
                thingName=name, thingTypeName="pump", attributePayload={"attributes": {"a": "1"}}
            )
        for name in groups:
            iot.create_thing_group(thingGroupName=name)
        iot.add_thing_to_thing_group(thingGroupName="g1", thingName="t1")
        iot.create_dynamic_thing_group(thingGroupName="d1", queryString="attributes.a:1")
        jobs = ["j1", "j2", "j3"]
        iot.create_job(jobId="j1", targets=[arn("thing/t1"), arn("thing/t2")], document=DOCUMENT)
        iot.create_job(
            jobId="j2", targets=[arn("thinggroup/g1")], document="{}", targetSelection="CONTINUOUS"
        )
        iot.create_job(jobId="j3", targets=[arn("thing/t:3")], document="{}", tags=[{"Key": "k"}])
        iot.create_job_template(jobTemplateId="x1", document=DOCUMENT, description="d")
        made = iot.create_keys_and_certificate(setAsActive=True)
        statement = {"Effect": "Allow", "Action": "iot:*", "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iot.create_policy(policyName="p1", policyDocument=policy)
        iot.attach_thing_principal(thingName="t1", principal=made["certificateArn"])
        iot.attach_policy(policyName="p1", target=made["certificateArn"])
        managed = iot.list_managed_job_templates()["managedJobTemplates"]
        listed = iot.list_things(maxResults=1)["nextToken"]
        named = {
            "thing": [*things, "newcomer"],
            "thinggroup": [*groups, "d1", "new-group"],
            "job": [*jobs, "new-1", "new-2"],
            "jobtemplate": ["x1", "x-new"],
            "billinggroup": ["plant", "b-new"],
            "thingtype": ["pump", "y-new"],
            "policy": ["p1", "p-new"],
            "cert": [made["certificateId"], "0" * 64],
        }
        arns = {kind: [arn(f"{kind}/{each}") for each in each_of] for kind, each_of in named.items()}
        foreign = ["arn:aws:iot:eu-west-1:123456789012:thing/t1", "arn:aws:iot:us-east-1:1:job/j1"]
        every = [*(each for each_of in arns.values() for each in each_of), *foreign]
        return {
            "thingName": [*named["thing"], *named["thing"], *arns["thing"], *foreign],
            "thingArn": [*arns["thing"], *foreign],
            "thingGroupArn": [*arns["thinggroup"], *foreign],
            **dict.fromkeys(("thingGroupName", "parentGroupName", "parentGroup"), named["thinggroup"]),
            **dict.fromkeys(("thingGroupsToAdd", "thingGroupsToRemove"), named["thinggroup"]),
            "jobId": [*named["job"], *named["job"], *arns["job"], *foreign, "$next"],
            "jobArn": [*arns["job"], *foreign],
            "targets": [*arns["thing"], *arns["thinggroup"], *foreign],
            "jobTemplateId": [*named["jobtemplate"], *arns["jobtemplate"]],
            "jobTemplateArn": [*arns["jobtemplate"], managed[0]["templateArn"], *foreign],
            "templateName": [each["templateName"] for each in managed],
            "billingGroupName": named["billinggroup"],
            "billingGroupArn": [*arns["billinggroup"], *foreign],
            "thingTypeName": named["thingtype"],
            "policyName": [*named["policy"], *arns["policy"]],
            "certificateId": [*named["cert"], *arns["cert"]],
            "principal": [*arns["cert"], *foreign],
            "target": [*arns["cert"], *arns["thinggroup"], *foreign],
            "resourceArn": every,
            "nextToken": (tokens := [listed, listed[:-2], "AAAA", "!"]),
            "marker": tokens,
            "certificatePem": [made["certificatePem"], papers.self_signed(), papers.for_servers(), "no PEM"],
            "caCertificatePem": [made["certificatePem"], papers.self_signed()],
            "certificateSigningRequest": [papers.request()[0], papers.weak_request(), "no PEM"],
            "policyDocument": [policy, "{}", "no JSON", "µ" * 3000],
        }

    def send(self, service: str, wild: Wild) -> tuple[int, dict[str, str], bytes]:
        return self.site.exchange(wild.method, wild.target, wild.body, wild.headers, service=service)

    def settle(self) -> None:
        """Let the clock do what is due, and look whether all of it fits together."""
        door = self.site.door
        invariants.check(self.looker)
        door.later(minutes=1)
        door.run(door.store.write(tick, at=door.at))
        invariants.check(self.looker)


def _configurations() -> dict[str, list]:
    return {
        "key": ["a", "b", "to", "downloadUrl", "é", "a" * 129],
        "document": ["{}", DOCUMENT, '{"a": [1.50, "µ"]}', "[]", "no JSON", '{"a": "%s"}' % ("µ" * 17_000)],
        "documentSource": ["https://s3.amazonaws.com/b/k", "http://127.0.0.1/", "file:///etc/passwd"],
        "queryString": ["attributes.a:1", "thingName:t*", "connectivity.connected:true", "((", "*", "a:b:c"],
        "startTime": [
            "2024-06-11T10:00",
            "2024-06-10T06:45",
            "cron(0 2 * * ? *)",
            "2024-02-30T00:00",
            "2020",
        ],
        "endTime": ["2024-06-12T10:00", "2024-06-11T10:00", "9999-12-31T23:59"],
        "templateVersion": ["1.0", "2.0"],
        "policyVersionId": ["1", "2", "x"],
        "endpointType": ["iot:Data-ATS", "iot:Jobs", "iot:CredentialProvider", "iot:Nothing"],
        "namespaceId": ["edge", "edge-2"],
        "indexName": ["AWS_Things", "other"],
        "queryVersion": ["2017-09-30", "1"],
        "Key": ["k", "aws:k", "é", "k" * 129],
        "tagKeys": ["k", "other"],
    }


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    data_dir = tmp_path_factory.mktemp("wild") / "data"
    with opened_site(data_dir) as site:
        world = World(site, data_dir)
        yield world
        world.looker.connection.close()


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
    prefix = {"iot": "/aws/iot", "iot-jobs-data": "/aws/iot-jobs-data"}[service]
    model = SERVICES[service].operation_model(name)

    @WILDLY
    @given(st.data())
    def hold(data):
        wild = data.draw(requests(service, name, prefix, world.words))
        status, headers, raw = world.send(service, wild)
        assert headers["x-amzn-requestid"]
        if status == 200:
            model_words.success(model, status, headers, raw)
        else:
            assert status < 500, raw
            model_words.failure(model, status, headers, raw, BESIDE)

    hold()
    world.settle()
