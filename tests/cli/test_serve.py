"""``thingjobs serve`` as whoever runs it meets it: what it says, how it ends, and why it does not start."""

import json
import os
import signal
import socket
import subprocess
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest
from serving_process import command, server, until_ready


def refusal(folder: Path, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        command(folder, *arguments), capture_output=True, text=True, timeout=60, check=False
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_is_and_ends_cleanly_when_told_to(tmp_path, number):
    with server(tmp_path) as (process, url, mqtt):
        until_ready(url)
        host, port = mqtt.rsplit(":", 1)
        socket.create_connection((host, int(port))).close()
        process.send_signal(number)
        assert process.wait(20) == 0
        assert process.stderr.read().endswith("stopping\n")


def test_a_second_server_on_the_same_data_is_refused_and_told_who_has_it(tmp_path):
    with server(tmp_path) as (process, _, _):
        code, said = refusal(tmp_path)
        assert code == 1
        assert f"is in use by process {process.pid}" in said
        assert process.poll() is None


@pytest.mark.parametrize(("option", "whom"), [("--http-port", "operators"), ("--mqtt-port", "devices")])
def test_a_port_that_is_taken_is_one_line(tmp_path, option, whom):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, said = refusal(tmp_path, option, str(port))
    assert code == 1
    assert f"cannot listen for {whom} on 127.0.0.1:{port}" in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["--http-host", "0.0.0.0"], "THINGJOBS_API_KEY"),
        (["--insecure-devices", "--mqtt-host", "0.0.0.0"], "THINGJOBS_INSECURE_DEVICES"),
        (["--insecure", "--mqtt-host", "0.0.0.0"], "THINGJOBS_INSECURE_DEVICES"),
        (["--http-port", "65536"], "THINGJOBS_HTTP_PORT"),
    ],
)
def test_settings_that_cannot_be_are_refused_by_name(tmp_path, arguments, names):
    code, said = refusal(tmp_path, *arguments)
    assert code == 2
    assert names in said


def test_the_data_is_there_again_after_a_restart(tmp_path):
    with server(tmp_path) as (process, url, _):
        body = b'{"jobId":"kept","targets":["t"],"targetSelection":"SNAPSHOT","document":{}}'
        post = Request(f"{url}/jobs", body, {"Content-Type": "application/json"})
        with urlopen(post) as answer:
            assert json.load(answer)["created"]
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    with server(tmp_path) as (_, url, _), urlopen(f"{url}/jobs/kept") as answer:
        assert json.load(answer)["job"]["jobId"] == "kept"


@pytest.mark.parametrize(
    ("flags", "status"), [([], 403), (["--insecure-devices"], 403), (["--insecure"], 200)]
)
def test_aws_calls_need_a_signature_unless_told_otherwise(tmp_path, flags, status):
    with server(tmp_path, *flags) as (process, url, _):
        where = urlsplit(url)
        connection = HTTPConnection(where.hostname, where.port, timeout=30)
        connection.request("GET", "/aws/iot/things")
        assert connection.getresponse().status == status
        connection.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        said = process.stderr.read()
        assert f"{url}/aws/iot " in said
        assert ("with any signature or none" in said) is (status == 200)
