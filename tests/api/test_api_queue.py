"""Priorities, exclusive groups and time zones over HTTP: taken, shown, and refused by name."""

import pytest
from sites import BOTH

DIALECTS = BOTH

NEW = {"targets": ["t"], "targetSelection": "SNAPSHOT", "document": "{}"}


def test_a_job_shows_its_priority_and_its_exclusive_group(door):
    door.ok("POST", "/jobs", {**NEW, "jobId": "j", "priority": -7, "exclusiveGroup": "firmware:main"})
    door.ok("POST", "/jobs", {**NEW, "jobId": "plain"})
    shown = {name: door.ok("GET", f"/jobs/{name}")["job"] for name in ("j", "plain")}
    assert (shown["j"]["priority"], shown["j"]["exclusiveGroup"]) == (-7, "firmware:main")
    assert (shown["plain"]["priority"], shown["plain"]["exclusiveGroup"]) == (0, None)
    door.ok("PUT", "/jobs/j", {"priority": 1000})
    assert door.ok("GET", "/jobs/j")["job"]["priority"] == 1000


def test_a_template_hands_both_down_to_its_jobs(door):
    both = {"priority": 5, "exclusiveGroup": "g"}
    door.ok("POST", "/job-templates", {"jobTemplateId": "x", "document": "{}", "description": "d", **both})
    template = door.ok("GET", "/job-templates/x")["jobTemplate"]
    door.ok("POST", "/jobs", {**NEW, "document": None, "jobTemplateId": "x", "jobId": "j"})
    job = door.ok("GET", "/jobs/j")["job"]
    for shown in (template, job):
        assert {name: shown[name] for name in both} == both


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"priority": 1001}, ["priority", "1001"]),
        ({"priority": -1001}, ["priority", "-1001"]),
        ({"priority": 1.5}, ["priority", "whole number"]),
        ({"priority": None}, ["priority", "null"]),
        ({"exclusiveGroup": "a b"}, ["exclusiveGroup", "'a b'"]),
        ({"exclusiveGroup": ""}, ["exclusiveGroup"]),
        ({"schedulingConfig": {"timeZone": "Mars"}}, ["schedulingConfig.timeZone", "Mars"]),
        ({"schedulingConfig": {"blackoutDates": ["24.12."]}}, ["schedulingConfig.blackoutDates", "24.12."]),
        (
            {"schedulingConfig": {"blackoutDates": ["2026-02-30"]}},
            ["blackoutDates", "there is no 2026-02-30"],
        ),
        (
            {"schedulingConfig": {"blackoutDates": ["2026-12-26/2026-12-24"]}},
            ["blackoutDates", "ends before it begins"],
        ),
        ({"schedulingConfig": {"blackoutDates": ["2200-01-01"]}}, ["blackoutDates", "1970 and 2199"]),
        ({"schedulingConfig": {"blackoutDates": ["2026-12-24"] * 101}}, ["blackoutDates", "101"]),
        ({"schedulingConfig": {"closeBehavior": "KILL"}}, ["closeBehavior", "TIME_OUT"]),
        (
            {"schedulingConfig": {"closeBehavior": "TIME_OUT"}},
            ["closeBehavior TIME_OUT", "maintenanceWindows"],
        ),
    ],
)
def test_what_cannot_be_is_refused_with_its_name(door, body, named):
    reply = door("POST", "/jobs", {**NEW, **body})
    assert reply.status == 422
    for word in named:
        assert word in reply.error


def test_an_exclusive_group_stays_what_it_was(door):
    job = door.job("t")
    assert door("PUT", f"/jobs/{job}", {"exclusiveGroup": "g"}).status == 422


def test_a_group_has_a_time_zone_that_can_be_changed_and_taken_away(door):
    door.ok("POST", "/thing-groups", {"thingGroupName": "g", "timeZone": "Europe/Berlin", "description": "d"})
    shown = door.ok("GET", "/thing-groups/g")["thingGroup"]
    assert (shown["timeZone"], shown["description"]) == ("Europe/Berlin", "d")
    for zone in ("Asia/Tokyo", None):
        door.ok("PUT", "/thing-groups/g", {"timeZone": zone})
        shown = door.ok("GET", "/thing-groups/g")["thingGroup"]
        assert (shown["timeZone"], shown["description"]) == (zone, "d")
    assert shown["version"] == 3
    reply = door("PUT", "/thing-groups/g", {"timeZone": "Mars"})
    assert (reply.status, "timeZone 'Mars'" in reply.error) == (422, True)
    # The same group again is no error, another zone is.
    door.ok("POST", "/thing-groups", {"thingGroupName": "g", "description": "d"})
    body = {"thingGroupName": "g", "description": "d", "timeZone": "Asia/Tokyo"}
    assert door("POST", "/thing-groups", body).status == 409
