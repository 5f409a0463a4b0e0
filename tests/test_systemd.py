"""The systemd units: systemd finds no fault with it, its settings are ours, and we live within its limits."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from cli.keys import write_key
from cli.main import app
from cli.settings import load

FOLDER = Path(__file__).resolve().parent.parent / "deploy" / "systemd"
UNIT = (FOLDER / "thingjobs.service").read_text(encoding="utf-8")
MANY = (FOLDER / "thingjobs@.service").read_text(encoding="utf-8")
PARTS = ("api", "dispatcher", "scheduler")
OURS = str(Path(sys.executable).with_name("thingjobs"))
ANALYZE = shutil.which("systemd-analyze")
STRACE = shutil.which("strace")
#: What SQLite does for root alone, and so never under this unit.
ROOTS = {"fchown"}


def values(name: str, unit: str = UNIT) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", unit, re.MULTILINE)


def analyze(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([ANALYZE, *arguments], capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def unit(requirement, tmp_path):
    """Give ``unit(text)``: a file of it, in which the program is where it is here."""
    requirement("systemd-analyze", ANALYZE, "apt-get install systemd")

    def write(text, name="thingjobs.service"):
        file = tmp_path / name
        file.write_text(text.replace("/opt/thingjobs/bin/thingjobs", OURS))
        return str(file)

    return write


def test_systemd_finds_no_fault(unit):
    found = analyze("verify", unit(UNIT))
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


def test_systemd_would_find_one(unit):
    assert "ProtectSytem" in analyze("verify", unit(UNIT.replace("ProtectSystem", "ProtectSytem"))).stderr


def test_it_is_as_locked_up_as_what_serves_a_network_can_be(unit):
    file = unit(UNIT)
    assert analyze("security", "--offline=true", "--threshold=15", file).returncode == 0
    assert analyze("security", "--offline=true", "--threshold=5", file).returncode != 0


def test_the_command_is_one_that_the_console_script_takes():
    [command] = values("ExecStart")
    _, name, *arguments = command.split()
    typer.main.get_command(app).commands[name].make_context(name, arguments)


def test_the_settings_are_ours(monkeypatch, tmp_path):
    monkeypatch.delenv("THINGJOBS_CONFIG", raising=False)
    write_key(tmp_path / "api-key")
    for assignment in values("Environment"):
        name, _, value = assignment.partition("=")
        here = value.replace("/etc/thingjobs", str(FOLDER)).replace("%d", str(tmp_path))
        monkeypatch.setenv(name, here.replace("%S", str(tmp_path)))
    found = load()
    assert found.data_dir == tmp_path / values("StateDirectory")[0]
    assert found.config == FOLDER / "thingjobs.toml"
    assert found.api_key is not None
    assert str(found.mqtts_host) == "0.0.0.0"


@pytest.mark.parametrize("part", PARTS)
def test_systemd_finds_no_fault_with_any_part(unit, part):
    found = analyze("verify", unit(MANY, f"thingjobs@{part}.service"))
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


@pytest.mark.parametrize("part", PARTS)
def test_every_part_is_a_command_with_settings_of_ours(part, monkeypatch, tmp_path):
    [command] = values("ExecStart", MANY)
    _, name, *arguments = command.replace("%i", part).split()
    typer.main.get_command(app).commands[name].make_context(name, arguments)
    for credential in values("LoadCredential", MANY):
        write_key(tmp_path / credential.partition(":")[0])
    for assignment in values("Environment", MANY):
        variable, _, value = assignment.partition("=")
        here = value.replace("/etc/thingjobs", str(FOLDER)).replace("%d", str(tmp_path))
        monkeypatch.setenv(variable, here.replace("%S", str(tmp_path)))
    found = load()
    assert found.data_dir == tmp_path / values("StateDirectory", MANY)[0]
    assert (found.broker, found.dispatchers) == ("external", "exclusive")
    assert None not in (found.api_key, found.database_password, found.broker_password)


def test_the_parts_are_as_locked_up_as_the_one_server():
    own = ("User=", "# A user that exists")
    locks = [text[text.index("# A user that exists") :].splitlines() for text in (UNIT, MANY)]
    one, many = ([line for line in lines if not line.startswith(own)] for lines in locks)
    assert one == many


def calls(name: str) -> set[str]:
    """Return the system calls of a group, those of groups within it too."""
    found = set()
    for line in analyze("syscall-filter", name).stdout.splitlines()[1:]:
        word = line.strip()
        if word and not word.startswith("#"):
            found |= calls(word) if word.startswith("@") else {word}
    return found


def test_a_server_lives_within_the_calls_and_the_memory_it_is_left(requirement, tmp_path):
    requirement("systemd-analyze", ANALYZE, "apt-get install systemd")
    requirement("strace", STRACE, "apt-get install strace")
    [first, second] = values("SystemCallFilter")
    allowed = calls(first)
    for group in second.removeprefix("~").split():
        allowed -= calls(group)
    trace = tmp_path / "trace"
    command = [OURS, "serve", "--data-dir", str(tmp_path / "data"), "--http-port", "0", "--mqtt-port", "0"]
    process = subprocess.Popen(
        [STRACE, "-f", "-qq", "-I", "never", "-o", str(trace), *command],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        said = ""
        while "MQTT " not in said:
            line = process.stderr.readline()
            assert line, said
            said += line
        os.killpg(process.pid, signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.stderr.close()
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    text = trace.read_text(errors="replace")
    used = set(re.findall(r"^\d+ +(\w+)\(", text, re.MULTILINE))
    assert len(used) > 40
    assert used - allowed <= (ROOTS if os.geteuid() == 0 else set())
    assert "PROT_WRITE|PROT_EXEC" not in text
