"""``thingjobs fleet`` as whoever runs it meets it: its summary, its exit codes, why it does not start."""

import json
import re
import signal
import socket
import subprocess
from zlib import crc32

import pytest
from stage import THINGJOBS, Stage

COUNT = 8
QUICK = ["--min-duration", "0.05", "--max-duration", "0.2", "--count", str(COUNT)]


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with Stage(tmp_path_factory.mktemp("stage")) as stage:
        yield stage


@pytest.fixture
def stage(shared):
    yield shared
    shared.clear()


@pytest.fixture
def fleet(stage, request):
    """Start a fleet whose things are this test's own and always the same: their names are their luck."""
    prefix = f"sim{crc32(request.node.name.encode())}"
    names = [f"{prefix}-{number:04}" for number in range(1, COUNT + 1)]
    tokens = stage.folder / f"{prefix}.json"

    def start(*arguments, wrong=False):
        tokens.touch(0o600)
        tokens.write_text(json.dumps({name: "wrong" if wrong else stage.rest.token(name) for name in names}))
        return stage.fleet("--prefix", prefix, "--tokens-file", str(tokens), *QUICK, *arguments)

    start.names, start.job = names, f"{prefix}-job"
    return start


def ended(program):
    """Return exit code, what is on stdout as JSON (None: nothing), and the lines on stderr."""
    code = program.process.wait(60)
    return code, json.loads(program.said) if program.said else None, program.complained.splitlines()


def run(*arguments, shell="exec"):
    """Run a fleet that will not get far; return its exit code and its lines."""
    done = subprocess.run(
        ["sh", "-c", f'{shell} "$0" "$@"', THINGJOBS, "fleet", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == ""
    return done.returncode, done.stderr.splitlines()


def test_a_fleet_works_a_job_and_its_summary_alone_is_on_stdout(stage, fleet):
    program = fleet("--jobs", str(COUNT), "--fail-rate", "0.4", "--seed", "3", "-o", "json")
    stage.create(fleet.job, {"operation": "anything"}, *fleet.names)
    code, summary, _ = ended(program)
    assert code == 0
    assert summary["things"] == summary["connected"] == summary["jobsWorked"] == COUNT
    assert summary["connectSeconds"] > 0
    counts = stage.rest.call("GET", f"/jobs/{fleet.job}")["job"]["jobProcessDetails"]
    assert counts["numberOfSucceededThings"] == summary["outcomes"]["SUCCEEDED"] < COUNT
    assert counts["numberOfFailedThings"] == summary["outcomes"]["FAILED"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_fleet_still_sums_up(stage, fleet, number):
    program = fleet("-o", "json")
    stage.create(f"{fleet.job}-{number}", {}, *fleet.names)
    stage.reaches("SUCCEEDED", f"{fleet.job}-{number}", fleet.names[-1])
    program.process.send_signal(number)
    code, summary, lines = ended(program)
    assert code == 0
    assert summary["connected"] == COUNT
    assert "Traceback" not in "".join(lines)


def test_a_fleet_that_ends_before_its_jobs_are_done_says_so(fleet):
    code, summary, lines = ended(fleet("--jobs", "1", "--seconds", "1", "-o", "json"))
    assert code == 1
    assert summary["jobsWorked"] == 0
    assert lines[-1].startswith("thingjobs: 0 of 1 jobs were worked in 1.")


def test_without_json_the_summary_is_a_table(fleet):
    program = fleet("--seconds", "1")
    assert program.process.wait(60) == 0
    assert f"connected    │ {COUNT} of {COUNT}" in program.said


def test_wrong_tokens_are_one_line(stage, fleet):
    code, summary, lines = ended(fleet(wrong=True))
    assert (code, summary, len(lines)) == (1, None, 1)
    who = rf"{fleet.names[0][:-4]}\d+"
    said = rf"thingjobs: 127.0.0.1:{stage.mqtt} refused the connection of {who}: Bad user name or password"
    assert re.fullmatch(said, lines[0])


def test_things_without_tokens_are_one_line_where_tokens_are_needed(stage):
    code, lines = run("--port", str(stage.mqtt))
    assert (code, len(lines)) == (1, 1)
    assert "refused the connection of sim-00" in lines[0]


def test_a_server_that_is_not_there_is_one_line():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        code, lines = run("--port", str(port), "--wait", "0.5")
    assert code == 1
    assert lines == [f"thingjobs: no connection to 127.0.0.1:{port}: [Errno 111] Connection refused"]


def test_more_things_than_the_system_has_sockets_for_are_refused_before_they_start():
    code, lines = run("--count", "1000", shell="ulimit -n 500 && exec")
    assert code == 2
    assert lines == ["thingjobs: 1000 things need 1256 open files; the limit is 500 (ulimit -Hn)"]


def test_a_low_soft_limit_of_open_files_is_raised(stage, fleet):
    """Refused for want of a token: it got as far as connecting."""
    code, lines = run("--port", str(stage.mqtt), "--count", "100", shell="ulimit -Sn 40 && exec")
    assert code == 1
    assert "refused the connection" in lines[0]
