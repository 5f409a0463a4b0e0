"""Policies with boto3: documents, versions, and what they are attached to. Nothing here applies them."""

import json
import re

import papers
import pytest
from aws_site import arn
from sites import BOTH

DIALECTS = BOTH

POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "iot:Connect", "Resource": ["*"]}],
}
DOCUMENT = json.dumps(POLICY)
OTHER = json.dumps({**POLICY, "Id": "other"}, indent=1)


@pytest.fixture
def iot(shared_site):
    return shared_site.iot


@pytest.fixture
def policy(iot, request):
    """Give a policy of this test's own."""
    name = re.sub(r"\W", ".", request.node.name)[-120:]
    iot.create_policy(policyName=name, policyDocument=DOCUMENT)
    return name


@pytest.fixture
def certificate(iot):
    return iot.create_keys_and_certificate()["certificateArn"]


def changed(**parts):
    return json.dumps({**POLICY, "Statement": {**POLICY["Statement"][0], **parts}})


def test_a_policy_is_kept_to_the_letter(shared_site, iot):
    made = iot.create_policy(policyName="w+=,.@-", policyDocument=OTHER)
    assert made["policyArn"] == arn("policy/w+=,.@-")
    assert (made["policyDocument"], made["policyVersionId"]) == (OTHER, "1")
    found = iot.get_policy(policyName="w+=,.@-")
    assert (found["policyDocument"], found["defaultVersionId"]) == (OTHER, "1")
    assert found["creationDate"] == found["lastModifiedDate"] == shared_site.door.at


def test_a_name_is_taken_once(iot, policy):
    with pytest.raises(iot.exceptions.ResourceAlreadyExistsException) as caught:
        iot.create_policy(policyName=policy, policyDocument=DOCUMENT)
    assert caught.value.response["resourceArn"] == arn(f"policy/{policy}")


def test_a_policy_can_have_tags(iot):
    iot.create_policy(
        policyName="tagged", policyDocument=DOCUMENT, tags=[{"Key": "team", "Value": "pumps"}, {"Key": "x"}]
    )
    found = iot.list_tags_for_resource(resourceArn=arn("policy/tagged"))["tags"]
    assert found == [{"Key": "team", "Value": "pumps"}, {"Key": "x", "Value": ""}]


@pytest.mark.parametrize("name", ["a b", "a/b", "ü", "n" * 129])
def test_a_name_that_cannot_be_is_refused(iot, name):
    with pytest.raises(iot.exceptions.InvalidRequestException, match="policyName"):
        iot.create_policy(policyName=name, policyDocument=DOCUMENT)


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ("{", "not JSON"),
        ("[]", "must be an object"),
        (json.dumps({**POLICY, "Version": "2024-01-01"}), "Version"),
        (json.dumps({**POLICY, "Statement": []}), "Statement is empty"),
        (json.dumps({**POLICY, "Statement": ["x"]}), "must be an object"),
        (json.dumps({**POLICY, "Statements": []}), "'Statements'"),
        (changed(Effect="Maybe"), "neither Allow nor Deny"),
        (changed(Action=[]), "list of texts"),
        (changed(NotAction="iot:Connect"), "either Action or NotAction"),
        (changed(Resource=7), "list of texts"),
        (changed(Principal="*"), "'Principal'"),
        (changed(Condition="x"), "Condition"),
    ],
)
def test_a_document_that_is_no_policy_is_refused(iot, policy, document, says):
    with pytest.raises(iot.exceptions.MalformedPolicyException, match=says):
        iot.create_policy(policyName="malformed", policyDocument=document)
    with pytest.raises(iot.exceptions.MalformedPolicyException, match=says):
        iot.create_policy_version(policyName=policy, policyDocument=document)


def test_versions_come_go_and_take_their_turn_as_default(iot, policy):
    second = iot.create_policy_version(policyName=policy, policyDocument=OTHER)
    assert (second["policyVersionId"], second["isDefaultVersion"]) == ("2", False)
    third = iot.create_policy_version(policyName=policy, policyDocument=OTHER, setAsDefault=True)
    assert third["isDefaultVersion"] is True
    told = iot.list_policy_versions(policyName=policy)["policyVersions"]
    assert [(each["versionId"], each["isDefaultVersion"]) for each in told] == [
        ("3", True),
        ("2", False),
        ("1", False),
    ]
    assert iot.get_policy(policyName=policy)["defaultVersionId"] == "3"
    iot.set_default_policy_version(policyName=policy, policyVersionId="1")
    found = iot.get_policy_version(policyName=policy, policyVersionId="1")
    assert (found["policyDocument"], found["isDefaultVersion"]) == (DOCUMENT, True)
    iot.delete_policy_version(policyName=policy, policyVersionId="3")
    fourth = iot.create_policy_version(policyName=policy, policyDocument=OTHER)
    assert fourth["policyVersionId"] == "4", "a number is not used again"


def test_the_default_version_and_more_than_five_are_refused(iot, policy):
    with pytest.raises(iot.exceptions.DeleteConflictException):
        iot.delete_policy_version(policyName=policy, policyVersionId="1")
    for _ in range(4):
        iot.create_policy_version(policyName=policy, policyDocument=OTHER)
    with pytest.raises(iot.exceptions.VersionsLimitExceededException):
        iot.create_policy_version(policyName=policy, policyDocument=OTHER)


def test_what_is_not_there_is_not_found(iot, policy, certificate):
    gone = iot.exceptions.ResourceNotFoundException
    nobody = {"policyName": "nobody"}
    for call, given in (
        (iot.get_policy, nobody),
        (iot.delete_policy, nobody),
        (iot.list_policy_versions, nobody),
        (iot.create_policy_version, {**nobody, "policyDocument": DOCUMENT}),
        (iot.get_policy_version, {"policyName": policy, "policyVersionId": "9"}),
        (iot.delete_policy_version, {"policyName": policy, "policyVersionId": "9"}),
        (iot.set_default_policy_version, {"policyName": policy, "policyVersionId": "9"}),
        (iot.attach_policy, {**nobody, "target": certificate}),
        (iot.attach_policy, {"policyName": policy, "target": arn("thinggroup/nobody")}),
        (iot.attach_policy, {"policyName": policy, "target": arn(f"cert/{'0' * 64}")}),
        (iot.list_attached_policies, {"target": arn("thinggroup/nobody")}),
        (iot.list_targets_for_policy, nobody),
        (iot.attach_principal_policy, {**nobody, "principal": certificate}),
        (iot.detach_principal_policy, {**nobody, "principal": certificate}),
        (iot.list_principal_policies, {"principal": arn(f"cert/{'0' * 64}")}),
        (iot.list_policy_principals, nobody),
    ):
        with pytest.raises(gone):
            call(**given)
    with pytest.raises(iot.exceptions.InvalidRequestException, match="policyVersionId"):
        iot.get_policy_version(policyName=policy, policyVersionId="one")


def test_a_policy_that_is_attached_or_has_versions_cannot_be_deleted(iot, policy, certificate):
    iot.attach_policy(policyName=policy, target=certificate)
    with pytest.raises(iot.exceptions.DeleteConflictException, match="attached"):
        iot.delete_policy(policyName=policy)
    iot.detach_policy(policyName=policy, target=certificate)
    iot.create_policy_version(policyName=policy, policyDocument=OTHER)
    with pytest.raises(iot.exceptions.DeleteConflictException, match="versions"):
        iot.delete_policy(policyName=policy)
    iot.delete_policy_version(policyName=policy, policyVersionId="2")
    iot.delete_policy(policyName=policy)
    with pytest.raises(iot.exceptions.ResourceNotFoundException):
        iot.get_policy(policyName=policy)


def test_certificates_and_groups_have_policies_and_groups_those_around_them(iot, policy, certificate):
    iot.create_thing_group(thingGroupName="around")
    iot.create_thing_group(thingGroupName="inside", parentGroupName="around")
    around, inside = arn("thinggroup/around"), arn("thinggroup/inside")
    for target in (certificate, around, around):
        iot.attach_policy(policyName=policy, target=target)
    assert iot.list_targets_for_policy(policyName=policy)["targets"] == [certificate, around]
    told = iot.list_attached_policies(target=certificate)["policies"]
    assert told == [{"policyName": policy, "policyArn": arn(f"policy/{policy}")}]
    assert not iot.list_attached_policies(target=inside)["policies"]
    assert iot.list_attached_policies(target=inside, recursive=True)["policies"] == told
    iot.delete_thing_group(thingGroupName="inside")
    iot.delete_thing_group(thingGroupName="around")
    assert iot.list_targets_for_policy(policyName=policy)["targets"] == [certificate]


def test_detaching_what_is_not_attached_is_no_error(iot, policy, certificate):
    iot.detach_policy(policyName=policy, target=certificate)
    iot.detach_policy(policyName="nobody", target=certificate)


def test_a_target_takes_ten_policies(iot, certificate):
    for number in range(11):
        iot.create_policy(policyName=f"one-of-many-{number}", policyDocument=DOCUMENT)
        if number < 10:
            iot.attach_policy(policyName=f"one-of-many-{number}", target=certificate)
    with pytest.raises(iot.exceptions.LimitExceededException):
        iot.attach_policy(policyName="one-of-many-10", target=certificate)
    iot.attach_policy(policyName="one-of-many-9", target=certificate)
    found, marker = [], {}
    while True:
        page = iot.list_attached_policies(target=certificate, pageSize=4, **marker)
        found += [each["policyName"] for each in page["policies"]]
        if "nextMarker" not in page:
            break
        marker = {"marker": page["nextMarker"]}
    assert found == sorted(f"one-of-many-{number}" for number in range(10))


def test_a_target_of_another_kind_is_refused(iot, policy):
    for target in (arn("thing/t1"), "us-east-1:identity", "plain"):
        for call in (iot.attach_policy, iot.detach_policy):
            with pytest.raises(iot.exceptions.InvalidRequestException, match="target"):
                call(policyName=policy, target=target)


def test_the_old_words_see_the_same_attachments(iot, policy, certificate):
    iot.attach_principal_policy(policyName=policy, principal=certificate)
    assert iot.list_targets_for_policy(policyName=policy)["targets"] == [certificate]
    assert iot.list_policy_principals(policyName=policy)["principals"] == [certificate]
    told = iot.list_principal_policies(principal=certificate, ascendingOrder=True)["policies"]
    assert [each["policyName"] for each in told] == [policy]
    iot.detach_principal_policy(policyName=policy, principal=certificate)
    assert not iot.list_policy_principals(policyName=policy)["principals"]


def test_a_certificate_with_policies_is_deleted_by_force_alone(iot, policy):
    made = iot.register_certificate_without_ca(certificatePem=papers.self_signed())
    iot.attach_policy(policyName=policy, target=made["certificateArn"])
    with pytest.raises(iot.exceptions.DeleteConflictException, match="policies"):
        iot.delete_certificate(certificateId=made["certificateId"])
    iot.delete_certificate(certificateId=made["certificateId"], forceDelete=True)
    assert not iot.list_targets_for_policy(policyName=policy)["targets"]


def test_policies_are_listed_by_age(site):
    names = ["b", "a", "c"]
    for name in names:
        site.iot.create_policy(policyName=name, policyDocument=DOCUMENT)
    for ascending, expected in ((True, names), (False, names[::-1])):
        pages = site.iot.get_paginator("list_policies").paginate(
            ascendingOrder=ascending, PaginationConfig={"PageSize": 2}
        )
        assert [each["policyName"] for page in pages for each in page["policies"]] == expected
