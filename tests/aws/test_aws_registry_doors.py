"""Every operation of the registry: who may call it, what it says when trouble is ours (contract 4.6)."""

import pytest
from asking import refused
from aws_site import arn
from botocore.exceptions import ClientError

from api.aws import account, billing_groups, groups, membership, tags, thing_types, things
from domain.roles import Role

T, G, B = {"thingName": "t"}, {"thingGroupName": "g"}, {"billingGroupName": "b"}
K, RESOURCE = {"thingTypeName": "k"}, {"resourceArn": arn("thinggroup/g")}
GP, BP = {"thingGroupProperties": {}}, {"billingGroupProperties": {}}
#: What changes something, and what only looks; with the trouble that the service's model has for it.
SU, IF = ("ServiceUnavailableException", 503), ("InternalFailureException", 500)
CHANGES = {
    "create_thing": (T, SU), "update_thing": (T, SU), "delete_thing": (T, SU),
    "create_thing_type": (K, SU), "update_thing_type": (K, SU), "deprecate_thing_type": (K, SU),
    "delete_thing_type": (K, SU),
    "create_thing_group": (G, IF), "update_thing_group": (G | GP, IF), "delete_thing_group": (G, IF),
    "create_dynamic_thing_group": (G | {"queryString": "thingName:t"}, IF),
    "update_dynamic_thing_group": (G | GP, IF), "delete_dynamic_thing_group": (G, IF),
    "add_thing_to_thing_group": (G | T, IF), "remove_thing_from_thing_group": (G | T, IF),
    "update_thing_groups_for_thing": (T, IF),
    "create_billing_group": (B, IF), "update_billing_group": (B | BP, IF), "delete_billing_group": (B, IF),
    "add_thing_to_billing_group": (B | T, IF), "remove_thing_from_billing_group": (B | T, IF),
    "tag_resource": (RESOURCE | {"tags": [{"Key": "a", "Value": "b"}]}, IF),
    "untag_resource": (RESOURCE | {"tagKeys": ["a"]}, IF),
    "update_event_configurations": ({"eventConfigurations": {"JOB": {"Enabled": True}}}, IF),
}  # fmt: skip
LOOKS = {
    "describe_thing": (T, SU), "list_things": ({}, SU),
    "describe_thing_type": (K, SU), "list_thing_types": ({}, SU),
    "describe_thing_group": (G, IF), "list_thing_groups": ({}, IF), "list_things_in_thing_group": (G, IF),
    "list_thing_groups_for_thing": (T, IF),
    "describe_billing_group": (B, IF), "list_billing_groups": ({}, IF),
    "list_things_in_billing_group": (B, IF),
    "list_tags_for_resource": (RESOURCE, IF), "describe_event_configurations": ({}, IF),
}  # fmt: skip
#: It asks no store.
AT_HAND = {"describe_endpoint": ({}, None)}


def snake(name):
    return "".join(f"_{one.lower()}" if one.isupper() else one for one in name).lstrip("_")


def test_every_operation_of_the_registry_is_here():
    modules = (account, billing_groups, groups, membership, tags, thing_types, things)
    found = {snake(each.name): each.role for module in modules for each in module.OPERATIONS}
    assert found == dict.fromkeys(CHANGES, Role.OPERATOR) | dict.fromkeys(LOOKS | AT_HAND, Role.VIEWER)


def test_while_the_store_is_closed_each_says_so_in_its_own_word(site):
    iot = site.iot
    # The guard knows the key before it asks the store.
    iot.list_things()
    site.door.run(site.door.store.close())
    for name, (said, trouble) in (CHANGES | LOOKS).items():
        code, status, message = refused(getattr(iot, name), **said)
        assert (name, code, status, message) == (name, *trouble, "the store is closed")


@pytest.mark.parametrize("role", [Role.VIEWER, Role.DEVICE])
def test_who_may_only_look_changes_nothing(shared_site, role):
    more = {"thing_name": "t"} if role is Role.DEVICE else {}
    if more:
        shared_site.things("t")
    client = shared_site.client("iot", keys=shared_site.new_keys(role, **more))
    for name, (said, _) in CHANGES.items():
        with pytest.raises(ClientError) as caught:
            getattr(client, name)(**said)
        answer = caught.value.response
        told = answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]
        assert (name, *told) == (name, "AccessDeniedException", 403)
    assert shared_site.iot.list_thing_groups()["thingGroups"] == []


def test_who_may_look_sees_what_there_is(shared_site):
    client = shared_site.client("iot", keys=shared_site.new_keys(Role.VIEWER))
    assert client.list_billing_groups()["billingGroups"] == []
    assert client.describe_endpoint()["endpointAddress"]
    assert refused(client.describe_thing_group, thingGroupName="nowhere")[1] == 404


def test_an_operator_may_change_things(shared_site):
    client = shared_site.client("iot", keys=shared_site.new_keys(Role.OPERATOR))
    assert client.create_thing(thingName="made-by-an-operator")["thingId"]
