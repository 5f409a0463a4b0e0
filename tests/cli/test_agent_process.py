"""``thingjobs agent`` and ``thingjobs serve`` as real processes, one of them killed at the worst moment."""

import signal
import sys
from zlib import crc32

import psutil
import pytest
from stage import Program, Stage, until


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with Stage(tmp_path_factory.mktemp("stage")) as stage:
        yield stage


@pytest.fixture
def stage(shared):
    """A stage whose server lives on; things and jobs are new each time."""
    yield shared
    shared.clear()


@pytest.fixture
def lamp(request):
    """A thing of this test's own; its jobs begin with its name."""
    return f"lamp-{crc32(request.node.name.encode())}"


@pytest.fixture
def stage_to_break(tmp_path):
    with Stage(tmp_path) as stage:
        yield stage


def counted(stage, lamp, seconds=600):
    """A command that notes each run with its process id, then takes its time."""
    source = (
        f"import os, time; print(os.getpid(), file=open({str(stage.folder / lamp)!r}, 'a'), flush=True);"
        f"time.sleep({seconds})"
    )
    return {"operation": "run-command", "command": [sys.executable, "-c", source]}


def runs(stage, lamp):
    path = stage.folder / lamp
    return [int(line) for line in path.read_text().splitlines()] if path.exists() else []


def details(execution):
    return execution["statusDetails"]["detailsMap"]


def alive(pid):
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_a_job_is_worked_and_the_agent_says_so(stage, lamp):
    agent = stage.agent(lamp)
    stage.create(f"{lamp}-hello", {"operation": "run-command", "command": ["echo", "hello"]}, lamp)
    execution = stage.reaches("SUCCEEDED", f"{lamp}-hello", lamp)
    assert details(execution)["stdout"] == "hello"
    assert stage.rest.call("GET", f"/jobs/{lamp}-hello")["job"]["status"] == "COMPLETED"
    agent.says(f"{lamp} finished {lamp}-hello SUCCEEDED")
    assert agent.said.splitlines() == [
        f"{lamp} connected",
        f"{lamp} started {lamp}-hello run-command",
        f"{lamp} finished {lamp}-hello SUCCEEDED",
    ]


def test_an_agent_killed_in_mid_work_goes_on_where_it_may(stage, lamp):
    agent = stage.agent(lamp)
    stage.create(f"{lamp}-pause", {"operation": "wait", "seconds": 4}, lamp)
    until(
        lambda: (
            details(stage.execution(f"{lamp}-pause", lamp)).get("progress") in ("10%", "20%", "30%", "40%")
        )
    )
    agent.kill()
    again = stage.agent(lamp)
    again.says(f"{lamp} resumed {lamp}-pause wait")
    stage.reaches("SUCCEEDED", f"{lamp}-pause", lamp)


def test_an_agent_killed_in_mid_work_owns_up_where_it_may_not_begin_again(stage, lamp):
    agent = stage.agent(lamp)
    stage.create(f"{lamp}-long", counted(stage, lamp), lamp)
    until(lambda: runs(stage, lamp))
    agent.kill()
    stage.agent(lamp)
    execution = stage.reaches("FAILED", f"{lamp}-long", lamp)
    assert details(execution)["reason"] == "agent restarted while working"
    assert len(runs(stage, lamp)) == 1
    psutil.Process(runs(stage, lamp)[0]).kill()


def test_a_server_killed_in_mid_work_is_waited_for_and_told_the_outcome(stage_to_break, lamp):
    stage = stage_to_break
    agent = stage.agent(lamp)
    stage.create(f"{lamp}-short", counted(stage, lamp, seconds=2), lamp)
    until(lambda: runs(stage, lamp))
    stage.server.kill()
    agent.says(f"{lamp} disconnected")
    # The command ends while nobody is there to be told.
    until(lambda: not alive(runs(stage, lamp)[0]))
    stage.serve()
    assert stage.reaches("SUCCEEDED", f"{lamp}-short", lamp)["executionNumber"] == "1"
    assert len(runs(stage, lamp)) == 1
    assert agent.process.poll() is None


def test_a_forced_cancel_stops_the_command(stage, lamp):
    stage.agent(lamp)
    stage.create(f"{lamp}-long", counted(stage, lamp), lamp)
    until(lambda: runs(stage, lamp))
    stage.rest.call("PUT", f"/jobs/{lamp}-long/cancel", {"force": True})
    until(lambda: not alive(runs(stage, lamp)[0]))
    stage.create(f"{lamp}-next", {"operation": "echo", "message": "there"}, lamp)
    stage.reaches("SUCCEEDED", f"{lamp}-next", lamp)
    assert stage.status(f"{lamp}-long", lamp) == "CANCELED"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_agent_that_is_told_to_end_takes_its_command_with_it(stage, lamp, number):
    agent = stage.agent(lamp)
    stage.create(f"{lamp}-long", counted(stage, lamp), lamp)
    until(lambda: runs(stage, lamp))
    assert agent.end(number) == 0
    assert not alive(runs(stage, lamp)[0])
    assert agent.complained == ""
    assert stage.status(f"{lamp}-long", lamp) == "IN_PROGRESS"
    stage.agent(lamp)
    stage.reaches("FAILED", f"{lamp}-long", lamp)


def test_a_second_agent_on_the_same_journal_is_refused(stage, lamp):
    stage.agent(lamp).says("connected")
    second = stage.agent(lamp)
    assert second.process.wait(20) == 1
    assert second.complained == f"thingjobs: another agent works with the journal journal/{lamp}.json\n"


def test_a_wrong_token_is_told_and_the_agent_ends(stage, lamp):
    stage.rest.token(lamp)
    agent = Program(
        stage.folder, "wrong", "agent", "--thing", lamp, "--port", str(stage.mqtt), "--token", "wrong"
    )
    assert agent.process.wait(20) == 1
    said = f"thingjobs: 127.0.0.1:{stage.mqtt} refused the connection of {lamp}: "
    assert agent.complained.startswith(said)
    assert len(agent.complained.splitlines()) == 1


def test_a_token_that_is_voided_ends_no_agent_that_was_let_in_before(stage, lamp):
    agent = stage.agent(lamp)
    agent.says("connected")
    stage.rest.call("DELETE", f"/things/{lamp}/tokens")
    agent.says("refused the connection")
    assert agent.process.poll() is None


def test_an_agent_that_is_there_before_its_server_waits_for_it_in_one_line(stage_to_break, lamp):
    stage = stage_to_break
    token = stage.folder / f"{lamp}.token"
    token.touch(0o600)
    token.write_text(stage.rest.token(lamp))
    stage.server.end()
    agent = stage.agent(lamp)
    agent.says("no connection to")
    stage.serve()
    agent.says(f"{lamp} connected")
    assert len(agent.said.splitlines()) == 2
