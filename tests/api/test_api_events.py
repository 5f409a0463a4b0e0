"""The timeline over HTTP: transitions and acts, who did them, and the header that says for whom."""

import json

import pytest
from http_door import opened
from sites import BOTH

from domain.execution import Status
from domain.topics import Operation

DIALECTS = BOTH

KEY = "correct-horse-battery-staple-0123456789"
ANNA = {"Thingjobs-Actor": "anna (ops)"}


def events(door, path="/jobs/j/events", **query):
    asked = "&".join(f"{name}={value}" for name, value in query.items())
    return door.ok("GET", f"{path}?{asked}")["events"]


def words(found):
    return [event["act"] if event["kind"] == "ACT" else event["toStatus"] for event in found]


def test_a_job_s_timeline_shows_transitions_and_acts_as_they_are(door):
    door.job("lamp", jobId="j")
    door.later(seconds=5)
    door.device("lamp", Operation.UPDATE, "j", status=Status.FAILED, status_details={"why": "dark"})
    found = events(door)
    assert words(found) == ["CREATE", "QUEUED", "RELEASE", "FAILED", "COMPLETE"]
    assert found[0] == {
        "kind": "ACT",
        "at": "2024-06-10T06:13:20.123Z",
        "act": "CREATE",
        "thingName": None,
        "actor": "local",
        "actingFor": None,
        "comment": None,
        "details": {"targets": 1},
    }
    assert found[3] == {
        "kind": "TRANSITION",
        "at": "2024-06-10T06:13:25.123Z",
        "thingName": "lamp",
        "executionNumber": "1",
        "versionNumber": 2,
        "fromStatus": "QUEUED",
        "toStatus": "FAILED",
        "cause": "DEVICE",
        "actor": None,
        "actingFor": None,
        "statusDetails": {"detailsMap": {"why": "dark"}},
    }
    assert (found[4]["actor"], found[2]["details"]) == (None, {"things": 1})


def test_the_timeline_of_a_thing_is_its_own(door):
    door.job("lamp", "door", jobId="j")
    door.ok("PUT", "/jobs/j/things/lamp/cancel", {}, headers=ANNA)
    door.ok("DELETE", "/jobs/j/things/lamp", headers=ANNA)
    found = events(door, "/jobs/j/things/lamp/events")
    assert words(found) == ["QUEUED", "CANCELED", "DELETE_EXECUTION"]
    assert [(event["actor"], event["actingFor"]) for event in found] == [
        (None, None),
        ("local", "anna (ops)"),
        ("local", "anna (ops)"),
    ]
    assert found[2]["thingName"] == "lamp"
    assert words(events(door, "/jobs/j/things/door/events")) == ["QUEUED"]


def test_who_shows_the_key_is_called_by_it_and_what_the_header_says_stands_beside(tmp_path):
    with opened(tmp_path / "data", api_key=KEY) as door:
        bearer = {"Authorization": f"Bearer {KEY}"}
        new = {"jobId": "j", "targets": ["t"], "targetSelection": "SNAPSHOT", "document": "{}"}
        door.ok("POST", "/jobs", new, headers={**bearer, **ANNA})
        door.ok("PUT", "/jobs/j/cancel", {"comment": "no more"}, headers=bearer)
        found = door.ok("GET", "/jobs/j/events?kind=ACT", headers=bearer)["events"]
    who = {event["act"]: (event["actor"], event["actingFor"], event["comment"]) for event in found}
    assert who["CREATE"] == ("api-key", "anna (ops)", None)
    assert who["CANCEL"] == ("api-key", None, "no more")
    assert who["RELEASE"] == (None, None, None)


@pytest.mark.parametrize(
    ("verb", "path", "body", "act"),
    [
        ("PUT", "/jobs/j", {"description": "d"}, "UPDATE"),
        ("PUT", "/jobs/j/associate", {"targets": ["more"]}, "ASSOCIATE"),
        ("PUT", "/jobs/j/cancel", {}, "CANCEL"),
        ("PUT", "/jobs/j/cancel", {"force": True}, "FORCE_CANCEL"),
        ("POST", "/jobs/j/pause", {"comment": "wait"}, "PAUSE"),
        ("POST", "/jobs/j/abort", {"comment": "no"}, "ABORT"),
    ],
)
def test_every_act_of_an_operator_says_who(door, verb, path, body, act):
    door.job("lamp", jobId="j", targetSelection="CONTINUOUS")
    door.ok(verb, path, body, headers=ANNA)
    [found] = [event for event in events(door, kind="ACT") if event["act"] == act]
    assert (found["actor"], found["actingFor"]) == ("local", "anna (ops)")
    assert found["comment"] == body.get("comment")


@pytest.mark.parametrize("value", ["", " ", "a\tb", "ä", "x" * 65])
def test_a_header_that_is_no_name_is_refused_and_nothing_is_done(door, value):
    new = {"jobId": "j", "targets": ["t"], "targetSelection": "SNAPSHOT", "document": "{}"}
    reply = door("POST", "/jobs", new, headers={"Thingjobs-Actor": value.encode()})
    assert (reply.status, "Thingjobs-Actor" in reply.error) == (400, True)
    assert door("GET", "/jobs/j").status == 404


def test_two_such_headers_are_refused(door):
    body = json.dumps({"jobId": "j", "targets": ["t"], "targetSelection": "SNAPSHOT", "document": "{}"})
    head = f"POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
    reply = door.send(f"{head}Thingjobs-Actor: a\r\nThingjobs-Actor: b\r\n\r\n{body}".encode())
    assert (reply.status, reply.error) == (400, "the header Thingjobs-Actor is given more than once")


@pytest.mark.parametrize("path", ["/jobs/j/events", "/jobs/j/things/t0/events"])
def test_pages_of_one_make_the_whole_in_either_order(door, path):
    door.job("t0", "t1", jobId="j")
    door.device("t0", Operation.UPDATE, "j", status=Status.IN_PROGRESS)
    door.ok("DELETE", "/jobs/j/things/t0?force=true")
    whole = events(door, path)
    for order, wanted in (("oldest", whole), ("newest", whole[::-1])):
        walked, token = [], ""
        for _ in whole:
            page = door.ok("GET", f"{path}?order={order}&maxResults=1&nextToken={token}")
            walked += page["events"]
            token = page["nextToken"]
        assert (walked, token) == (wanted, None)


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("order=up", "order"),
        ("kind=act", "kind"),
        ("maxResults=0", "maxResults"),
        ("nextToken=x", "nextToken"),
        ("page=2", "page"),
    ],
)
def test_what_cannot_be_asked_is_422(door, query, named):
    door.job("t", jobId="j")
    for path in ("/jobs/j/events", "/jobs/j/things/t/events"):
        reply = door("GET", f"{path}?{query}")
        assert (reply.status, named in reply.error) == (422, True)


def test_a_changed_or_foreign_token_is_422(door):
    door.job("t", "u", jobId="j")
    token = door.ok("GET", "/jobs/j/events?maxResults=1")["nextToken"]
    for path in (
        f"/jobs/j/events?nextToken={token[:-1]}",
        f"/jobs/j/events?order=newest&nextToken={token}",
        f"/jobs/j/things/t/events?nextToken={token}",
    ):
        assert door("GET", path).status == 422


def test_what_is_not_there_is_404(door):
    door.job("t", jobId="j")
    for path in ("/jobs/x/events", "/jobs/x/things/t/events", "/jobs/j/things/x/events", "/jobs/a.b/events"):
        assert door("GET", path).status == 404
