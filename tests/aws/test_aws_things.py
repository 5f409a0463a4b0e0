"""Things with boto3: made, described, changed, deleted; what is refused (contract 1.2, 4.4)."""

import json

import pytest
from asking import body, refused
from aws_site import arn
from sites import BOTH

DIALECTS = BOTH

BAD_NAME = "thingName 'no spaces' does not match"


def attributes(**pairs):
    return {"attributes": {name: str(value) for name, value in pairs.items()}}


def described(iot, name):
    return body(iot.describe_thing(thingName=name))


# --- create ---


def test_a_thing_is_described_as_it_was_made(shared_site, fleet):
    iot, name = shared_site.iot, fleet.name("a:b")
    iot.create_thing_type(thingTypeName=fleet.name("pump"))
    iot.create_billing_group(billingGroupName=fleet.name("plant"))
    made = iot.create_thing(
        thingName=name,
        thingTypeName=fleet.name("pump"),
        attributePayload=attributes(a=1, b=2, c=3, d=4),
        billingGroupName=fleet.name("plant"),
    )
    found = described(iot, name)
    assert body(made) == {
        "thingName": name,
        "thingArn": arn(f"thing/{name}"),
        "thingId": found["thingId"],
    }
    assert found == {
        "defaultClientId": name,
        **body(made),
        "thingTypeName": fleet.name("pump"),
        "attributes": {"a": "1", "b": "2", "c": "3", "d": "4"},
        "version": 1,
        "billingGroupName": fleet.name("plant"),
    }


def test_what_was_not_said_is_not_shown(shared_site, fleet):
    shared_site.iot.create_thing(thingName=fleet.name("t"))
    found = described(shared_site.iot, fleet.name("t"))
    assert set(found) == {"defaultClientId", "thingName", "thingId", "thingArn", "attributes", "version"}
    assert found["attributes"] == {}


def test_the_same_again_is_no_error_and_anything_else_is(shared_site, fleet):
    iot, name = shared_site.iot, fleet.name("t")
    first = iot.create_thing(thingName=name, attributePayload=attributes(a=1))
    assert body(iot.create_thing(thingName=name, attributePayload=attributes(a=1))) == body(first)
    iot.create_thing_type(thingTypeName=fleet.name("pump"))
    for other in ({}, {"attributePayload": attributes(a=2)}, {"thingTypeName": fleet.name("pump")}):
        with pytest.raises(iot.exceptions.ResourceAlreadyExistsException) as caught:
            iot.create_thing(thingName=name, **other)
        answer = caught.value.response
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 409
        assert (answer["resourceId"], answer["resourceArn"]) == (name, arn(f"thing/{name}"))
        assert name in answer["message"]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"thingName": "no spaces"}, BAD_NAME),
        ({"thingName": "t" * 129}, "thingName"),
        ({"thingTypeName": "ü"}, "thingTypeName"),
        ({"billingGroupName": "ü"}, "billingGroupName"),
        ({"attributePayload": attributes(a=1, b=2, c=3, d=4)}, "attributes has 4 pairs; at most 3"),
        ({"attributePayload": {"attributes": {"ü": "1"}}}, "name 'ü' does not match"),
        ({"attributePayload": {"attributes": {"a": "1 2"}}}, "attributes.a: value '1 2' does not match"),
        ({"attributePayload": {"attributes": {"a": "1" * 801}}}, "attributes.a"),
        ({"attributePayload": {"attributes": {f"a{n}": "1" for n in range(51)}}}, "51 pairs"),
    ],
)
def test_a_thing_that_cannot_be_is_refused(shared_site, fleet, said, told):
    code, status, message = refused(shared_site.iot.create_thing, **{"thingName": fleet.name("t"), **said})
    assert (code, status) == ("InvalidRequestException", 400)
    assert told in message


def test_with_a_type_a_thing_has_up_to_fifty_attributes(shared_site, fleet):
    shared_site.iot.create_thing_type(thingTypeName=fleet.name("pump"))
    shared_site.iot.create_thing(
        thingName=fleet.name("t"),
        thingTypeName=fleet.name("pump"),
        attributePayload={"attributes": {f"a{n}": "1" for n in range(50)}},
    )
    assert len(described(shared_site.iot, fleet.name("t"))["attributes"]) == 50


@pytest.mark.parametrize("member", ["thingTypeName", "billingGroupName"])
def test_what_a_thing_names_has_to_be_there(shared_site, fleet, member):
    code, status, message = refused(
        shared_site.iot.create_thing, thingName=fleet.name("t"), **{member: fleet.name("x")}
    )
    assert (code, status) == ("ResourceNotFoundException", 404)
    assert fleet.name("x") in message
    assert refused(shared_site.iot.describe_thing, thingName=fleet.name("t"))[1] == 404


def test_no_thing_gets_a_type_that_is_deprecated(shared_site, fleet):
    iot, kind = shared_site.iot, fleet.name("pump")
    iot.create_thing_type(thingTypeName=kind)
    iot.create_thing(thingName=fleet.name("old"), thingTypeName=kind)
    iot.create_thing(thingName=fleet.name("bare"))
    iot.deprecate_thing_type(thingTypeName=kind)
    for call in (iot.create_thing, iot.update_thing):
        name = fleet.name("new" if call == iot.create_thing else "bare")
        code, status, message = refused(call, thingName=name, thingTypeName=kind)
        assert (code, status) == ("InvalidRequestException", 400)
        assert f"{kind} is deprecated" in message
    # It keeps it, and may say so again.
    iot.update_thing(thingName=fleet.name("old"), thingTypeName=kind, attributePayload=attributes(a=1))
    iot.deprecate_thing_type(thingTypeName=kind, undoDeprecate=True)
    iot.create_thing(thingName=fleet.name("new"), thingTypeName=kind)


# --- describe ---


@pytest.mark.parametrize("call", ["describe_thing", "update_thing", "list_thing_groups_for_thing"])
def test_a_thing_that_is_not_there(shared_site, fleet, call):
    found = refused(getattr(shared_site.iot, call), thingName=fleet.name("nobody"))
    assert found == ("ResourceNotFoundException", 404, f"There is no thing {fleet.name('nobody')}")


@pytest.mark.parametrize("call", ["describe_thing", "update_thing", "delete_thing"])
def test_a_name_that_no_thing_can_have(shared_site, call):
    code, status, message = refused(getattr(shared_site.iot, call), thingName="no spaces")
    assert (code, status) == ("InvalidRequestException", 400)
    assert BAD_NAME in message


def test_our_own_api_shows_and_asks_for_the_type(shared_site, fleet):
    kind, name = fleet.name("pump"), fleet.name("t")
    shared_site.iot.create_thing_type(thingTypeName=kind)
    shared_site.iot.create_thing(thingName=name, thingTypeName=kind)
    door = shared_site.door
    assert door.ok("GET", f"/things/{name}")["thing"]["thingTypeName"] == kind
    (found,) = door.ok("GET", f"/things?query=thingTypeName:{kind}")["things"]
    assert found["thingName"] == name


# --- update ---


def test_attributes_are_replaced_or_merged_and_an_empty_value_removes_one(shared_site, fleet):
    iot, name = shared_site.iot, fleet.name("t")
    iot.create_thing(thingName=name, attributePayload=attributes(a=1, b=2))

    def update(**payload):
        assert body(iot.update_thing(thingName=name, attributePayload=payload)) == {}
        return described(iot, name)["attributes"]

    assert update(**attributes(b=3, c=4), merge=True) == {"a": "1", "b": "3", "c": "4"}
    assert update(**attributes(b="", c=5), merge=True) == {"a": "1", "c": "5"}
    assert update(**attributes(z=9, y="")) == {"z": "9"}
    assert update(**attributes(x=1), merge=False) == {"x": "1"}
    assert described(iot, name)["version"] == 5


def test_what_an_update_leaves_out_stays(shared_site, fleet):
    iot, name = shared_site.iot, fleet.name("t")
    iot.create_thing_type(thingTypeName=fleet.name("pump"))
    iot.create_thing(thingName=name, thingTypeName=fleet.name("pump"), attributePayload=attributes(a=1))
    before = described(iot, name)
    iot.update_thing(thingName=name)
    iot.update_thing(thingName=name, attributePayload={})
    assert described(iot, name) == {**before, "version": 3}


def test_a_thing_gets_a_type_another_and_none(shared_site, fleet):
    iot, name = shared_site.iot, fleet.name("t")
    for kind in ("pump", "valve"):
        iot.create_thing_type(thingTypeName=fleet.name(kind))
    iot.create_thing(thingName=name)
    for kind in ("pump", "valve"):
        iot.update_thing(thingName=name, thingTypeName=fleet.name(kind))
        assert described(iot, name)["thingTypeName"] == fleet.name(kind)
    iot.update_thing(thingName=name, removeThingType=True)
    assert "thingTypeName" not in described(iot, name)


def test_the_limit_on_attributes_is_that_of_the_type_after_the_update(shared_site, fleet):
    iot, name = shared_site.iot, fleet.name("t")
    iot.create_thing_type(thingTypeName=fleet.name("pump"))
    iot.create_thing(thingName=name)
    four = attributes(a=1, b=2, c=3, d=4)
    assert "4 pairs" in refused(iot.update_thing, thingName=name, attributePayload=four)[2]
    iot.update_thing(thingName=name, attributePayload=four, thingTypeName=fleet.name("pump"))
    assert "4 pairs" in refused(iot.update_thing, thingName=name, removeThingType=True)[2]
    assert described(iot, name)["version"] == 2
    iot.update_thing(thingName=name, attributePayload=attributes(a=1), removeThingType=True)


def test_a_thing_of_our_own_api_with_more_attributes_can_still_be_changed(shared_site, fleet):
    name = fleet.name("t")
    shared_site.door.ok("POST", "/things", {"thingName": name, **attributes(a=1, b=2, c=3, d=4)})
    shared_site.iot.create_thing_type(thingTypeName=fleet.name("pump"))
    shared_site.iot.update_thing(thingName=name)
    shared_site.iot.update_thing(thingName=name, thingTypeName=fleet.name("pump"))
    assert len(described(shared_site.iot, name)["attributes"]) == 4


def test_an_update_names_one_intent(shared_site, fleet):
    shared_site.iot.create_thing(thingName=fleet.name("t"))
    code, status, message = refused(
        shared_site.iot.update_thing, thingName=fleet.name("t"), thingTypeName="x", removeThingType=True
    )
    assert (code, status) == ("InvalidRequestException", 400)
    assert "thingTypeName gives a type and removeThingType takes it away" in message


def test_an_update_to_a_type_that_is_not_there(shared_site, fleet):
    shared_site.iot.create_thing(thingName=fleet.name("t"))
    found = refused(shared_site.iot.update_thing, thingName=fleet.name("t"), thingTypeName=fleet.name("x"))
    assert found == ("ResourceNotFoundException", 404, f"There is no thing type {fleet.name('x')}")


@pytest.mark.parametrize("call", ["update_thing", "delete_thing"])
def test_another_version_than_expected_changes_nothing(shared_site, fleet, call):
    iot, name = shared_site.iot, fleet.name("t")
    iot.create_thing(thingName=name)
    iot.update_thing(thingName=name, expectedVersion=1)
    found = refused(getattr(iot, call), thingName=name, expectedVersion=1)
    assert found == (
        "VersionConflictException",
        409,
        f"Thing {name}: expected version 1 but found version 2",
    )
    getattr(iot, call)(thingName=name, expectedVersion=2)


# --- delete ---


def test_a_deleted_thing_is_gone_and_so_is_one_that_never_was(shared_site, fleet):
    iot, name = shared_site.iot, fleet.name("t")
    iot.create_thing(thingName=name)
    before = described(iot, name)["thingId"]
    for _ in range(2):
        assert body(iot.delete_thing(thingName=name)) == {}
        assert refused(iot.describe_thing, thingName=name)[1] == 404
    iot.delete_thing(thingName=name, expectedVersion=7)
    iot.create_thing(thingName=name)
    found = described(iot, name)
    assert (found["version"], found["thingId"] != before) == (1, True)


def test_a_deleted_thing_has_its_executions_removed(shared_site, fleet):
    (target,) = fleet.things("t")
    job = fleet.job("j", target)
    shared_site.iot.delete_thing(thingName=fleet.name("t"))
    assert fleet.counts(job) == {"Removed": 1}


def test_a_thing_with_certificates_is_kept(shared_site, fleet):
    iot, name = shared_site.iot, fleet.name("t")
    iot.create_thing(thingName=name)
    made = iot.create_keys_and_certificate(setAsActive=True)
    iot.attach_thing_principal(thingName=name, principal=made["certificateArn"])
    code, status, message = refused(iot.delete_thing, thingName=name)
    assert (code, status) == ("InvalidRequestException", 400)
    assert f"{name} still has certificates attached" in message
    iot.detach_thing_principal(thingName=name, principal=made["certificateArn"])
    iot.delete_thing(thingName=name)


# --- what boto3 would not send ---


def test_members_that_no_model_knows_are_refused(shared_site):
    for path, said in (
        ("/aws/iot/things/x1", {"thingColour": "red"}),
        ("/aws/iot/things/x1", {"attributePayload": {"attributes": {}, "colour": "red"}}),
    ):
        status, headers, raw = shared_site.exchange("POST", path, json.dumps(said).encode())
        assert (status, headers["x-amzn-errortype"]) == (400, "InvalidRequestException")
        assert "olour" in json.loads(raw)["message"]
    assert refused(shared_site.iot.describe_thing, thingName="x1")[1] == 404
