"""Billing groups with boto3: labels of things, and nothing more (contract 1.2)."""

import pytest
from asking import body, refused
from aws_site import arn, opened_site

IR = ("InvalidRequestException", 400)
RNF = ("ResourceNotFoundException", 404)
PROPERTIES = {"billingGroupDescription": "The plant"}


def described(iot, name):
    return body(iot.describe_billing_group(billingGroupName=name))


def label(iot, name):
    return iot.describe_thing(thingName=name).get("billingGroupName")


def test_a_group_is_described_as_it_was_made(shared_site, fleet):
    iot, name = shared_site.iot, fleet.name("plant")
    made = body(
        iot.create_billing_group(
            billingGroupName=name, billingGroupProperties=PROPERTIES, tags=[{"Key": "a", "Value": "1"}]
        )
    )
    assert made == {
        "billingGroupName": name,
        "billingGroupArn": arn(f"billinggroup/{name}"),
        "billingGroupId": made["billingGroupId"],
    }
    assert described(iot, name) == {
        **made,
        "version": 1,
        "billingGroupProperties": PROPERTIES,
        "billingGroupMetadata": {"creationDate": shared_site.door.at},
    }
    found = iot.list_tags_for_resource(resourceArn=made["billingGroupArn"])["tags"]
    assert found == [{"Key": "a", "Value": "1"}]


def test_the_same_again_is_no_error_and_anything_else_is(shared_site, fleet):
    iot, name = shared_site.iot, fleet.name("plant")
    first = iot.create_billing_group(billingGroupName=name)
    assert body(iot.create_billing_group(billingGroupName=name)) == body(first)
    with pytest.raises(iot.exceptions.ResourceAlreadyExistsException) as caught:
        iot.create_billing_group(billingGroupName=name, billingGroupProperties=PROPERTIES)
    answer = caught.value.response
    assert (answer["resourceId"], answer["resourceArn"]) == (name, arn(f"billinggroup/{name}"))


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"billingGroupName": "a b"}, "billingGroupName"),
        ({"billingGroupProperties": {"billingGroupDescription": "a\nb"}}, "U+000A"),
        ({"tags": [{"Key": f"k{n}"} for n in range(51)]}, "51 tags"),
    ],
)
def test_a_group_that_cannot_be_is_refused(shared_site, fleet, said, told):
    create, name = shared_site.iot.create_billing_group, fleet.name("plant")
    *found, message = refused(create, **{"billingGroupName": name, **said})
    assert tuple(found) == IR
    assert told in message
    assert tuple(refused(shared_site.iot.describe_billing_group, billingGroupName=name)[:2]) == RNF


def test_an_update_changes_the_description_and_the_version(shared_site, fleet):
    iot, name = shared_site.iot, fleet.name("plant")
    iot.create_billing_group(billingGroupName=name, billingGroupProperties=PROPERTIES)

    def update(said, **more):
        answer = iot.update_billing_group(billingGroupName=name, billingGroupProperties=said, **more)
        found = described(iot, name)
        assert body(answer) == {"version": found["version"]}
        return found["billingGroupProperties"]

    assert update({}) == PROPERTIES
    assert update({"billingGroupDescription": "New"}, expectedVersion=2) == {"billingGroupDescription": "New"}
    assert update({"billingGroupDescription": ""}) == {}
    told = ("VersionConflictException", 409, f"Billing group {name}: expected version 1 but found version 4")
    said = {"billingGroupName": name, "expectedVersion": 1}
    assert refused(iot.update_billing_group, billingGroupProperties={}, **said) == told
    assert refused(iot.delete_billing_group, **said) == told
    bad = {"billingGroupDescription": "x" * 2029}
    *found, _ = refused(iot.update_billing_group, billingGroupName=name, billingGroupProperties=bad)
    assert tuple(found) == IR


def test_a_group_that_is_not_there(shared_site, fleet):
    iot, name = shared_site.iot, fleet.name("plant")
    thing = fleet.name("t")
    fleet.things("t")
    told = (*RNF, f"There is no billing group {name}")
    for call, said in (
        (iot.describe_billing_group, {}),
        (iot.update_billing_group, {"billingGroupProperties": {}}),
        (iot.list_things_in_billing_group, {}),
        (iot.add_thing_to_billing_group, {"thingName": thing}),
        (iot.remove_thing_from_billing_group, {"thingName": thing}),
    ):
        assert refused(call, billingGroupName=name, **said) == told
        assert tuple(refused(call, billingGroupName="a b", **said)[:2]) == IR
    assert body(iot.delete_billing_group(billingGroupName=name)) == {}
    assert tuple(refused(iot.delete_billing_group, billingGroupName="a b")[:2]) == IR


def test_a_thing_is_in_one_group_until_it_is_taken_out(shared_site, fleet):
    iot, thing = shared_site.iot, fleet.name("t")
    fleet.things("t")
    one, two = (iot.create_billing_group(billingGroupName=fleet.name(word)) for word in ("one", "two"))
    add, remove = iot.add_thing_to_billing_group, iot.remove_thing_from_billing_group
    for _ in range(2):
        assert body(add(billingGroupName=one["billingGroupName"], thingName=thing)) == {}
        assert label(iot, thing) == fleet.name("one")
    add(billingGroupArn=two["billingGroupArn"], thingArn=arn(f"thing/{thing}"))
    assert label(iot, thing) == fleet.name("two")
    # It is not in this one.
    assert body(remove(billingGroupName=fleet.name("one"), thingName=thing)) == {}
    assert label(iot, thing) == fleet.name("two")
    remove(billingGroupArn=two["billingGroupArn"], thingArn=arn(f"thing/{thing}"))
    assert label(iot, thing) is None
    add(billingGroupName=fleet.name("one"), thingName=thing)
    remove(thingName=thing)
    assert label(iot, thing) is None
    assert iot.describe_thing(thingName=thing)["version"] == 1


def test_whom_and_where_has_to_be_said_rightly(shared_site, fleet):
    iot, group = shared_site.iot, fleet.name("plant")
    fleet.things("t")
    iot.create_billing_group(billingGroupName=group)
    good = {"billingGroupName": group, "thingName": fleet.name("t")}
    add, remove = iot.add_thing_to_billing_group, iot.remove_thing_from_billing_group
    for call, said, kind, told in (
        (add, {"thingName": fleet.name("t")}, IR, "billingGroupName is required, or billingGroupArn"),
        (add, {"billingGroupName": group}, IR, "thingName is required, or thingArn"),
        (remove, {"billingGroupName": group}, IR, "thingName is required, or thingArn"),
        (add, {**good, "billingGroupArn": arn("thinggroup/x")}, IR, "is not the ARN of a billinggroup"),
        (remove, {**good, "thingArn": arn("thing/other")}, IR, "name two of them"),
        (add, {**good, "thingName": "nobody"}, RNF, "no thing nobody"),
        (remove, {**good, "thingName": "nobody"}, RNF, "no thing nobody"),
    ):
        *found, message = refused(call, **said)
        assert tuple(found) == kind
        assert told in message


def test_a_deleted_group_leaves_its_things_without_one(shared_site, fleet):
    iot, group, thing = shared_site.iot, fleet.name("plant"), fleet.name("t")
    iot.create_billing_group(billingGroupName=group)
    iot.create_thing(thingName=thing, billingGroupName=group)
    assert body(iot.delete_billing_group(billingGroupName=group)) == {}
    assert label(iot, thing) is None
    assert tuple(refused(iot.describe_billing_group, billingGroupName=group)[:2]) == RNF


def test_groups_and_their_things_are_listed_by_name(tmp_path):
    with opened_site(tmp_path / "data") as site:
        iot = site.iot
        for name in ("b", "a", "ab"):
            iot.create_billing_group(billingGroupName=name)
        for name in ("t2", "t1", "t3", "gone"):
            iot.create_thing(thingName=name, billingGroupName="b" if name == "t3" else "a")
        iot.delete_thing(thingName="gone")
        answer = iot.list_billing_groups()
        assert answer["billingGroups"][0] == {"groupName": "a", "groupArn": arn("billinggroup/a")}
        pages = iot.get_paginator("list_billing_groups").paginate(PaginationConfig={"PageSize": 2})
        found = [[each["groupName"] for each in page["billingGroups"]] for page in pages]
        assert found == [["a", "ab"], ["b"]]
        begun = iot.list_billing_groups(namePrefixFilter="a")["billingGroups"]
        assert [each["groupName"] for each in begun] == ["a", "ab"]
        pages = iot.get_paginator("list_things_in_billing_group").paginate(
            billingGroupName="a", PaginationConfig={"PageSize": 1}
        )
        assert [page["things"] for page in pages] == [["t1"], ["t2"]]
        for call, said in (
            (iot.list_billing_groups, {}),
            (iot.list_things_in_billing_group, {"billingGroupName": "a"}),
        ):
            for bad in ({"maxResults": 251}, {"nextToken": "x"}):
                assert tuple(refused(call, **said, **bad)[:2]) == IR
        assert tuple(refused(iot.list_billing_groups, namePrefixFilter="a b")[:2]) == IR
