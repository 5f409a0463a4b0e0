"""Who is in which group, with boto3: by name or ARN, one at a time or as one step (contract 1.3, 4.4)."""

import pytest
from asking import body, refused
from aws_site import arn

IR = ("InvalidRequestException", 400)
RNF = ("ResourceNotFoundException", 404)


@pytest.fixture
def trees(fleet):
    """a > b and a > c in one tree, x in another; the things t and u."""
    fleet.things("t", "u")
    for word, parent in (("a", None), ("b", "a"), ("c", "a"), ("x", None)):
        fleet.group(word, parent=parent)
    return fleet


def held(fleet, thing="t"):
    found = fleet.iot.list_thing_groups_for_thing(thingName=fleet.name(thing))["thingGroups"]
    for each in found:
        assert each["groupArn"] == arn(f"thinggroup/{each['groupName']}")
    return "".join(each["groupName"].removesuffix(f"-{fleet.number}") for each in found)


def inside(fleet, group, **said):
    found = fleet.iot.list_things_in_thing_group(thingGroupName=fleet.name(group), **said)["things"]
    return "".join(name.removesuffix(f"-{fleet.number}") for name in found)


def put(fleet, group, thing="t", **more):
    return fleet.iot.add_thing_to_thing_group(
        thingGroupName=fleet.name(group), thingName=fleet.name(thing), **more
    )


def ways(fleet, group="x", thing="t"):
    """Return every way to say a group and a thing."""
    group, thing = fleet.name(group), fleet.name(thing)
    by_name = {"thingGroupName": group}, {"thingName": thing}
    by_arn = {"thingGroupArn": arn(f"thinggroup/{group}")}, {"thingArn": arn(f"thing/{thing}")}
    return [
        {**by_name[0], **by_name[1]},
        {**by_arn[0], **by_arn[1]},
        {**by_name[0], **by_arn[1]},
        {**by_name[0], **by_arn[0], **by_name[1], **by_arn[1]},
    ]


def test_a_thing_is_put_in_and_taken_out_by_name_and_by_arn(trees):
    for said in ways(trees):
        for _ in range(2):
            assert body(trees.iot.add_thing_to_thing_group(**said)) == {}
            assert held(trees) == "x"
        for _ in range(2):
            assert body(trees.iot.remove_thing_from_thing_group(**said)) == {}
            assert held(trees) == ""


@pytest.mark.parametrize("call", ["add_thing_to_thing_group", "remove_thing_from_thing_group"])
def test_whom_and_where_has_to_be_said_rightly(trees, call):
    call = getattr(trees.iot, call)
    good = ways(trees)[0]
    group, thing = good["thingGroupName"], good["thingName"]
    for said, kind, told in (
        ({"thingName": thing}, IR, "thingGroupName is required, or thingGroupArn"),
        ({"thingGroupName": group}, IR, "thingName is required, or thingArn"),
        ({**good, "thingArn": arn("thing/other")}, IR, "name two of them"),
        ({**good, "thingGroupArn": arn("thinggroup/other")}, IR, "name two of them"),
        ({**good, "thingArn": "t"}, IR, "thingArn 't' is not the ARN of a thing"),
        ({**good, "thingArn": arn("job/x")}, IR, "is not the ARN of a thing"),
        ({**good, "thingGroupArn": arn("thing/x")}, IR, "is not the ARN of a thinggroup"),
        (
            {**good, "thingArn": f"arn:aws:iot:eu-west-1:123456789012:thing/{thing}"},
            IR,
            "is not of region us-east-1 and account 123456789012",
        ),
        ({**good, "thingName": "a b"}, IR, "thingName 'a b'"),
        ({**good, "thingGroupName": "a b"}, IR, "thingGroupName 'a b'"),
        ({**good, "thingName": "nobody"}, RNF, "no thing nobody"),
        ({**good, "thingGroupName": "nowhere"}, RNF, "no thing group nowhere"),
    ):
        *found, message = refused(call, **said)
        assert (tuple(found), said) == (kind, said)
        assert told in message
    assert held(trees) == ""


def test_naming_a_thing_does_not_register_it(trees):
    # Our own API does, as long as it is not told to be strict.
    assert tuple(refused(put, fleet=trees, group="x", thing="new")[:2]) == RNF
    trees.site.door.ok("PUT", f"/thing-groups/{trees.name('x')}/things", {"things": [trees.name("new")]})
    assert inside(trees, "x") == "new"


def test_a_thing_is_in_one_group_of_a_hierarchy(trees):
    put(trees, "b")
    for other in "ac":
        *found, message = refused(put, fleet=trees, group=other)
        assert tuple(found) == IR
        assert f"the thing is in {trees.name('b')}, a group of the same hierarchy" in message
    put(trees, "x")
    assert held(trees) == "bx"


@pytest.mark.parametrize("override", [True, False])
def test_the_eleventh_group_is_refused_and_dynamic_ones_do_not_count(trees, override):
    for number in range(10):
        trees.group(f"g{number}")
        put(trees, f"g{number}", overrideDynamicGroups=override)
        trees.iot.create_dynamic_thing_group(
            thingGroupName=trees.name(f"d{number}"), queryString=f"thingName:{trees.name('t')}"
        )
    *found, message = refused(put, fleet=trees, group="x", overrideDynamicGroups=override)
    assert tuple(found) == IR
    assert "the thing is in 10 groups; at most 10 are allowed" in message


def test_nobody_is_put_into_a_dynamic_group(trees):
    trees.iot.create_dynamic_thing_group(thingGroupName=trees.name("d"), queryString="thingName:none")
    for call in (trees.iot.add_thing_to_thing_group, trees.iot.remove_thing_from_thing_group):
        *found, message = refused(call, thingGroupName=trees.name("d"), thingName=trees.name("t"))
        assert tuple(found) == IR
        assert "is dynamic" in message


def move(fleet, add="", remove="", **more):
    lists = {
        "thingGroupsToAdd": [fleet.name(word) for word in add],
        "thingGroupsToRemove": [fleet.name(word) for word in remove],
    }
    said = {"thingName": fleet.name("t"), **{name: found for name, found in lists.items() if found}, **more}
    return fleet.iot.update_thing_groups_for_thing(**said)


def test_several_groups_change_as_one_step(trees):
    assert body(move(trees, "bx")) == {}
    assert held(trees) == "bx"
    # Inside the hierarchy: out of b before into c.
    move(trees, "c", "b", overrideDynamicGroups=True)
    assert held(trees) == "cx"
    move(trees, "x", "cx")
    assert held(trees) == "x"
    move(trees)
    assert held(trees) == "x"


@pytest.mark.parametrize(
    ("said", "kind", "told"),
    [
        ({"add": "x", "remove": "b", "thingName": "nobody"}, RNF, "no thing nobody"),
        ({"add": "x", "thingGroupsToRemove": ["nowhere"]}, RNF, "no thing group nowhere"),
        ({"remove": "b", "thingGroupsToAdd": ["nowhere"]}, RNF, "no thing group nowhere"),
        ({"add": "xc"}, IR, "a group of the same hierarchy"),
        ({"add": "x", "remove": "b", "thingName": "a b"}, IR, "thingName 'a b'"),
        ({"add": "x", "thingGroupsToRemove": ["a b"]}, IR, "thingGroupsToRemove[0] 'a b'"),
    ],
)
def test_a_step_that_fails_changes_nothing(trees, said, kind, told):
    put(trees, "b")
    *found, message = refused(move, fleet=trees, **said)
    assert tuple(found) == kind
    assert told in message
    assert held(trees) == "b"


def test_a_step_names_its_thing(trees):
    *found, message = refused(trees.iot.update_thing_groups_for_thing, thingGroupsToAdd=[trees.name("x")])
    assert (tuple(found), message) == (IR, "thingName is required")


def test_a_job_on_both_groups_goes_on_when_a_thing_moves(trees):
    put(trees, "b")
    both = [arn(f"thinggroup/{trees.name(word)}") for word in "bc"]
    job = trees.job("j", *both, targetSelection="CONTINUOUS")
    move(trees, "c", "b")
    trees.tick()
    assert trees.counts(job) == {"Queued": 1}
    move(trees, remove="c")
    trees.tick()
    assert trees.counts(job) == {"Removed": 1}


def test_members_are_listed_with_and_without_those_further_in(trees):
    put(trees, "b", "t")
    put(trees, "c", "u")
    assert [inside(trees, word) for word in "abc"] == ["", "t", "u"]
    assert inside(trees, "a", recursive=True) == "tu"
    assert inside(trees, "a", recursive=False) == ""
    pages = trees.iot.get_paginator("list_things_in_thing_group").paginate(
        thingGroupName=trees.name("a"), recursive=True, PaginationConfig={"PageSize": 1}
    )
    assert [page["things"] for page in pages] == [[trees.name("t")], [trees.name("u")]]


def test_groups_of_a_thing_come_in_pages(trees):
    move(trees, "bx")
    pages = trees.iot.get_paginator("list_thing_groups_for_thing").paginate(
        thingName=trees.name("t"), PaginationConfig={"PageSize": 1}
    )
    found = [[group["groupName"] for group in page["thingGroups"]] for page in pages]
    assert found == [[trees.name("b")], [trees.name("x")]]


@pytest.mark.parametrize(
    ("call", "member"),
    [
        ("list_things_in_thing_group", "thingGroupName"),
        ("list_thing_groups_for_thing", "thingName"),
    ],
)
def test_lists_that_cannot_be(trees, call, member):
    good = trees.name("x") if member == "thingGroupName" else trees.name("t")
    for said, kind, told in (
        ({member: "nowhere"}, RNF, "nowhere"),
        ({member: "a b"}, IR, member),
        ({member: good, "maxResults": 251}, IR, "maxResults"),
        ({member: good, "nextToken": "x"}, IR, "nextToken"),
    ):
        *found, message = refused(getattr(trees.iot, call), **said)
        assert tuple(found) == kind
        assert told in message
