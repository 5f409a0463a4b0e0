"""A rollout as it goes in life: five hundred things, a canary that fails, a mend, a promotion, the end."""

import json
import sqlite3
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from stage import Stage, until

COUNT = 500
CANARIES = 20
QUICK = ["--prefix", "sim", "--count", str(COUNT), "-o", "json"]
SHORT = ["--min-duration", "0.05", "--max-duration", "0.3"]
JOB = {
    "jobId": "firmware",
    "targets": ["thinggroup/fleet"],
    "targetSelection": "SNAPSHOT",
    "document": {"operation": "update", "version": "2.0"},
    "stagedRolloutConfig": {
        "waves": [
            {"count": CANARIES, "gate": {"successPercentage": 90, "failurePercentage": 25}},
            {"percent": 20, "gate": {"successPercentage": 95}},
        ],
        "choice": "SEEDED",
        "seed": 42,
        "maximumInFlight": 150,
    },
}
#: Two and a half minutes, for machines that are busy.
LONG = 150.0


@pytest.fixture
def stage(tmp_path):
    with Stage(tmp_path) as stage:
        yield stage


def test_a_canary_fails_is_mended_and_promoted_to_the_end(stage: Stage) -> None:
    rest = stage.rest
    names = [f"sim-{number:04}" for number in range(1, COUNT + 1)]
    tokens = stage.folder / "tokens.json"
    tokens.touch(0o600)
    with ThreadPoolExecutor(16) as threads:
        tokens.write_text(json.dumps(dict(zip(names, threads.map(rest.token, names), strict=True))))
    rest.call("POST", "/thing-groups", {"thingGroupName": "fleet"})
    rest.call("PUT", "/thing-groups/fleet/things", {"things": names})
    plan = rest.call("POST", "/jobs?dryRun=true", JOB)["plan"]
    assert [wave["count"] for wave in plan["waves"]] == [CANARIES, COUNT // 5, COUNT - COUNT // 5 - CANARIES]

    broken = stage.fleet(*QUICK, *SHORT, "--tokens-file", str(tokens), "--fail-rate", "1")
    rest.call("POST", "/jobs", JOB)
    until(lambda: job(rest)["status"] == "PAUSED", lambda: f"{job(rest)}", LONG)
    assert job(rest)["reasonCode"] == "GATE_FAILED"
    assert counts(rest)["numberOfSucceededThings"] == 0
    waiting = next(name for name in names if name not in plan["waves"][0]["things"])
    why = [each["reason"] for each in explain(rest, waiting)]
    assert why[:2] == ["PAUSED", "WAVE_CLOSED"]
    # Canaries at work when the gate failed bring their work to its end.
    until(lambda: counts(rest)["numberOfInProgressThings"] == 0, lambda: f"{counts(rest)}", LONG)
    assert broken.end() == 0

    mended = stage.fleet(*QUICK, *SHORT, "--tokens-file", str(tokens))
    failed = counts(rest)["numberOfFailedThings"]
    assert rest.call("POST", "/jobs/firmware/retry-failed", {"comment": "2.0.1"})["retried"] == failed
    rest.call("POST", "/jobs/firmware/promote", {"comment": "the canaries are mended"})
    until(lambda: job(rest)["status"] == "COMPLETED", lambda: f"{job(rest)} {counts(rest)}", LONG)
    assert counts(rest)["numberOfSucceededThings"] == COUNT
    assert mended.end() == 0

    told = Counter(outcomes(broken)) + Counter(outcomes(mended))
    assert stage.server.end() == 0
    assert dict(told) == dict(events(stage)) == {"SUCCEEDED": COUNT, "FAILED": failed}


def job(rest):
    return rest.call("GET", "/jobs/firmware?extended=true")["job"]


def counts(rest):
    return job(rest)["jobProcessDetails"]


def explain(rest, thing):
    return rest.call("GET", f"/jobs/firmware/things/{thing}/explain")["reasons"]


def outcomes(program):
    return {status: count for status, count in json.loads(program.said)["outcomes"].items() if count}


def events(stage):
    """Return how many rows of the events table end an execution, by status."""
    with sqlite3.connect(stage.folder / "data" / "thingjobs.sqlite3") as database:
        found = database.execute(
            "SELECT to_status, count(*) FROM execution_events "
            "WHERE to_status NOT IN ('QUEUED', 'IN_PROGRESS') GROUP BY to_status"
        ).fetchall()
    database.close()
    return dict(found)
