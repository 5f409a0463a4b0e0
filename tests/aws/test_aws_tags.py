"""Tags with boto3: on every kind of thing that has them, and gone with it (contract 1.4, 2.15, 4.4)."""

import json

import pytest
from asking import body, refused
from aws_site import arn
from sites import BOTH

DIALECTS = BOTH

IR = ("InvalidRequestException", 400)
RNF = ("ResourceNotFoundException", 404)
POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}],
    }
)


def job(fleet, name):
    fleet.job("j", *fleet.things("t"))
    return fleet.name("j")


MAKE = {
    "job": job,
    "jobtemplate": lambda fleet, name: fleet.iot.create_job_template(
        jobTemplateId=name, description="d", document="{}"
    ),
    "thinggroup": lambda fleet, name: fleet.iot.create_thing_group(thingGroupName=name),
    "thingtype": lambda fleet, name: fleet.iot.create_thing_type(thingTypeName=name),
    "billinggroup": lambda fleet, name: fleet.iot.create_billing_group(billingGroupName=name),
    "policy": lambda fleet, name: fleet.iot.create_policy(policyName=name, policyDocument=POLICY),
}
END = {
    "job": lambda iot, name: iot.delete_job(jobId=name, force=True),
    "jobtemplate": lambda iot, name: iot.delete_job_template(jobTemplateId=name),
    "thinggroup": lambda iot, name: iot.delete_thing_group(thingGroupName=name),
    "thingtype": lambda iot, name: (
        iot.deprecate_thing_type(thingTypeName=name),
        iot.delete_thing_type(thingTypeName=name),
    ),
    "billinggroup": lambda iot, name: iot.delete_billing_group(billingGroupName=name),
    "policy": lambda iot, name: iot.delete_policy(policyName=name),
}


def pairs(iot, resource):
    found = iot.list_tags_for_resource(resourceArn=resource)
    assert "nextToken" not in found
    return {tag["Key"]: tag["Value"] for tag in found["tags"]}


@pytest.mark.parametrize("kind", MAKE)
def test_tags_are_put_replaced_taken_off_and_gone_with_what_has_them(shared_site, fleet, kind):
    iot, name = shared_site.iot, fleet.name("j")
    resource = arn(f"{kind}/{name}")
    MAKE[kind](fleet, name)
    assert pairs(iot, resource) == {}
    tag, untag = iot.tag_resource, iot.untag_resource
    assert body(tag(resourceArn=resource, tags=[{"Key": "a", "Value": "1"}, {"Key": "b"}])) == {}
    tag(resourceArn=resource, tags=[{"Key": "a", "Value": "2"}, {"Key": "c", "Value": "Größe 7"}])
    assert pairs(iot, resource) == {"a": "2", "b": "", "c": "Größe 7"}
    assert body(untag(resourceArn=resource, tagKeys=["b", "c", "never"])) == {}
    assert pairs(iot, resource) == {"a": "2"}
    END[kind](iot, name)
    fleet.tick()
    assert tuple(refused(iot.list_tags_for_resource, resourceArn=resource)[:2]) == RNF
    if kind == "job":
        fleet.job("j", arn(f"thing/{fleet.name('t')}"))
    else:
        MAKE[kind](fleet, name)
    assert pairs(iot, resource) == {}


def test_fifty_tags_and_no_more(shared_site, fleet):
    iot = shared_site.iot
    resource = iot.create_thing_group(thingGroupName=fleet.name("g"))["thingGroupArn"]
    iot.tag_resource(resourceArn=resource, tags=[{"Key": f"k{n}", "Value": "v"} for n in range(50)])
    iot.tag_resource(resourceArn=resource, tags=[{"Key": "k0", "Value": "new"}])
    told = refused(iot.tag_resource, resourceArn=resource, tags=[{"Key": "k50", "Value": "v"}])
    assert told[:2] == ("LimitExceededException", 410)
    assert "would have 51 tags; at most 50" in told[2]
    assert len(pairs(iot, resource)) == 50


def calls(iot):
    return (
        (iot.tag_resource, {"tags": [{"Key": "a", "Value": "1"}]}),
        (iot.untag_resource, {"tagKeys": ["a"]}),
        (iot.list_tags_for_resource, {}),
    )


@pytest.mark.parametrize(
    ("resource", "kind", "told"),
    [
        ("my-job", IR, "resourceArn 'my-job' is not the ARN of something of this service"),
        ("arn:aws:s3:::bucket", IR, "is not the ARN of something of this service"),
        (arn("thing/t"), IR, "resource 'thing/t': only billinggroup, job, "),
        (arn("rule/x"), IR, "resource 'rule/x': only billinggroup, job, "),
        ("arn:aws:iot:eu-west-1:123456789012:job/x", IR, "is not of region us-east-1"),
        ("arn:aws:iot:us-east-1:999999999999:job/x", IR, "and account 123456789012"),
        (arn("job/never"), RNF, "There is no job/never"),
        (arn("thinggroup/never"), RNF, "There is no thinggroup/never"),
        ("arn:aws:iot:us-east-1::jobtemplate/AWS-Reboot:1.0", RNF, "There is no jobtemplate/AWS-Reboot:1.0"),
    ],
)
def test_what_has_no_tags(shared_site, resource, kind, told):
    for call, said in calls(shared_site.iot):
        *found, message = refused(call, resourceArn=resource, **said)
        assert tuple(found) == kind
        assert told in message


@pytest.mark.parametrize(
    ("tags", "told"),
    [
        ([{"Key": "k" * 129, "Value": "v"}], "is not 1 to 128"),
        ([{"Key": "k", "Value": "v" * 257}], "is not up to 256"),
        ([{"Key": "a;b", "Value": "v"}], "'a;b'"),
        ([{"Key": "AWS:x", "Value": "v"}], "begins with aws:"),
        ([{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}], "'a' comes more than once"),
    ],
)
def test_tags_that_cannot_be(shared_site, fleet, tags, told):
    resource = shared_site.iot.create_thing_group(thingGroupName=fleet.name("g"))["thingGroupArn"]
    *found, message = refused(shared_site.iot.tag_resource, resourceArn=resource, tags=tags)
    assert tuple(found) == IR
    assert told in message
    assert pairs(shared_site.iot, resource) == {}


@pytest.mark.parametrize("tag", [{"key": "a", "value": "1"}, {"Key": "a", "Colour": "red"}, {"Value": "1"}])
def test_a_tag_has_a_key_a_value_and_nothing_else(shared_site, tag):
    raw = json.dumps({"resourceArn": arn("job/x"), "tags": [tag]}).encode()
    status, headers, answer = shared_site.exchange("POST", "/aws/iot/tags", raw)
    assert (status, headers["x-amzn-errortype"]) == (400, "InvalidRequestException")
    assert "tags[0]." in json.loads(answer)["message"]


def test_a_token_that_no_list_has_given_out(shared_site, fleet):
    resource = shared_site.iot.create_thing_group(thingGroupName=fleet.name("g"))["thingGroupArn"]
    told = refused(shared_site.iot.list_tags_for_resource, resourceArn=resource, nextToken="x")
    assert tuple(told[:2]) == IR
