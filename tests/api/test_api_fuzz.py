"""schemathesis against the real server: what the document allows is taken, what it does not is refused."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from http_door import opened

from api.routes import ROUTES

HOOKS = {"SCHEMATHESIS_HOOKS": "fuzz_formats", "PYTHONPATH": str(Path(__file__).parent)}
#: 413 is a refusal too; schemathesis alone would not count it.
CONFIG = """
[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "408", "409", "413", "415", "422", "429", "503"]
"""
#: There are no credentials to leave out here, and no objects of somebody else's; see the tests of the guards.
NOT_HERE = "ignored_auth,object_level_authorization"


def attack(door, folder, *options):
    """Run schemathesis with the same cases every time; fails with its report if it finds anything."""
    (folder / "schemathesis.toml").write_text(CONFIG)
    found = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"http://127.0.0.1:{door.port}/openapi.json"),
            *("--generation-deterministic", "--generation-allow-x00", "false", "--continue-on-failure"),
            *("--checks", "all", "--no-color", *options),
        ],
        cwd=folder,
        env={**os.environ, **HOOKS},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    report = found.stdout + found.stderr
    lines = "\n".join(line[:500] for line in report.splitlines())
    assert found.returncode == 0, lines.partition("= FAILURES =")[2] or lines
    assert f"Tested: {len(ROUTES)}" in report, report[-2_000:]
    assert door("GET", "/healthz").status == 200


@pytest.fixture
def target(tmp_path):
    with opened(tmp_path / "data") as door:
        door.job("t", jobId="j")
        yield door


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_every_boundary_of_every_member_is_answered_as_described(target, tmp_path):
    # The cases at the boundaries do not know what our formats mean, so that what is valid may be refused.
    attack(
        target, tmp_path, "--phases", "coverage", "--exclude-checks", f"{NOT_HERE},positive_data_acceptance"
    )


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_what_is_valid_is_taken_and_what_is_not_is_refused(target, tmp_path):
    attack(target, tmp_path, "--phases", "fuzzing", "--max-examples", "8", "--exclude-checks", NOT_HERE)
