"""Static thing groups with boto3: made, described, changed, deleted, listed (contract 1.3, 4.4)."""

import itertools

import pytest
from asking import body, refused
from aws_site import arn, opened_site
from sites import BOTH

from storage import departures, groups, tags
from storage.policy import Policy

DIALECTS = BOTH

PROPERTIES = {
    "thingGroupDescription": "The lab",
    "attributePayload": {"attributes": {"floor": "2", "site": "north"}},
}


def described(iot, name):
    return body(iot.describe_thing_group(thingGroupName=name))


def named(*names):
    return [{"groupName": name, "groupArn": arn(f"thinggroup/{name}")} for name in names]


# --- create and describe ---


def test_a_group_is_described_as_it_was_made(shared_site, fleet):
    iot, outer, name = shared_site.iot, fleet.name("outer"), fleet.name("inner")
    iot.create_thing_group(thingGroupName=outer)
    made = body(
        iot.create_thing_group(
            thingGroupName=name,
            parentGroupName=outer,
            thingGroupProperties=PROPERTIES,
            tags=[{"Key": "team", "Value": "lab"}],
        )
    )
    assert made == {
        "thingGroupName": name,
        "thingGroupArn": arn(f"thinggroup/{name}"),
        "thingGroupId": made["thingGroupId"],
    }
    assert described(iot, name) == {
        **made,
        "version": 1,
        "thingGroupProperties": PROPERTIES,
        "thingGroupMetadata": {
            "parentGroupName": outer,
            "rootToParentThingGroups": named(outer),
            "creationDate": shared_site.door.at,
        },
    }
    assert described(iot, outer)["thingGroupProperties"] == {}
    assert described(iot, outer)["thingGroupMetadata"] == {"creationDate": shared_site.door.at}
    assert iot.list_tags_for_resource(resourceArn=made["thingGroupArn"])["tags"] == [
        {"Key": "team", "Value": "lab"}
    ]


def test_the_way_to_a_group_begins_at_the_root_and_ends_after_seven(shared_site, fleet):
    iot = shared_site.iot
    names = [fleet.name(f"g{depth}") for depth in range(8)]
    iot.create_thing_group(thingGroupName=names[0])
    for parent, name in itertools.pairwise(names[:7]):
        iot.create_thing_group(thingGroupName=name, parentGroupName=parent)
    found = described(iot, names[6])["thingGroupMetadata"]
    assert found["rootToParentThingGroups"] == named(*names[:6])
    code, status, message = refused(iot.create_thing_group, thingGroupName=names[7], parentGroupName=names[6])
    assert (code, status) == ("InvalidRequestException", 400)
    assert "nest at most 7 deep" in message


def test_the_same_again_is_no_error_and_anything_else_is(shared_site, fleet):
    iot, name = shared_site.iot, fleet.name("g")
    iot.create_thing_group(thingGroupName=fleet.name("outer"))
    first = iot.create_thing_group(thingGroupName=name, thingGroupProperties=PROPERTIES)
    again = iot.create_thing_group(thingGroupName=name, thingGroupProperties=PROPERTIES)
    assert body(again) == body(first)
    for other in (
        {},
        {"thingGroupProperties": {**PROPERTIES, "thingGroupDescription": "Other"}},
        {"thingGroupProperties": {**PROPERTIES, "attributePayload": {"attributes": {}}}},
        {"thingGroupProperties": PROPERTIES, "parentGroupName": fleet.name("outer")},
    ):
        with pytest.raises(iot.exceptions.ResourceAlreadyExistsException) as caught:
            iot.create_thing_group(thingGroupName=name, **other)
        answer = caught.value.response
        assert (answer["resourceId"], answer["resourceArn"]) == (name, arn(f"thinggroup/{name}"))


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"thingGroupName": "ü"}, "thingGroupName"),
        ({"parentGroupName": "ü"}, "parentGroupName"),
        ({"parentGroupName": "never-made"}, "There is no thing group never-made"),
        ({"thingGroupProperties": {"thingGroupDescription": "a\tb"}}, "U+0009"),
        ({"thingGroupProperties": {"attributePayload": {"attributes": {"a": "1 2"}}}}, "attributes.a"),
        ({"tags": [{"Key": "a;b"}]}, "'a;b'"),
        ({"tags": [{"Key": f"k{n}"} for n in range(51)]}, "51 tags"),
    ],
)
def test_a_group_that_cannot_be_is_refused(shared_site, fleet, said, told):
    name = fleet.name("g")
    code, status, message = refused(shared_site.iot.create_thing_group, **{"thingGroupName": name, **said})
    assert (code, status) == ("InvalidRequestException", 400)
    assert told in message
    assert refused(shared_site.iot.describe_thing_group, thingGroupName=name)[1] == 404


def test_a_group_holds_a_hundred_groups(shared_site, fleet):
    outer = fleet.name("outer")
    fleet.do(groups.create, outer)
    for number in range(100):
        fleet.do(groups.create, fleet.name(f"g{number}"), parent_name=outer)
    code, status, message = refused(
        shared_site.iot.create_thing_group, thingGroupName=fleet.name("more"), parentGroupName=outer
    )
    assert (code, status) == ("InvalidRequestException", 400)
    assert "has 100 groups in it; at most 100" in message


def test_a_group_that_is_not_there(shared_site, fleet):
    name = fleet.name("g")
    told = ("ResourceNotFoundException", 404, f"There is no thing group {name}")
    assert refused(shared_site.iot.describe_thing_group, thingGroupName=name) == told
    update = shared_site.iot.update_thing_group
    assert refused(update, thingGroupName=name, thingGroupProperties={}) == told
    for call in (shared_site.iot.describe_thing_group, shared_site.iot.delete_thing_group):
        assert refused(call, thingGroupName="a b")[:2] == ("InvalidRequestException", 400)


# --- update ---


def test_an_update_changes_what_it_names(shared_site, fleet):
    iot, name = shared_site.iot, fleet.name("g")
    iot.create_thing_group(thingGroupName=name, thingGroupProperties=PROPERTIES)

    def update(**properties):
        answer = iot.update_thing_group(thingGroupName=name, thingGroupProperties=properties)
        found = described(iot, name)
        assert body(answer) == {"version": found["version"]}
        return found["thingGroupProperties"]

    def attributes(**pairs):
        return {"attributePayload": {"attributes": pairs}}

    assert update() == PROPERTIES
    assert update(thingGroupDescription="New") == {**PROPERTIES, "thingGroupDescription": "New"}
    merging = {"attributePayload": {"attributes": {"floor": "", "room": "7"}, "merge": True}}
    assert update(**merging) == {"thingGroupDescription": "New", **attributes(site="north", room="7")}
    assert update(**attributes(z="1")) == {"thingGroupDescription": "New", **attributes(z="1")}
    assert update(thingGroupDescription="", **attributes()) == {}
    assert described(iot, name)["version"] == 6


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"thingGroupProperties": {"thingGroupDescription": "x" * 2029}}, "2029 characters"),
        ({"thingGroupProperties": {"attributePayload": {"attributes": {"ü": "1"}}}}, "'ü'"),
        ({"thingGroupProperties": {}, "expectedVersion": -1}, "expectedVersion"),
    ],
)
def test_an_update_that_cannot_be(shared_site, fleet, said, told):
    shared_site.iot.create_thing_group(thingGroupName=fleet.name("g"))
    code, status, message = refused(
        shared_site.iot.update_thing_group, thingGroupName=fleet.name("g"), **said
    )
    assert (code, status) == ("InvalidRequestException", 400)
    assert told in message


def test_another_version_than_expected_changes_nothing(shared_site, fleet):
    iot, name = shared_site.iot, fleet.name("g")
    iot.create_thing_group(thingGroupName=name)
    iot.update_thing_group(thingGroupName=name, thingGroupProperties={}, expectedVersion=1)
    told = ("VersionConflictException", 409, f"Thing group {name}: expected version 1 but found version 2")
    assert (
        refused(iot.update_thing_group, thingGroupName=name, thingGroupProperties={}, expectedVersion=1)
        == told
    )
    assert refused(iot.delete_thing_group, thingGroupName=name, expectedVersion=1) == told
    iot.delete_thing_group(thingGroupName=name, expectedVersion=2)


# --- delete ---


def test_a_deleted_group_is_gone_and_so_is_one_that_never_was(shared_site, fleet):
    iot, name = shared_site.iot, fleet.name("g")
    iot.create_thing_group(thingGroupName=name, tags=[{"Key": "x"}])
    for _ in range(2):
        assert body(iot.delete_thing_group(thingGroupName=name)) == {}
        assert refused(iot.describe_thing_group, thingGroupName=name)[1] == 404
    iot.create_thing_group(thingGroupName=name)
    assert shared_site.door.run(shared_site.door.store.read(tags.of, f"thinggroup/{name}")) == {}


def test_a_group_with_groups_in_it_is_kept(shared_site, fleet):
    iot, outer, inner = shared_site.iot, fleet.name("outer"), fleet.name("inner")
    iot.create_thing_group(thingGroupName=outer)
    iot.create_thing_group(thingGroupName=inner, parentGroupName=outer)
    code, status, message = refused(iot.delete_thing_group, thingGroupName=outer)
    assert (code, status) == ("InvalidRequestException", 400)
    assert f"still has the group {inner} inside" in message
    iot.delete_thing_group(thingGroupName=inner)
    iot.delete_thing_group(thingGroupName=outer)


def test_a_job_on_a_deleted_group_is_over_for_its_members(shared_site, fleet):
    fleet.things("t")
    target = fleet.group("g", "t")
    job = fleet.job("j", target, targetSelection="CONTINUOUS")
    shared_site.iot.delete_thing_group(thingGroupName=fleet.name("g"))
    assert fleet.counts(job) == {"Removed": 1}


def test_nobody_finds_a_group_whose_members_are_still_being_seen_out(shared_site, fleet, monkeypatch):
    monkeypatch.setattr(departures, "CHUNK", 4)
    monkeypatch.setattr(departures, "AT_ONCE", 2)
    iot, name = shared_site.iot, fleet.name("g")
    fleet.do(groups.create, name)
    fleet.do(groups.add, name, [fleet.name(f"t{n}") for n in range(20)], policy=Policy())
    iot.delete_thing_group(thingGroupName=name)
    assert (
        shared_site.door.ok("GET", f"/thing-groups/{name}")["thingGroup"]["status"] == "DELETION_IN_PROGRESS"
    )
    assert refused(iot.describe_thing_group, thingGroupName=name)[1] == 404
    assert iot.list_thing_groups(namePrefixFilter=name)["thingGroups"] == []
    assert iot.list_thing_groups_for_thing(thingName=fleet.name("t19"))["thingGroups"] == []
    assert refused(iot.list_things_in_thing_group, thingGroupName=name)[1] == 404
    assert body(iot.delete_thing_group(thingGroupName=name)) == {}
    assert "is being deleted" in refused(iot.create_thing_group, thingGroupName=name)[2]
    fleet.tick()
    iot.create_thing_group(thingGroupName=name)


# --- list ---


@pytest.fixture(scope="module")
def trees(tmp_path_factory):
    """Give a server with a tree of groups, a single one, and a dynamic one."""
    with opened_site(tmp_path_factory.mktemp("groups") / "data") as site:
        for name, parent in (("a", None), ("b", "a"), ("c", "b"), ("d", "a"), ("x", None), ("xy", "c")):
            above = {} if parent is None else {"parentGroupName": parent}
            site.iot.create_thing_group(thingGroupName=name, **above)
        site.iot.create_dynamic_thing_group(thingGroupName="dyn", queryString="thingName:t*")
        yield site.iot


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({}, "a b c d dyn x xy"),
        ({"recursive": True}, "a b c d dyn x xy"),
        ({"recursive": False}, "a dyn x"),
        ({"parentGroup": "a"}, "b d"),
        ({"parentGroup": "a", "recursive": False}, "b d"),
        ({"parentGroup": "a", "recursive": True}, "b c d xy"),
        ({"parentGroup": "xy", "recursive": True}, ""),
        ({"namePrefixFilter": "x"}, "x xy"),
        ({"namePrefixFilter": "x", "parentGroup": "b", "recursive": True}, "xy"),
        ({"namePrefixFilter": "d", "recursive": False}, "dyn"),
    ],
)
def test_groups_are_listed_by_where_they_lie(trees, said, found):
    answer = trees.list_thing_groups(**said)
    assert answer["thingGroups"] == named(*found.split())
    assert "nextToken" not in answer
    paged = trees.get_paginator("list_thing_groups").paginate(**said, PaginationConfig={"PageSize": 2})
    assert [each for page in paged for each in page["thingGroups"]] == named(*found.split())


@pytest.mark.parametrize(
    ("said", "code", "told"),
    [
        ({"parentGroup": "nowhere"}, "ResourceNotFoundException", "no thing group nowhere"),
        ({"parentGroup": "a b"}, "InvalidRequestException", "parentGroup"),
        ({"namePrefixFilter": "a b"}, "InvalidRequestException", "namePrefixFilter"),
        ({"maxResults": 251}, "InvalidRequestException", "maxResults"),
        ({"nextToken": "x"}, "InvalidRequestException", "nextToken"),
    ],
)
def test_lists_that_cannot_be(trees, said, code, told):
    found = refused(trees.list_thing_groups, **said)
    assert found[0] == code
    assert told in found[2]
