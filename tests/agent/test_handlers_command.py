"""run-command, wait and echo: what real programs do, and what becomes of them."""

import asyncio
import sys

import psutil
import pytest
from scripted_link import running

from agent.handlers import process
from agent.handlers.table import equip
from domain.execution import Cause, Status


def python(source, *arguments):
    return {"operation": "run-command", "command": [sys.executable, "-c", source, *arguments]}


def alive(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def until(condition, seconds=10):
    """Poll: what happens in other processes sets no event here."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_a_command_succeeds_with_its_output(worked):
    execution = await worked(python("import sys; print('out'); print('err', file=sys.stderr)"))
    assert execution.status is Status.SUCCEEDED
    expected = {"exitCode": "0", "stdout": "out", "stderr": "err", "action": "run-command"}
    assert execution.status_details == expected


async def test_no_shell_reads_the_words(worked, tmp_path):
    words = ["$HOME", "; touch x", "`id`", "a  b", "*"]
    execution = await worked(python("import sys; print('|'.join(sys.argv[1:]))", *words))
    assert execution.status_details["stdout"] == "|".join(words)


@pytest.mark.parametrize(
    ("source", "reason", "code"),
    [
        ("raise SystemExit(3)", "ended with exit code 3", "3"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "ended with signal 9", "-9"),
    ],
)
async def test_a_command_that_does_not_end_well_fails_the_job(worked, source, reason, code):
    execution = await worked(python(source))
    assert execution.status is Status.FAILED
    assert execution.status_details["reason"] == f"{sys.executable} {reason}"
    assert execution.status_details["exitCode"] == code


@pytest.mark.parametrize(
    ("command", "why"),
    [(["no-such-program"], "No such file or directory"), (["/etc/passwd"], "Permission denied")],
)
async def test_a_program_that_cannot_be_started_fails_the_job(worked, command, why):
    execution = await worked({"operation": "run-command", "command": command})
    assert execution.status is Status.FAILED
    assert execution.status_details["reason"] == f"cannot run {command[0]}: {why}"


async def test_of_much_output_the_end_is_kept(worked):
    source = (
        "import sys; [print(n, 'x' * 1000, file=f) for n in range(3000) for f in (sys.stdout, sys.stderr)]"
    )
    execution = await worked(python(source))
    assert execution.status is Status.SUCCEEDED
    for name in ("stdout", "stderr"):
        told = execution.status_details[name]
        assert len(told) == 1024
        assert "\n2999 x" in told


async def test_bytes_that_are_no_text_are_marked(worked):
    execution = await worked(python("import sys; sys.stdout.buffer.write(b'a\\xff\\x00b\\n')"))
    assert execution.status_details["stdout"] == "a\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}b"


async def test_a_command_may_not_outlive_its_time(worked, tmp_path):
    pid = tmp_path / "pid"
    source = (
        "import os, pathlib, sys, time; pathlib.Path(sys.argv[1]).write_text(str(os.getpid()));"
        "print('begun', flush=True); time.sleep(600)"
    )
    execution = await worked(python(source, str(pid)) | {"timeoutSeconds": 1})
    assert execution.status is Status.FAILED
    assert execution.status_details["reason"] == f"{sys.executable} took longer than 1 s"
    assert execution.status_details["stdout"] == "begun"
    assert not alive(int(pid.read_text()))


FAMILY = """
import os, pathlib, signal, subprocess, sys, time
folder = pathlib.Path(sys.argv[1])
child = subprocess.Popen([sys.executable, "-c", "import signal, time; signal.signal(15, signal.SIG_IGN);"
                          "print(flush=True); time.sleep(600)"], stdout=subprocess.PIPE)
child.stdout.readline()
def goodbye(*_):
    (folder / "goodbye").touch()
    if sys.argv[2] == "polite":
        sys.exit()
signal.signal(signal.SIGTERM, goodbye)
(folder / "pids.new").write_text(f"{os.getpid()} {child.pid}")
(folder / "pids.new").rename(folder / "pids")
while True:
    time.sleep(1)
"""


@pytest.mark.parametrize("manners", ["polite", "stubborn"])
async def test_a_cancel_ends_a_command_with_all_its_children(
    make_agent, server, tmp_path, monkeypatch, manners
):
    monkeypatch.setattr(process, "GRACE", 30 if manners == "polite" else 0.1)
    agent = make_agent()
    equip(agent)
    server.create("one", python(FAMILY, str(tmp_path), manners))
    async with running(agent.run()):
        await until((tmp_path / "pids").exists)
        server.end("one", Cause.FORCED_CANCEL)
        server.create("two", {"operation": "echo"})
        await server.ended("two")
        pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
        await until(lambda: not any(map(alive, pids)))
    assert (tmp_path / "goodbye").exists()


async def test_a_second_cancel_does_not_leave_the_program_running(tmp_path):
    running_it = asyncio.create_task(
        process.run([sys.executable, "-c", FAMILY, str(tmp_path), "stubborn"], limit=60)
    )
    await until((tmp_path / "pids").exists)
    running_it.cancel()
    await until((tmp_path / "goodbye").exists)
    running_it.cancel()
    await asyncio.wait([running_it])
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    await until(lambda: not any(map(alive, pids)))


async def test_a_child_in_the_background_neither_holds_the_job_up_nor_stays(worked, tmp_path):
    pid = tmp_path / "pid"
    source = (
        "import pathlib, subprocess, sys;"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
        "pathlib.Path(sys.argv[1]).write_text(str(child.pid)); print('done')"
    )
    execution = await worked(python(source, str(pid)))
    assert execution.status_details["stdout"] == "done"
    await until(lambda: not alive(int(pid.read_text())))


async def test_programs_do_not_see_the_devices_secrets(worked, monkeypatch):
    monkeypatch.setenv("THINGJOBS_TOKEN", "secret")
    monkeypatch.setenv("OTHER", "seen")
    source = "import os; print(os.environ.get('THINGJOBS_TOKEN'), os.environ.get('OTHER'))"
    assert (await worked(python(source))).status_details["stdout"] == "None seen"


async def test_a_program_reads_nothing_from_us(worked):
    execution = await worked(python("import sys; print(repr(sys.stdin.read()))"))
    assert execution.status_details["stdout"] == "''"


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({}, "command must be a non-empty list of strings"),
        ({"command": "ls -l"}, "command must be a non-empty list of strings"),
        ({"command": []}, "command must be a non-empty list of strings"),
        ({"command": ["ls", 5]}, "command must be a non-empty list of strings"),
        ({"command": [""]}, "command must name a program and hold no NUL"),
        ({"command": ["ls"], "timeoutSeconds": 0}, "timeoutSeconds must be a number from 1 to 604800"),
        ({"command": ["ls"], "timeoutSeconds": True}, "timeoutSeconds must be a number from 1 to 604800"),
        ({"command": ["ls"], "timeoutSeconds": "9"}, "timeoutSeconds must be a number from 1 to 604800"),
        ({"command": ["ls"], "timeoutSeconds": 1e9}, "timeoutSeconds must be a number from 1 to 604800"),
    ],
)
async def test_a_document_that_makes_no_sense_is_rejected_before_anything_runs(worked, members, reason):
    execution = await worked({"operation": "run-command", **members})
    assert execution.status is Status.REJECTED
    assert execution.status_details["reason"] == reason


@pytest.mark.parametrize(
    ("message", "echoed"),
    [("hello", "hello"), ({"a": [1, True]}, '{"a": [1, true]}'), (0.5, "0.5"), (False, "false"), ("ü", "ü")],
)
async def test_echo_says_what_it_was_told(worked, message, echoed):
    execution = await worked({"operation": "echo", "message": message})
    assert execution.status_details == {"echo": echoed}


async def test_wait_tells_how_far_it_is_and_waits_as_long_as_told(worked, server):
    began = asyncio.get_running_loop().time()
    execution = await worked({"operation": "wait", "seconds": 0.3})
    assert asyncio.get_running_loop().time() - began >= 0.3
    assert execution.status_details == {"waited": "0.3", "action": "wait", "progress": "100%"}
    assert len(server.history) > 3


@pytest.mark.parametrize("seconds", [-1, "5", None, 1e30])
async def test_wait_needs_a_number_of_seconds(worked, seconds):
    execution = await worked({"operation": "wait", "seconds": seconds})
    assert execution.status is Status.REJECTED
    assert execution.status_details["reason"] == "seconds must be a number from 0 to 604800"
