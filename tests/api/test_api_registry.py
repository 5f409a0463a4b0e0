"""Stories about things, their tokens and thing groups, through real HTTP."""

import pytest
from http_door import opened

from domain.registry import Registration
from storage import departures, tokens
from storage.policy import Policy

ARN = "arn:aws:iot:us-east-1:123456789012"


def test_create_thing_then_get_it(door):
    asked = {"thingName": "t:1", "attributes": {"site": "a/b"}, "timeZone": "Europe/Berlin"}
    made = door("POST", "/things", asked)
    assert made.headers["Location"] == "/things/t:1"
    shown = door.ok("GET", "/things/t%3A1")["thing"]
    assert shown == {
        "thingName": "t:1",
        "thingArn": f"{ARN}:thing/t:1",
        "thingId": made.body["thingId"],
        "thingTypeName": None,
        "attributes": {"site": "a/b"},
        "timeZone": "Europe/Berlin",
        "version": 1,
        "createdAt": "2024-06-10T06:13:20.123Z",
        "failures": 0,
        "quarantinedUntil": None,
        "connected": False,
        "connectionChangedAt": None,
        "lastSeenAt": None,
    }
    assert made.body == {
        "created": True,
        "thingName": "t:1",
        "thingArn": shown["thingArn"],
        "thingId": shown["thingId"],
    }


def test_create_thing_again_is_no_error_unless_it_differs(door):
    first = door.ok("POST", "/things", {"thingName": "t"})
    assert door.ok("POST", "/things", {"thingName": "t"}) == first
    assert door("POST", "/things", {"thingName": "t", "attributes": {"a": "b"}}).status == 409


def test_update_thing_replaces_or_merges_attributes(door):
    door.ok("POST", "/things", {"thingName": "t", "attributes": {"a": "1", "b": "1"}})
    change = {"attributes": {"b": "2", "a": ""}, "merge": True, "expectedVersion": 1}
    assert door.ok("PUT", "/things/t", change) == {"updated": True, "version": 2}
    assert door.ok("GET", "/things/t")["thing"]["attributes"] == {"b": "2"}
    door.ok("PUT", "/things/t", {"attributes": {"c": "3"}, "timeZone": "UTC"})
    shown = door.ok("GET", "/things/t")["thing"]
    assert (shown["attributes"], shown["timeZone"], shown["version"]) == ({"c": "3"}, "UTC", 3)


def test_a_stale_expected_version_of_a_thing_is_409(door):
    door.ok("POST", "/things", {"thingName": "t"})
    assert door("PUT", "/things/t", {"timeZone": "UTC", "expectedVersion": 2}).status == 409
    assert door("DELETE", "/things/t?expectedVersion=2").status == 409
    assert door("DELETE", "/things/t", {"expectedVersion": 2}).status == 409
    assert door.ok("DELETE", "/things/t?expectedVersion=1", {"expectedVersion": 2}) == {"deleted": True}
    assert door("GET", "/things/t").status == 404


def test_list_things_by_prefix_and_by_attribute(door):
    for name, site in (("a1", "x"), ("a2", "y"), ("b1", "x")):
        door.ok("POST", "/things", {"thingName": name, "attributes": {"site": site}})

    def names(query):
        return [thing["thingName"] for thing in door.ok("GET", f"/things?{query}")["things"]]

    assert names("") == ["a1", "a2", "b1"]
    assert names("namePrefix=a") == ["a1", "a2"]
    assert names("attributeName=site&attributeValue=x") == ["a1", "b1"]
    first = door.ok("GET", "/things?maxResults=2")
    assert names(f"maxResults=2&nextToken={first['nextToken']}") == ["b1"]


def test_a_token_is_shown_once_and_can_be_revoked(door):
    door.ok("POST", "/things", {"thingName": "t"})
    issued = door.ok("POST", "/things/t/tokens")
    assert set(issued) == {"created", "thingName", "token"}
    assert door.run(door.store.read(tokens.verify, issued["token"])) == "t"
    assert door.ok("DELETE", "/things/t/tokens") == {"deleted": True, "revoked": 1}
    assert door.run(door.store.read(tokens.verify, issued["token"])) is None


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_tokens_of_an_unknown_thing_are_404(door, method):
    assert door(method, "/things/none/tokens").status == 404


def test_groups_from_birth_to_death(door):
    made = door.ok("POST", "/thing-groups", {"thingGroupName": "g", "description": "all pumps"})
    door.ok("POST", "/thing-groups", {"thingGroupName": "h", "parentGroupName": "g"})
    shown = door.ok("GET", "/thing-groups/g")["thingGroup"]
    assert shown == {
        "thingGroupName": "g",
        "thingGroupArn": f"{ARN}:thinggroup/g",
        "thingGroupId": made["thingGroupId"],
        "description": "all pumps",
        "parentGroupName": None,
        "timeZone": None,
        "queryString": None,
        "status": "ACTIVE",
        "version": 1,
        "createdAt": "2024-06-10T06:13:20.123Z",
    }
    listed = door.ok("GET", "/thing-groups")["thingGroups"]
    assert [(g["thingGroupName"], g["parentGroupName"]) for g in listed] == [("g", None), ("h", "g")]
    assert door.ok("GET", "/thing-groups?namePrefix=h")["thingGroups"] == listed[1:]
    assert door.ok("PUT", "/thing-groups/g", {"description": None}) == {"updated": True, "version": 2}
    assert door("DELETE", "/thing-groups/g").status == 409
    assert door.ok("DELETE", "/thing-groups/h") == {"deleted": True}
    assert door("DELETE", "/thing-groups/g?expectedVersion=1").status == 409
    assert door.ok("DELETE", "/thing-groups/g?expectedVersion=2") == {"deleted": True}
    assert door("GET", "/thing-groups/g").status == 404


def test_members_come_and_go(door):
    door.ok("POST", "/thing-groups", {"thingGroupName": "g"})
    door.ok("POST", "/thing-groups", {"thingGroupName": "h", "parentGroupName": "g"})
    add = door.ok("PUT", "/thing-groups/g/things", {"things": ["t1", "t2"]})
    assert add == {"updated": True, "added": 2}
    assert door.ok("PUT", "/thing-groups/g/things", {"things": ["t2"]})["added"] == 0
    door.ok("PUT", "/thing-groups/h/things", {"things": ["t3"]})
    assert door.ok("GET", "/thing-groups/g/things") == {"things": ["t1", "t2"], "nextToken": None}
    assert door.ok("GET", "/thing-groups/g/things?recursive=true")["things"] == ["t1", "t2", "t3"]
    assert door.ok("GET", "/things/t3/thing-groups")["thingGroups"] == ["h"]
    gone = door.ok("DELETE", "/thing-groups/g/things", {"things": ["t1", "none"]})
    assert gone == {"deleted": True, "removed": 1}
    first = door.ok("GET", "/thing-groups/g/things?recursive=true&maxResults=1")
    token = first["nextToken"]
    rest = door.ok("GET", f"/thing-groups/g/things?recursive=true&maxResults=1&nextToken={token}")
    assert first["things"] + rest["things"] == ["t2", "t3"]


def test_ten_thousand_members_fit(door):
    door.ok("POST", "/thing-groups", {"thingGroupName": "g"})
    names = [f"member-with-a-rather-long-name-{n:090}" for n in range(10_000)]
    assert door.ok("PUT", "/thing-groups/g/things", {"things": names})["added"] == 10_000


def test_an_unknown_group_is_404(door):
    for method, path, body in (
        ("GET", "/thing-groups/none", None),
        ("PUT", "/thing-groups/none", {"description": "d"}),
        ("DELETE", "/thing-groups/none", None),
        ("GET", "/thing-groups/none/things", None),
        ("PUT", "/thing-groups/none/things", {"things": ["t"]}),
        ("DELETE", "/thing-groups/none/things", {"things": ["t"]}),
        ("POST", "/thing-groups", {"thingGroupName": "g", "parentGroupName": "none"}),
    ):
        assert door(method, path, body).status == 404, (method, path)


def test_strict_registration_refuses_unknown_things(tmp_path):
    with opened(tmp_path / "data", policy=Policy(registration=Registration.STRICT)) as door:
        asked = {"targets": ["t"], "targetSelection": "SNAPSHOT", "document": "{}"}
        reply = door("POST", "/jobs", asked)
        assert reply.status == 422
        assert "registration is strict" in reply.error
        door.ok("POST", "/things", {"thingName": "t"})
        door.ok("POST", "/jobs", asked)


def test_strict_registration_holds_for_groups_and_for_continuous_jobs_too(tmp_path):
    with opened(tmp_path / "data", policy=Policy(registration=Registration.STRICT)) as door:
        door.ok("POST", "/thing-groups", {"thingGroupName": "g"})
        job = door.job("thinggroup/g", targetSelection="CONTINUOUS")
        added = door("PUT", "/thing-groups/g/things", {"things": ["t"]})
        assert (added.status, added.error) == (404, "There is no thing t")
        associated = door("PUT", f"/jobs/{job}/associate", {"targets": ["t"]})
        assert (associated.status, "'t'" in associated.error) == (422, True)
        assert door.ok("GET", "/things")["things"] == []


def test_a_large_group_is_shown_on_its_way_out_and_refuses_what_would_hold_it(door, monkeypatch):
    monkeypatch.setattr(departures, "CHUNK", 1)
    monkeypatch.setattr(departures, "AT_ONCE", 1)
    door.ok("POST", "/thing-groups", {"thingGroupName": "g"})
    door.ok("PUT", "/thing-groups/g/things", {"things": ["t1", "t2", "t3"]})
    door.ok("DELETE", "/thing-groups/g")
    assert door.ok("GET", "/thing-groups/g")["thingGroup"]["status"] == "DELETION_IN_PROGRESS"
    for method, path, body in (
        ("POST", "/thing-groups", {"thingGroupName": "g"}),
        ("PUT", "/thing-groups/g", {"description": "d"}),
        ("PUT", "/thing-groups/g/things", {"things": ["t4"]}),
        ("DELETE", "/thing-groups/g", None),
    ):
        refused = door(method, path, body)
        assert refused.status == 409
        assert "g is being deleted; its name is free again when that is done" in str(refused.body)
