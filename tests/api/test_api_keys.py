"""Access keys over REST: shown once, listed without secrets, void at once."""

import logging

import pytest

from storage import access_keys

KEYS = "/access-keys"


@pytest.fixture
def issue(door):
    return lambda role="ADMIN", **more: door.ok("POST", KEYS, {"role": role, **more})


def listed(door):
    return door.ok("GET", KEYS)["accessKeys"]


def test_a_key_is_shown_with_its_secret_this_once(door, issue):
    made = issue(description="for CI")
    assert len(made.pop("secretAccessKey")) == 40
    key_id = made["accessKeyId"]
    assert made == {"created": True, "accessKeyId": key_id, "role": "ADMIN", "thingName": None}
    [row] = listed(door)
    assert row == {
        "accessKeyId": key_id,
        "role": "ADMIN",
        "thingName": None,
        "description": "for CI",
        "createdAt": row["createdAt"],
        "lastUsedAt": None,
        "revokedAt": None,
    }


def test_a_revoked_key_is_void_at_once_and_says_since_when(door, issue):
    key_id = issue()["accessKeyId"]
    assert door.ok("DELETE", f"{KEYS}/{key_id}") == {"deleted": True}
    found = door.run(door.store.read(access_keys.find, door.store.vault, key_id))
    assert found.key is None
    [row] = listed(door)
    assert row["revokedAt"] == row["createdAt"]
    door.later(seconds=5)
    assert door.ok("DELETE", f"{KEYS}/{key_id}") == {"deleted": True}
    assert listed(door) == [row]


@pytest.mark.parametrize("key_id", ["TJAKAAAAAAAAAAAAAAAA", "AKIAIOSFODNN7EXAMPLE", "x"])
def test_a_key_that_is_not_there_is_404(door, key_id):
    reply = door("DELETE", f"{KEYS}/{key_id}")
    assert reply.status == 404
    assert key_id in reply.error


def test_a_device_key_needs_a_thing_that_is_there(door, issue):
    assert door("POST", KEYS, {"role": "DEVICE", "thingName": "lamp"}).status == 404
    door.ok("POST", "/things", {"thingName": "lamp"})
    assert issue("DEVICE", thingName="lamp")["thingName"] == "lamp"


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({}, "role"),
        ({"role": "ROOT"}, "role"),
        ({"role": None}, "role"),
        ({"role": "DEVICE"}, "thingName"),
        ({"role": "DEVICE", "thingName": None}, "thingName"),
        ({"role": "ADMIN", "thingName": "lamp"}, "thingName"),
        ({"role": "ADMIN", "description": "a\u0007"}, "description"),
        ({"role": "ADMIN", "secret": "mine"}, "secret"),
    ],
)
def test_what_cannot_be_is_refused_by_name(door, body, word):
    reply = door("POST", KEYS, body)
    assert reply.status == 422
    assert word in reply.error
    assert listed(door) == []


def test_the_list_is_paged_newest_first(door, issue):
    made = [issue()["accessKeyId"] for _ in range(3)]
    first = door.ok("GET", f"{KEYS}?maxResults=2")
    second = door.ok("GET", f"{KEYS}?maxResults=2&nextToken={first['nextToken']}")
    assert [row["accessKeyId"] for row in first["accessKeys"] + second["accessKeys"]] == made[::-1]
    assert second["nextToken"] is None


def test_the_log_has_the_key_and_who_made_it_and_no_secret(door, issue, caplog):
    with caplog.at_level(logging.DEBUG):
        made = issue()
        door.ok("DELETE", f"{KEYS}/{made['accessKeyId']}")
    assert made["accessKeyId"] in caplog.text
    assert "by local" in caplog.text
    assert made["secretAccessKey"] not in caplog.text
