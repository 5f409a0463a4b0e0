"""``thingjobs demo``: its exit codes and what it shows; the README's own run is in tests/docs."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

THINGJOBS = str(Path(sys.executable).with_name("thingjobs"))
FREE = ["--http-port", "0", "--mqtt-port", "0"]


def test_a_job_that_is_not_done_in_time_is_a_failure():
    demo = [THINGJOBS, "demo", "--exit", "--things", "3", "--patience", "1", "--seed", "1", *FREE]
    done = subprocess.run(demo, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert "job demo-1 was not done in 1 seconds" in done.stderr


def test_on_a_terminal_it_draws_bars_and_serves_until_it_is_told_to_stop():
    mine, theirs = pty.openpty()
    process = subprocess.Popen(
        [THINGJOBS, "demo", "--things", "3", *FREE],
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
    )
    os.close(theirs)
    drawn = ""
    deadline = time.monotonic() + 60
    while "Serving until Ctrl-C." not in drawn:
        assert time.monotonic() < deadline, drawn
        drawn += os.read(mine, 65536).decode()
    url = re.search(r"REST API +(http://[\d.:]+)", drawn)[1]
    with urlopen(f"{url}/aws/iot-jobs-data/things/demo-0001/jobs") as unsigned:
        assert json.load(unsigned)["queuedJobs"] == []
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0
    os.close(mine)
    for word in (
        "InProgress",
        "Succeeded",
        "━",
        "updates accepted",
        "3/3 connected",
        "QUEUED -> IN_PROGRESS",
    ):
        assert word in drawn, word
    assert re.search(r"job demo-1 is COMPLETED after [\d.]+ s", drawn)


def test_whoever_stops_watching_is_told_so_and_has_not_failed():
    demo = subprocess.Popen([THINGJOBS, "demo", "--things", "3", *FREE], stdout=subprocess.PIPE, text=True)
    said = ""
    while "IN_PROGRESS" not in said:
        line = demo.stdout.readline()
        assert line, said
        said += line
    demo.send_signal(signal.SIGINT)
    said += demo.stdout.read()
    assert demo.wait(20) == 0
    assert "Interrupted before job demo-1 was done." in said
    demo.stdout.close()
