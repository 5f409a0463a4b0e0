"""Every measure runs, at sizes that say nothing about speed, and writes what is promised of it."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.__main__ import MEASURES
from bench.footings import NO_POSTGRES
from bench.options import BINARIES, BINARY, NO_MOSQUITTO, QUICK

ROOT = Path(__file__).resolve().parents[2]


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bench", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False)


@pytest.fixture
def results() -> Iterator[Path]:
    """A folder that PostgreSQL may go through, which is another user where we are root."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


@pytest.mark.slow
@pytest.mark.mosquitto
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", MEASURES)
def test_a_measure_runs_and_is_written_with_each_round_and_the_machine(results, requirement, name):
    requirement("mosquitto", BINARY, NO_MOSQUITTO)
    requirement("PostgreSQL 15 or newer", BINARIES, NO_POSTGRES)
    done = bench("--quick", "--only", name, "--results", str(results))
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = results.iterdir()
    written = json.loads(path.read_text())
    assert written["command"] == f"python -m bench --quick --only {name} --results {results}"
    assert written["failed"] == {}
    assert written["skipped"] == []
    assert {"cores", "python", "sqlite", "mosquitto", "fsync_ms"} <= written["machine"].keys()
    assert {row["letter"] for row in written["rows"]} == set(MEASURES[name].letters)
    for row in written["rows"]:
        assert len(row["rounds"]) == QUICK.rounds, row
        # A process that has nothing to do may need nothing.
        assert all(figure > 0 or row["unit"] == "% of a core" for figure in row["rounds"]), row
        assert row["what"] in done.stdout
        assert (row["goal"] is None) == (row["verdict"] == "")
    counted = [row["what"] for row in written["rows"] if "none lost" in row["notes"]]
    assert counted == [
        row["what"] for row in written["rows"] if row["letter"] in "bn" and row["unit"] == "1/s"
    ]


def test_the_list_names_every_measure():
    done = bench("--list")
    assert done.returncode == 0
    *measures, total = done.stdout.splitlines()
    assert [line.split()[0] for line in measures] == list(MEASURES)
    assert all(" min  " in line for line in measures)
    assert float(total.split()[0]) == sum(measure.minutes for measure in MEASURES.values()) <= 45


def test_a_measure_that_does_not_exist_is_refused_by_name():
    done = bench("--only", "updates,warp")
    assert done.returncode == 2
    assert "'warp'" in done.stderr
    assert "updates" in done.stderr


def test_the_document_describes_every_measure_and_row():
    text = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    described, row = {}, ""
    for line in text.partition("## The measures")[2].partition("## The figures")[0].splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 3 and len(cells[1]) == 1:
            row = cells[0].strip("`") or row
            described[row] = described.get(row, "") + cells[1]
    assert described == {name: measure.letters for name, measure in MEASURES.items()}
