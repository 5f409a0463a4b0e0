"""Dynamic thing groups with boto3: whoever meets the query is in it (contract 1.3, 4.4)."""

import pytest
from asking import body, refused
from aws_site import arn, opened_site
from sites import BOTH

from storage import dynamic, tags

DIALECTS = BOTH

PROPERTIES = {"thingGroupDescription": "Pumps", "attributePayload": {"attributes": {"floor": "2"}}}


def described(iot, name):
    return body(iot.describe_thing_group(thingGroupName=name))


def inside(iot, name):
    return sorted(iot.list_things_in_thing_group(thingGroupName=name)["things"])


def test_a_group_is_described_as_it_was_made(shared_site, fleet):
    iot, name = shared_site.iot, fleet.name("pumps")
    made = body(
        iot.create_dynamic_thing_group(
            thingGroupName=name,
            thingGroupProperties=PROPERTIES,
            indexName="AWS_Things",
            queryString=f"thingTypeName:{name}",
            queryVersion="2017-09-30",
            tags=[{"Key": "team", "Value": "lab"}],
        )
    )
    query = {
        "indexName": "AWS_Things",
        "queryString": f"thingTypeName:{name}",
        "queryVersion": "2017-09-30",
    }
    assert made == {
        "thingGroupName": name,
        "thingGroupArn": arn(f"thinggroup/{name}"),
        "thingGroupId": made["thingGroupId"],
        **query,
    }
    assert described(iot, name) == {
        **made,
        "version": 1,
        "thingGroupProperties": PROPERTIES,
        "thingGroupMetadata": {"creationDate": shared_site.door.at},
        "status": "ACTIVE",
    }
    assert iot.list_tags_for_resource(resourceArn=made["thingGroupArn"])["tags"] == [
        {"Key": "team", "Value": "lab"}
    ]


def test_things_come_and_go_with_their_type_and_their_attributes(shared_site, fleet):
    iot, pump, name = shared_site.iot, fleet.name("pump"), fleet.name("g")
    iot.create_thing_type(thingTypeName=pump)
    iot.create_thing(thingName=fleet.name("before"), thingTypeName=pump)
    iot.create_dynamic_thing_group(
        thingGroupName=name, queryString=f"thingTypeName:{pump} NOT attributes.off:1"
    )
    iot.create_thing(thingName=fleet.name("after"), thingTypeName=pump)
    iot.create_thing(thingName=fleet.name("other"))
    assert inside(iot, name) == [fleet.name("after"), fleet.name("before")]
    iot.update_thing(thingName=fleet.name("after"), removeThingType=True)
    iot.update_thing(thingName=fleet.name("other"), thingTypeName=pump)
    assert inside(iot, name) == [fleet.name("before"), fleet.name("other")]
    iot.update_thing(thingName=fleet.name("other"), attributePayload={"attributes": {"off": "1"}})
    assert inside(iot, name) == [fleet.name("before")]
    iot.delete_thing(thingName=fleet.name("before"))
    assert inside(iot, name) == []


def test_a_job_follows_the_group(shared_site, fleet):
    iot, pump = shared_site.iot, fleet.name("pump")
    iot.create_thing_type(thingTypeName=pump)
    group = iot.create_dynamic_thing_group(thingGroupName=pump, queryString=f"thingTypeName:{pump}")
    job = fleet.job("j", group["thingGroupArn"], targetSelection="CONTINUOUS")
    iot.create_thing(thingName=fleet.name("t"), thingTypeName=pump)
    fleet.tick()
    assert fleet.counts(job) == {"Queued": 1}


def test_the_same_again_is_no_error_and_anything_else_is(shared_site, fleet):
    iot, name = shared_site.iot, fleet.name("g")
    first = iot.create_dynamic_thing_group(thingGroupName=name, queryString="thingName:none")
    again = iot.create_dynamic_thing_group(thingGroupName=name, queryString="thingName:none")
    assert body(again) == body(first)
    for call, said in (
        (iot.create_dynamic_thing_group, {"queryString": "thingName:other"}),
        (iot.create_thing_group, {}),
    ):
        with pytest.raises(iot.exceptions.ResourceAlreadyExistsException) as caught:
            call(thingGroupName=name, **said)
        answer = caught.value.response
        assert (answer["resourceId"], answer["resourceArn"]) == (name, arn(f"thinggroup/{name}"))


QUERY_FAULTS = [
    ({"queryString": "colour:red"}, "query at character 1, 'colour:red'"),
    ({"queryString": " ".join(["thingName:x"] * 8)}, "query has 8 terms; at most 7"),
    ({"queryString": "thingName:x" + " " * 1000}, "characters; at most 1000"),
    (
        {"queryString": "thingName:x", "queryVersion": "2099-01-01"},
        "queryVersion '2099-01-01' is not 2017-09-30",
    ),
]


@pytest.mark.parametrize(("said", "told"), QUERY_FAULTS)
def test_what_is_no_query_is_refused_with_its_place(shared_site, fleet, said, told):
    iot, name = shared_site.iot, fleet.name("g")
    code, status, message = refused(iot.create_dynamic_thing_group, thingGroupName=name, **said)
    assert (code, status) == ("InvalidQueryException", 400)
    assert told in message
    assert refused(iot.describe_thing_group, thingGroupName=name)[1] == 404
    iot.create_dynamic_thing_group(thingGroupName=name, queryString="thingName:none")
    code, status, message = refused(
        iot.update_dynamic_thing_group, thingGroupName=name, thingGroupProperties={}, **said
    )
    assert (code, status) == ("InvalidQueryException", 400)
    assert told in message
    assert described(iot, name)["version"] == 1


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"thingGroupName": "ü"}, "thingGroupName"),
        ({"indexName": "AWS_ThingGroups"}, "indexName 'AWS_ThingGroups'"),
        ({"thingGroupProperties": {"thingGroupDescription": "a\nb"}}, "U+000A"),
        ({"tags": [{"Key": f"k{n}"} for n in range(51)]}, None),
    ],
)
def test_a_group_that_cannot_be_is_refused(shared_site, fleet, said, told):
    name = fleet.name("g")
    code, status, message = refused(
        shared_site.iot.create_dynamic_thing_group,
        **{"thingGroupName": name, "queryString": "thingName:none", **said},
    )
    limit = told is None
    assert (code, status) == (("LimitExceededException", 410) if limit else ("InvalidRequestException", 400))
    assert (told or "51 tags") in message
    assert refused(shared_site.iot.describe_thing_group, thingGroupName=name)[1] == 404


def test_there_are_so_many_dynamic_groups_and_no_more(tmp_path, monkeypatch):
    monkeypatch.setattr(dynamic, "MAX_GROUPS", 2)
    with opened_site(tmp_path / "data") as site:
        for name in "ab":
            site.iot.create_dynamic_thing_group(thingGroupName=name, queryString="thingName:none")
        create = site.iot.create_dynamic_thing_group
        code, status, message = refused(create, thingGroupName="c", queryString="thingName:none")
        assert (code, status) == ("LimitExceededException", 410)
        assert "at most 2 are allowed" in message
        # It is there already.
        create(thingGroupName="a", queryString="thingName:none")


def test_an_update_changes_what_it_names(shared_site, fleet):
    iot, name = shared_site.iot, fleet.name("g")
    fleet.things("a", "b")
    iot.create_dynamic_thing_group(
        thingGroupName=name, thingGroupProperties=PROPERTIES, queryString=f"thingName:{fleet.name('a')}"
    )
    before = described(iot, name)
    answer = iot.update_dynamic_thing_group(thingGroupName=name, thingGroupProperties={})
    assert (body(answer), described(iot, name)) == ({"version": 2}, {**before, "version": 2})
    query = f"thingName:{fleet.name('b')}"
    iot.update_dynamic_thing_group(
        thingGroupName=name,
        thingGroupProperties={"thingGroupDescription": "", "attributePayload": {"attributes": {}}},
        expectedVersion=2,
        indexName="AWS_Things",
        queryString=query,
        queryVersion="2017-09-30",
    )
    assert described(iot, name) == {
        **before,
        "version": 3,
        "queryString": query,
        "thingGroupProperties": {},
    }
    assert inside(iot, name) == [fleet.name("b")]


def test_another_version_than_expected_changes_nothing(shared_site, fleet):
    iot, name = shared_site.iot, fleet.name("g")
    iot.create_dynamic_thing_group(thingGroupName=name, queryString="thingName:none")
    told = ("VersionConflictException", 409, f"Thing group {name}: expected version 7 but found version 1")
    update, delete = iot.update_dynamic_thing_group, iot.delete_dynamic_thing_group
    assert refused(update, thingGroupName=name, thingGroupProperties={}, expectedVersion=7) == told
    assert refused(delete, thingGroupName=name, expectedVersion=7) == told
    delete(thingGroupName=name, expectedVersion=1)


def test_a_group_that_is_not_there(shared_site, fleet):
    iot, name = shared_site.iot, fleet.name("g")
    update = iot.update_dynamic_thing_group
    assert refused(update, thingGroupName=name, thingGroupProperties={}) == (
        "ResourceNotFoundException",
        404,
        f"There is no thing group {name}",
    )
    assert body(iot.delete_dynamic_thing_group(thingGroupName=name)) == {}
    for call, said in ((update, {"thingGroupProperties": {}}), (iot.delete_dynamic_thing_group, {})):
        assert refused(call, thingGroupName="a b", **said)[:2] == ("InvalidRequestException", 400)


def test_a_deleted_group_is_gone_with_its_tags(shared_site, fleet):
    iot, name = shared_site.iot, fleet.name("g")
    iot.create_dynamic_thing_group(
        thingGroupName=name, queryString="thingName:none", tags=[{"Key": "x", "Value": "y"}]
    )
    assert body(iot.delete_dynamic_thing_group(thingGroupName=name)) == {}
    assert refused(iot.describe_thing_group, thingGroupName=name)[1] == 404
    assert shared_site.door.run(shared_site.door.store.read(tags.of, f"thinggroup/{name}")) == {}


def test_each_kind_of_group_has_its_own_operations(shared_site, fleet):
    iot, static, moving = shared_site.iot, fleet.name("static"), fleet.name("dynamic")
    iot.create_thing_group(thingGroupName=static)
    iot.create_dynamic_thing_group(thingGroupName=moving, queryString="thingName:none")
    for name, kind, update, delete in (
        (static, "static", iot.update_dynamic_thing_group, iot.delete_dynamic_thing_group),
        (moving, "dynamic", iot.update_thing_group, iot.delete_thing_group),
    ):
        told = ("InvalidRequestException", 400, f"Thing group {name} is {kind}")
        assert refused(update, thingGroupName=name, thingGroupProperties={}) == told
        assert refused(delete, thingGroupName=name) == told
    parent = refused(iot.create_thing_group, thingGroupName=fleet.name("in"), parentGroupName=moving)
    assert parent[:2] == ("InvalidRequestException", 400)
    assert "is dynamic" in parent[2]
