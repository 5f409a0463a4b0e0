"""``thingjobs api``, ``dispatcher``, ``scheduler`` and ``db upgrade``: what they refuse, and how they end."""

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ports import free_port
from postgres_server import PostgresServer
from serving_process import THINGJOBS, server, until_ready

COMMANDS = ("api", "dispatcher", "scheduler")
FREE = {"api": ("--http-port", "0"), "scheduler": ("--health-port", "0"), "dispatcher": ()}


@pytest.fixture(autouse=True)
def _external(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THINGJOBS_BROKER", "external")
    monkeypatch.setenv("THINGJOBS_BROKER_HOST", "127.0.0.1")
    monkeypatch.setenv("THINGJOBS_BROKER_PORT", str(free_port()))


def run(*arguments: str) -> tuple[int, str]:
    done = subprocess.run([THINGJOBS, *arguments], capture_output=True, text=True, timeout=100, check=False)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


def data(folder: Path) -> tuple[str, str]:
    return "--data-dir", str(folder / "data")


@pytest.mark.parametrize("command", COMMANDS)
def test_on_sqlite_they_are_refused_with_the_reason(command: str, tmp_path: Path) -> None:
    code, said = run(command, *data(tmp_path))
    assert code == 2
    assert f"thingjobs {command} needs PostgreSQL (THINGJOBS_DATABASE_URL=" in said
    assert len(said.splitlines()) == 1
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("url", "code", "why"),
    [
        ("mysql://x@127.0.0.1/y", 2, "THINGJOBS_DATABASE_URL: the database URL begins with mysql"),
        ("postgresql://x@127.0.0.1:port/y", 2, "THINGJOBS_DATABASE_URL: the database URL is none"),
        ("postgresql://x:secret@127.0.0.1:1/y", 1, "the database cannot be used: there is no connection"),
    ],
)
def test_a_database_that_cannot_be_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, code: int, why: str
) -> None:
    monkeypatch.setenv("THINGJOBS_DATABASE_URL", url)
    ended, said = run("serve", *data(tmp_path), "--http-port", "0", "--mqtt-port", "0")
    assert ended == code
    assert why in said
    assert "secret" not in said
    assert len(said.splitlines()) == 1


@pytest.fixture
def empty(postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    name = postgres_server.new_database(template=None)
    monkeypatch.setenv("THINGJOBS_DATABASE_URL", postgres_server.url(name))


@pytest.mark.usefixtures("empty")
def test_on_postgresql_the_upgrade_is_a_step_of_its_own(tmp_path: Path) -> None:
    code, said = run("scheduler", *data(tmp_path))
    assert (code, said) == (
        1,
        "thingjobs: the database has no tables of ours yet; make them with: thingjobs db upgrade\n",
    )
    assert run("db", "upgrade", *data(tmp_path)) == (0, "")
    code, said = run("dispatcher", *data(tmp_path))
    assert code == 1
    assert "no broker at 127.0.0.1:" in said.splitlines()[-1]
    for command in ("api", "scheduler"):
        with running(command, tmp_path) as (process, url):
            until_ready(url)
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0


@contextmanager
def running(command: str, folder: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """Run one around the block: the process, and where it answers probes."""
    arguments = [THINGJOBS, command, *data(folder), *FREE[command]]
    process = subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True)
    try:
        said = ""
        while not (found := re.search(r"REST API +http://127.0.0.1:(\d+)|answers probes.*port=(\d+)", said)):
            line = process.stderr.readline()
            assert line, said
            said += line
        yield process, f"http://127.0.0.1:{found[1] or found[2]}"
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def test_on_sqlite_the_upgrade_makes_the_file(tmp_path: Path) -> None:
    assert run("db", "upgrade", *data(tmp_path)) == (0, "")
    assert (tmp_path / "data" / "thingjobs.sqlite3").is_file()


@pytest.mark.usefixtures("empty")
def test_a_second_server_with_a_broker_of_its_own_on_one_database_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("THINGJOBS_BROKER")
    assert run("db", "upgrade", *data(tmp_path))[0] == 0
    with server(tmp_path) as (process, url, _):
        until_ready(url)
        code, said = run("serve", *data(tmp_path), "--http-port", "0", "--mqtt-port", "0")
        assert code == 1
        assert "another process serves the devices of this database" in said.splitlines()[-1]
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
