"""Waves, steering, plans and explanations over HTTP."""

import pytest
from sites import BOTH

DIALECTS = BOTH

NEW = {"targets": ["a", "b", "c", "d"], "targetSelection": "SNAPSHOT", "document": "{}"}
STAGED = {
    "waves": [{"count": 1, "gate": {"successPercentage": 100, "bakeMinutes": 10, "approval": True}}],
    "choice": "SEEDED",
    "seed": 7,
    "maximumInFlight": 2,
}


def create(door, **more):
    return door.ok("POST", "/jobs", {**NEW, "jobId": "j", **more})


def status(door):
    return door.ok("GET", "/jobs/j?extended=true")["job"]["status"]


def test_waves_are_kept_and_shown_with_what_holds_where_nothing_is_said(door):
    create(door, stagedRolloutConfig=STAGED)
    assert door.ok("GET", "/jobs/j")["job"]["stagedRolloutConfig"] == STAGED
    door.ok("POST", "/jobs", {**NEW, "jobId": "k", "stagedRolloutConfig": {"waves": [{"percent": 10}]}})
    assert door.ok("GET", "/jobs/k")["job"]["stagedRolloutConfig"] == {
        "choice": "REGISTERED",
        "seed": 0,
        "waves": [{"percent": 10, "gate": {"approval": False, "bakeMinutes": 0, "successPercentage": 100}}],
    }
    assert [wave["things"] for wave in door.ok("GET", "/jobs/j/waves")["waves"]] == [1, 3]


def test_a_job_is_paused_resumed_promoted_and_aborted(door):
    create(door, stagedRolloutConfig={"waves": [{"count": 1}]})
    assert door.ok("POST", "/jobs/j/pause", {"comment": "lunch"}) == {"paused": True}
    assert status(door) == "PAUSED"
    # The customer's document has no such word.
    assert door.ok("GET", "/jobs/j")["job"]["status"] == "IN_PROGRESS"
    assert door.ok("GET", "/jobs/j")["job"]["reasonCode"] == "PAUSED_BY_OPERATOR"
    assert door.ok("POST", "/jobs/j/resume") == {"resumed": True}
    assert door.ok("POST", "/jobs/j/promote", {"full": True}) == {"promoted": True}
    assert door.ok("GET", "/jobs/j")["job"]["jobProcessDetails"]["numberOfQueuedThings"] == 4
    assert door.ok("POST", "/jobs/j/retry-failed") == {"retried": 0}
    assert door.ok("POST", "/jobs/j/abort", {"comment": "no"}) == {"aborted": True}
    assert status(door) == "CANCELED"


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        ("resume", "Job j is IN_PROGRESS and cannot be resumed"),
        ("approve", "Job j is IN_PROGRESS and cannot be approved"),
        ("promote", "Job j has no waves; there is none to promote to"),
    ],
)
def test_what_the_job_is_not_in_the_state_for_is_a_conflict(door, verb, words):
    create(door)
    reply = door("POST", f"/jobs/j/{verb}")
    assert (reply.status, reply.error) == (409, words)
    assert door("POST", f"/jobs/nobody/{verb}").status == 404


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"waves": [{}]}, "waves[0] {}: needs exactly one of percent, count, groups, things, not none"),
        ({"waves": [{"percent": 1, "count": 1}]}, "needs exactly one of"),
        ({"waves": [{"percent": 0}]}, "waves[0].percent 0"),
        ({"waves": [{"percent": 60}, {"percent": 41}]}, "the percentages add up to 101"),
        ({"waves": [{"count": 1.5}]}, "waves[0].count 1.5"),
        ({"waves": [{"groups": []}]}, "waves[0].groups"),
        ({"waves": [{"things": ["a b"]}]}, "waves[0].things[0]"),
        ({"waves": [{"count": 1, "gate": {"successPercentage": 101}}]}, "gate.successPercentage"),
        ({"waves": [{"count": 1, "gate": {"failurePercentage": 0}}]}, "gate.failurePercentage"),
        ({"waves": [{"count": 1, "gate": {"bakeMinutes": 20161}}]}, "gate.bakeMinutes"),
        ({"waves": [{"count": 1, "gate": {"approval": "yes"}}]}, "gate.approval"),
        ({"waves": [{"count": 1}] * 21}, "waves"),
        ({"choice": "ALPHABET"}, "choice"),
        ({"seed": -1}, "seed"),
        ({"maximumInFlight": 0}, "maximumInFlight"),
        ({"canary": 1}, "canary"),
    ],
)
def test_what_is_wrong_with_waves_is_named(door, config, words):
    reply = door("POST", "/jobs", {**NEW, "stagedRolloutConfig": config})
    assert reply.status == 422
    assert words in reply.error
    assert "stagedRolloutConfig" in reply.error


def test_exclusions_are_shown_and_an_unknown_one_is_refused(door):
    create(door, targets=["a", "b"], excludedTargets=["b"])
    assert door.ok("GET", "/jobs/j")["job"]["excludedTargets"] == ["b"]
    assert door.ok("GET", "/jobs/j")["job"]["jobProcessDetails"]["numberOfQueuedThings"] == 1
    reply = door("POST", "/jobs", {**NEW, "excludedTargets": ["thinggroup/nobody"]})
    assert (reply.status, reply.error) == (422, "excludedTargets: there is no thing group 'nobody'")


def test_a_dry_run_tells_what_would_be_and_leaves_nothing_behind(door):
    door.ok("POST", "/jobs", {**NEW, "jobId": "other", "targets": ["a"]})
    pacing = {
        "stagedRolloutConfig": {"waves": [{"things": ["b"], "gate": {"bakeMinutes": 30}}]},
        "jobExecutionsRolloutConfig": {"maximumPerMinute": 1},
        "excludedTargets": ["a"],
        "targets": ["a", "b", "c", "d", "e"],
    }
    reply = door("POST", "/jobs?dryRun=true&assumedMinutes=20", {**NEW, **pacing, "jobId": "j"})
    answer = reply.body
    assert (reply.status, answer["created"], answer["jobId"]) == (200, False, None)
    assert "Location" not in reply.headers
    plan = answer["plan"]
    assert (plan["things"], plan["newThings"]) == (4, 4)
    assert plan["excluded"] == {"count": 1, "things": ["a"]}
    assert [(w["number"], w["things"]) for w in plan["waves"]] == [(1, ["b"]), (2, ["c", "d", "e"])]
    assert [(m["event"], m["at"][11:16], m["things"]) for m in plan["timeline"]] == [
        ("RELEASE", "06:13", 1),
        ("GATE_PASSED", "06:33", None),
        ("WAVE_OPENED", "07:03", None),
        ("RELEASE", "07:03", 1),
        ("RELEASE", "07:04", 1),
        ("RELEASE", "07:05", 1),
        ("ENDED", "07:25", None),
    ]
    assert (plan["isWhole"], plan["endsAt"][11:16]) == (True, "07:25")
    assert door("GET", "/jobs/j").status == 404
    assert door("GET", "/things/b").status == 404


def test_a_dry_run_names_what_is_queued_already(door):
    door.ok("POST", "/jobs", {**NEW, "jobId": "first", "targets": ["a"]})
    door.ok("POST", "/jobs", {**NEW, "jobId": "high", "targets": ["b"], "priority": 5})
    plan = door.ok("POST", "/jobs?dryRun=true", {**NEW, "targets": ["a", "b", "c"]})["plan"]
    assert plan["conflicts"]["count"] == 2
    assert [(c["thingName"], c["reason"]) for c in plan["conflicts"]["conflicts"]] == [
        ("a", "job first was queued before"),
        ("b", "job high goes first: its priority is 5, and not 0"),
    ]


def test_a_dry_run_refuses_what_creating_would_refuse(door):
    create(door)
    assert door("POST", "/jobs?dryRun=true", {**NEW, "jobId": "j"}).status == 409
    assert door("POST", "/jobs?dryRun=true", {**NEW, "targets": ["thinggroup/x"]}).status == 422
    assert door("POST", "/jobs?dryRun=true&assumedMinutes=-1", NEW).status == 422


def reasons(door, thing):
    return [each["reason"] for each in door.ok("GET", f"/jobs/j/things/{thing}/explain")["reasons"]]


def test_why_a_thing_does_not_run_a_job_is_told(door):
    pacing = {
        "stagedRolloutConfig": {"waves": [{"things": ["b"]}]},
        "jobExecutionsRolloutConfig": {"maximumPerMinute": 1},
        "targets": ["a", "b", "c"],
        "excludedTargets": ["c"],
    }
    door.ok("POST", "/jobs", {**NEW, "targets": ["c"], "jobId": "before"})
    create(door, **pacing)
    assert reasons(door, "b") == ["OFFLINE"]
    assert reasons(door, "c") == ["EXCLUDED"]
    shut = door.ok("GET", "/jobs/j/things/a/explain")
    assert (shut["status"], shut["jobStatus"]) == (None, "IN_PROGRESS")
    assert shut["reasons"][0] == {
        "reason": "WAVE_CLOSED",
        "words": "wave 2 is not open: wave 1: 0 of 1 things succeeded; 1 are needed",
        "since": None,
        "until": None,
        "details": {"wave": 2, "openWave": 1},
    }
    assert shut["reasons"][1]["reason"] == "RATE_LIMITED"
    door.ok("POST", "/jobs/j/pause", {"comment": "wait"})
    paused = door.ok("GET", "/jobs/j/things/a/explain")["reasons"][0]
    assert (paused["reason"], paused["words"]) == ("PAUSED", "paused by local: wait")
    assert paused["since"] is not None
    assert door("GET", "/jobs/j/things/nobody/explain").status == 404
