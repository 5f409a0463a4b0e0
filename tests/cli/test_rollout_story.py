"""A rollout as it goes in life: two hundred things, a canary that fails, a mend, a promotion, the end."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from footing import Footing
from mosquitto_server import MosquittoServer, secret
from sites import MakeSiteOf, Site
from stage import Stage, until
from told import told

COUNT = 200
CANARIES = 20
NAMES = [f"sim-{number:04}" for number in range(1, COUNT + 1)]
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
        "maximumInFlight": 60,
    },
}
#: Two and a half minutes, for machines that are busy.
LONG = 150.0


@pytest.fixture
def site(footing: Footing, make_site_of: MakeSiteOf, tmp_path: Path) -> Iterator[Site]:
    site = make_site_of(footing.database)(tmp_path / "data")
    yield site
    site.drop()


@pytest.fixture
def mosquitto(footing: Footing, tmp_path: Path) -> Iterator[MosquittoServer | None]:
    """What carries the devices; None if the server does that itself."""
    if footing.broker == "embedded":
        yield None
        return
    broker = MosquittoServer(tmp_path / "mosquitto", users=NAMES)
    with asyncio.Runner() as runner:
        runner.run(broker.start())
        yield broker
        runner.run(broker.kill())


@pytest.fixture
def stage(site: Site, mosquitto: MosquittoServer | None, tmp_path: Path) -> Iterator[Stage]:
    flag = told(tmp_path / "thingjobs.toml", site, mosquitto)
    with Stage(tmp_path, flag, broker_port=None if mosquitto is None else mosquitto.port) as stage:
        yield stage


def test_a_canary_fails_is_mended_and_promoted_to_the_end(
    stage: Stage, site: Site, mosquitto: MosquittoServer | None
) -> None:
    rest = stage.rest
    tokens = stage.folder / "tokens.json"
    tokens.touch(0o600)
    with ThreadPoolExecutor(16) as threads:
        passwords = dict(zip(NAMES, threads.map(rest.token, NAMES), strict=True))
    if mosquitto is not None:  # it has passwords of its own
        passwords = {name: secret(name) for name in NAMES}
    tokens.write_text(json.dumps(passwords))
    rest.call("POST", "/thing-groups", {"thingGroupName": "fleet"})
    rest.call("PUT", "/thing-groups/fleet/things", {"things": NAMES})
    plan = rest.call("POST", "/jobs?dryRun=true", JOB)["plan"]
    assert [wave["count"] for wave in plan["waves"]] == [CANARIES, COUNT // 5, COUNT - COUNT // 5 - CANARIES]

    broken = stage.fleet(*QUICK, *SHORT, "--tokens-file", str(tokens), "--fail-rate", "1")
    rest.call("POST", "/jobs", JOB)
    until(lambda: job(rest)["status"] == "PAUSED", lambda: f"{job(rest)}", LONG)
    assert job(rest)["reasonCode"] == "GATE_FAILED"
    assert counts(rest)["numberOfSucceededThings"] == 0
    waiting = next(name for name in NAMES if name not in plan["waves"][0]["things"])
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
    assert dict(told) == events(site) == {"SUCCEEDED": COUNT, "FAILED": failed}


def job(rest):
    return rest.call("GET", "/jobs/firmware?extended=true")["job"]


def counts(rest):
    return job(rest)["jobProcessDetails"]


def explain(rest, thing):
    return rest.call("GET", f"/jobs/firmware/things/{thing}/explain")["reasons"]


def outcomes(program):
    return {status: count for status, count in json.loads(program.said)["outcomes"].items() if count}


def events(site: Site) -> dict[str, int]:
    """Return how many rows of the events table end an execution, by status."""
    rows, stop = site.looker()
    try:
        return dict(
            rows(
                "SELECT to_status, count(*) FROM execution_events "
                "WHERE to_status NOT IN ('QUEUED', 'IN_PROGRESS') GROUP BY to_status"
            )
        )
    finally:
        stop()
