"""Thing types with boto3: made, described, changed, deprecated, deleted, listed; what is refused."""

import json

import pytest
from asking import body, refused
from aws_site import arn, opened_site
from sites import BOTH

from storage import tags

DIALECTS = BOTH

PROPERTIES = {"thingTypeDescription": "A pump", "searchableAttributes": ["model", "site"]}


def described(iot, name):
    return body(iot.describe_thing_type(thingTypeName=name))


def test_a_type_is_described_as_it_was_made(shared_site, fleet):
    iot, name = shared_site.iot, fleet.name("pump")
    made = body(
        iot.create_thing_type(
            thingTypeName=name, thingTypeProperties=PROPERTIES, tags=[{"Key": "team", "Value": "lab"}]
        )
    )
    assert made == {
        "thingTypeName": name,
        "thingTypeArn": arn(f"thingtype/{name}"),
        "thingTypeId": made["thingTypeId"],
    }
    found = described(iot, name)
    assert found.pop("thingTypeMetadata") == {"deprecated": False, "creationDate": shared_site.door.at}
    assert found == {**made, "thingTypeProperties": PROPERTIES}
    assert iot.list_tags_for_resource(resourceArn=made["thingTypeArn"])["tags"] == [
        {"Key": "team", "Value": "lab"}
    ]


def test_the_same_again_is_no_error_and_anything_else_is(shared_site, fleet):
    iot, name = shared_site.iot, fleet.name("pump")
    first = iot.create_thing_type(thingTypeName=name)
    assert body(iot.create_thing_type(thingTypeName=name, thingTypeProperties={})) == body(first)
    for other in ({"thingTypeDescription": "x"}, {"searchableAttributes": ["x"]}):
        with pytest.raises(iot.exceptions.ResourceAlreadyExistsException) as caught:
            iot.create_thing_type(thingTypeName=name, thingTypeProperties=other)
        answer = caught.value.response
        assert (answer["resourceId"], answer["resourceArn"]) == (name, arn(f"thingtype/{name}"))


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"thingTypeName": "ü"}, "thingTypeName"),
        ({"thingTypeProperties": {"thingTypeDescription": "a\nb"}}, "U+000A"),
        ({"thingTypeProperties": {"thingTypeDescription": "x" * 2029}}, "2029 characters"),
        ({"thingTypeProperties": {"searchableAttributes": list("abcd")}}, "has 4 entries; at most 3"),
        ({"thingTypeProperties": {"searchableAttributes": ["a b"]}}, "searchableAttributes"),
        ({"tags": [{"Key": "aws:x"}]}, "aws:x"),
        ({"tags": [{"Key": "x"}, {"Key": "x"}]}, "comes more than once"),
        ({"tags": [{"Key": f"k{n}"} for n in range(51)]}, "51 tags"),
        (
            {
                "thingTypeProperties": {
                    "mqtt5Configuration": {"propagatingAttributes": [{"thingAttribute": "a"}]}
                }
            },
            "it is not honoured: messages of devices",
        ),
    ],
)
def test_a_type_that_cannot_be_is_refused(shared_site, fleet, said, told):
    name = fleet.name("pump")
    code, status, message = refused(shared_site.iot.create_thing_type, **{"thingTypeName": name, **said})
    assert (code, status) == ("InvalidRequestException", 400)
    assert told in message
    assert refused(shared_site.iot.describe_thing_type, thingTypeName=name)[1] == 404


@pytest.mark.parametrize(
    "call", ["describe_thing_type", "update_thing_type", "deprecate_thing_type", "delete_thing_type"]
)
def test_a_type_that_is_not_there(shared_site, fleet, call):
    name = fleet.name("pump")
    found = refused(getattr(shared_site.iot, call), thingTypeName=name)
    assert found == ("ResourceNotFoundException", 404, f"There is no thing type {name}")
    assert refused(getattr(shared_site.iot, call), thingTypeName="a b")[:2] == (
        "InvalidRequestException",
        400,
    )


def test_what_an_update_leaves_out_stays(shared_site, fleet):
    iot, name = shared_site.iot, fleet.name("pump")
    iot.create_thing_type(thingTypeName=name, thingTypeProperties=PROPERTIES)

    def update(**properties):
        assert body(iot.update_thing_type(thingTypeName=name, thingTypeProperties=properties)) == {}
        return described(iot, name)["thingTypeProperties"]

    assert update() == PROPERTIES
    assert update(thingTypeDescription="New") == {**PROPERTIES, "thingTypeDescription": "New"}
    assert update(searchableAttributes=[]) == {"thingTypeDescription": "New"}
    assert update(thingTypeDescription="") == {}
    told = refused(
        iot.update_thing_type,
        thingTypeName=name,
        thingTypeProperties={"mqtt5Configuration": {"propagatingAttributes": [{"thingAttribute": "a"}]}},
    )
    assert told[:2] == ("InvalidRequestException", 400)


def test_a_type_is_deprecated_and_not_any_more(shared_site, fleet):
    iot, name, door = shared_site.iot, fleet.name("pump"), shared_site.door
    iot.create_thing_type(thingTypeName=name)
    door.later(seconds=5)
    since = door.at
    for _ in range(2):
        assert body(iot.deprecate_thing_type(thingTypeName=name)) == {}
        found = described(iot, name)["thingTypeMetadata"]
        assert (found["deprecated"], found["deprecationDate"]) == (True, since)
        door.later(seconds=5)
    iot.deprecate_thing_type(thingTypeName=name, undoDeprecate=True)
    found = described(iot, name)["thingTypeMetadata"]
    assert (found["deprecated"], "deprecationDate" in found) == (False, False)


def test_a_type_goes_when_it_is_deprecated_and_no_thing_has_it(shared_site, fleet):
    iot, name = shared_site.iot, fleet.name("pump")
    iot.create_thing_type(thingTypeName=name, tags=[{"Key": "x"}])
    iot.create_thing(thingName=fleet.name("t"), thingTypeName=name)
    told = refused(iot.delete_thing_type, thingTypeName=name)
    assert told == (
        "InvalidRequestException",
        400,
        f"Thing type {name} is not deprecated; deprecate it first",
    )
    iot.deprecate_thing_type(thingTypeName=name)
    told = refused(iot.delete_thing_type, thingTypeName=name)
    assert told == (
        "InvalidRequestException",
        400,
        f"Thing type {name} is still that of the thing {fleet.name('t')}",
    )
    iot.update_thing(thingName=fleet.name("t"), removeThingType=True)
    assert body(iot.delete_thing_type(thingTypeName=name)) == {}
    assert refused(iot.describe_thing_type, thingTypeName=name)[1] == 404
    assert shared_site.door.run(shared_site.door.store.read(tags.of, f"thingtype/{name}")) == {}


def test_a_deleted_thing_holds_no_type(shared_site, fleet):
    iot, name = shared_site.iot, fleet.name("pump")
    iot.create_thing_type(thingTypeName=name)
    iot.create_thing(thingName=fleet.name("t"), thingTypeName=name)
    iot.deprecate_thing_type(thingTypeName=name)
    iot.delete_thing(thingName=fleet.name("t"))
    iot.delete_thing_type(thingTypeName=name)


def test_types_are_listed_by_name(tmp_path):
    with opened_site(tmp_path / "data") as site:
        iot = site.iot
        for name in ("c", "a", "b"):
            iot.create_thing_type(thingTypeName=name, thingTypeProperties=PROPERTIES)
        answer = iot.list_thing_types()
        assert [found["thingTypeName"] for found in answer["thingTypes"]] == ["a", "b", "c"]
        assert "nextToken" not in answer
        assert answer["thingTypes"][0] == {
            "thingTypeName": "a",
            "thingTypeArn": arn("thingtype/a"),
            "thingTypeProperties": PROPERTIES,
            "thingTypeMetadata": {"deprecated": False, "creationDate": site.door.at},
        }
        pages = iot.get_paginator("list_thing_types").paginate(PaginationConfig={"PageSize": 1})
        assert [[each["thingTypeName"] for each in page["thingTypes"]] for page in pages] == [
            ["a"],
            ["b"],
            ["c"],
        ]
        assert [each["thingTypeName"] for each in iot.list_thing_types(thingTypeName="b")["thingTypes"]] == [
            "b"
        ]
        assert iot.list_thing_types(thingTypeName="x")["thingTypes"] == []
        for said, told in (
            ({"maxResults": 251}, "maxResults"),
            ({"nextToken": "x"}, "nextToken"),
            ({"thingTypeName": "a b"}, "thingTypeName"),
        ):
            code, status, message = refused(iot.list_thing_types, **said)
            assert (code, status) == ("InvalidRequestException", 400)
            assert told in message


def test_an_unknown_member_is_refused(shared_site):
    said = json.dumps({"thingTypeProperties": {"colour": "red"}}).encode()
    status, headers, raw = shared_site.exchange("POST", "/aws/iot/thing-types/x1", said)
    assert (status, headers["x-amzn-errortype"]) == (400, "InvalidRequestException")
    assert "thingTypeProperties.colour" in json.loads(raw)["message"]
