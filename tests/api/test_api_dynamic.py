"""Stories about dynamic thing groups, queries and connectivity, through real HTTP."""

import pytest
from sites import BOTH

from storage import dynamic, presence
from storage.presence import Contacts

DIALECTS = BOTH

NEW = {"thingGroupName": "x"}
PUMPS = {"eu-1": "rev1", "eu-2": "rev2", "us-1": "rev2"}


@pytest.fixture
def pumps(door):
    for name, model in PUMPS.items():
        door.ok("POST", "/things", {"thingName": name, "attributes": {"model": model}})
    return door


def members(door, group):
    return door.ok("GET", f"/thing-groups/{group}/things")["things"]


def found(door, query):
    return [thing["thingName"] for thing in door.ok("GET", f"/things?{query}")["things"]]


def test_a_dynamic_group_has_a_query_and_holds_whoever_meets_it(pumps):
    asked = {"thingGroupName": "g", "queryString": "attributes.model:rev2"}
    made = pumps.ok("POST", "/thing-groups", asked)
    assert pumps.ok("POST", "/thing-groups", asked) == made
    shown = pumps.ok("GET", "/thing-groups/g")["thingGroup"]
    assert (shown["queryString"], shown["status"]) == ("attributes.model:rev2", "ACTIVE")
    assert members(pumps, "g") == ["eu-2", "us-1"]
    pumps.ok("PUT", "/things/eu-1", {"attributes": {"model": "REV2"}})
    pumps.ok("PUT", "/things/us-1", {"attributes": {"model": "rev3"}})
    assert members(pumps, "g") == ["eu-1", "eu-2"]
    assert pumps.ok("GET", "/things/eu-1/thing-groups")["thingGroups"] == ["g"]
    change = {"queryString": "attributes.model:rev3", "expectedVersion": 1}
    assert pumps.ok("PUT", "/thing-groups/g", change) == {"updated": True, "version": 2}
    assert members(pumps, "g") == ["us-1"]
    assert pumps.ok("DELETE", "/thing-groups/g") == {"deleted": True}


def test_a_job_on_a_dynamic_group_follows_it(pumps):
    pumps.ok("POST", "/thing-groups", {"thingGroupName": "g", "queryString": "thingName:eu-*"})
    once = pumps.job("thinggroup/g")
    always = pumps.job("thinggroup/g", targetSelection="CONTINUOUS")
    pumps.ok("POST", "/things", {"thingName": "eu-3"})
    targets = {
        job: pumps.ok("GET", f"/jobs/{job}")["job"]["jobProcessDetails"]["numberOfQueuedThings"]
        for job in (once, always)
    }
    assert targets[once] == 2
    assert pumps.job("eu-3")
    assert members(pumps, "g") == ["eu-1", "eu-2", "eu-3"]


@pytest.mark.parametrize(
    ("asked", "status", "reason"),
    [
        (("POST", "", {**NEW, "queryString": "pump"}), 422, "query at character 1, 'pump'"),
        (("POST", "", {**NEW, "queryString": "-"}), 422, "query at its end: expected a field"),
        (("POST", "", {"thingGroupName": "g", "queryString": "thingName:x"}), 409, "with other content"),
        (
            ("POST", "", {**NEW, "queryString": "thingName:*", "parentGroupName": "s"}),
            422,
            "lies in no other",
        ),
        (("POST", "", {**NEW, "parentGroupName": "g"}), 409, "g is dynamic"),
        (("PUT", "/s", {"queryString": "thingName:*"}), 409, "s is static and stays so"),
        (("PUT", "/g", {"queryString": None}), 422, "queryString"),
        (("PUT", "/g", {"queryString": "("}), 422, "query at its end"),
        (("PUT", "/g", {}), 422, "description, timeZone or queryString is required"),
        (("PUT", "/g/things", {"things": ["eu-1"]}), 409, "g is dynamic"),
        (("DELETE", "/g/things", {"things": ["eu-1"]}), 409, "g is dynamic"),
    ],
)
def test_what_a_dynamic_group_cannot_do_is_refused(pumps, asked, status, reason):
    method, path, body = asked
    pumps.ok("POST", "/thing-groups", {"thingGroupName": "g", "queryString": "thingName:eu-*"})
    pumps.ok("POST", "/thing-groups", {"thingGroupName": "s"})
    reply = pumps(method, f"/thing-groups{path}", body)
    assert (reply.status, reason in reply.error) == (status, True), reply.error
    assert members(pumps, "g") == ["eu-1", "eu-2"]


def test_a_group_that_is_still_being_built_takes_no_job(door):
    door.ok("POST", "/thing-groups", {"thingGroupName": "s"})
    names = [f"t{n}" for n in range(2 * dynamic.CHUNK + 1)]
    door.ok("PUT", "/thing-groups/s/things", {"things": names})
    door.ok("POST", "/thing-groups", {"thingGroupName": "g", "queryString": "thingName:*"})
    assert door.ok("GET", "/thing-groups/g")["thingGroup"]["status"] == "BUILDING"
    for job in (
        {"targets": ["thinggroup/g"]},
        {"targets": ["thinggroup/g"], "targetSelection": "CONTINUOUS"},
        {"targets": ["t1"], "excludedTargets": ["thinggroup/g"]},
    ):
        reply = door("POST", "/jobs", {"targetSelection": "SNAPSHOT", "document": "{}", **job})
        assert (reply.status, "'g' is still being built" in reply.error) == (409, True)
    for group in door.run(door.store.read(dynamic.unbuilt)):
        while door.run(door.store.write(dynamic.build_some, group, at=door.at)):
            pass
    assert door.ok("GET", "/thing-groups/g")["thingGroup"]["status"] == "ACTIVE"
    assert door.job("thinggroup/g")


def test_things_can_be_searched_by_a_query(pumps):
    assert found(pumps, "query=thingName:eu-*+attributes.model:rev2") == ["eu-2"]
    assert found(pumps, "query=-thingName:eu-*") == ["us-1"]
    first = pumps.ok("GET", "/things?query=thingName:*&maxResults=2")
    assert [thing["thingName"] for thing in first["things"]] == ["eu-1", "eu-2"]
    rest = f"query=thingName:*&maxResults=2&nextToken={first['nextToken']}"
    assert found(pumps, rest) == ["us-1"]
    assert pumps.ok("GET", f"/things?{rest}")["nextToken"] is None
    for bad, reason in (
        ("query=(", "query at its end"),
        ("query=thingName:*&namePrefix=eu", "query can say it all"),
        (f"query=thingName:eu-*&nextToken={first['nextToken']}", "nextToken"),
    ):
        reply = pumps("GET", f"/things?{bad}")
        assert (reply.status, reason in reply.error) == (422, True)


def test_a_search_that_finds_little_comes_in_short_pages(door):
    door.ok("POST", "/thing-groups", {"thingGroupName": "s"})
    for start in range(0, 21 * dynamic.CHUNK, 7000):
        names = [f"t{n:05}" for n in range(start, start + 7000)]
        door.ok("PUT", "/thing-groups/s/things", {"things": names})
    door.ok("POST", "/things", {"thingName": "z", "attributes": {"last": "yes"}})
    first = door.ok("GET", "/things?query=attributes.last:yes")
    assert first["things"] == []
    assert found(door, f"query=attributes.last:yes&nextToken={first['nextToken']}") == ["z"]


def test_a_thing_shows_whether_and_since_when_it_is_connected(pumps):
    pumps.ok("POST", "/thing-groups", {"thingGroupName": "on", "queryString": "connectivity.connected:true"})
    since = pumps.at
    pumps.run(pumps.store.write(presence.note, Contacts(came=["eu-1"]), at=pumps.at))
    pumps.later(minutes=5)
    pumps.run(pumps.store.write(presence.note, Contacts(heard=["eu-1", "us-1"]), at=pumps.at))
    assert pumps.at > since
    shown = {thing["thingName"]: thing for thing in pumps.ok("GET", "/things")["things"]}
    told = ("connected", "connectionChangedAt", "lastSeenAt")
    assert [shown["eu-1"][name] for name in told] == [
        True,
        "2024-06-10T06:13:20.123Z",
        "2024-06-10T06:18:20.123Z",
    ]
    assert [shown["us-1"][name] for name in told] == [False, None, "2024-06-10T06:18:20.123Z"]
    assert [shown["eu-2"][name] for name in told] == [False, None, None]
    assert members(pumps, "on") == ["eu-1"]
    assert found(pumps, "query=connectivity.connected:false") == ["eu-2", "us-1"]
