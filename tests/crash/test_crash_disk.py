"""Disks that are full (F10), that fail, and locks that others hold (F11): no answer without a commit."""

import asyncio
import json
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import ledger
import pytest
from devices import Gone
from scene import Scene
from steps import Create, Finish
from tracer import injected, traced


async def refused_by_mqtt(scene: Scene, step: Finish) -> None:
    accepted, raw = await scene.worker.ask(f"{step.said.job}/update", step.payload)
    assert not accepted
    assert json.loads(raw)["code"] == "InternalError"


async def refused_by_rest(scene: Scene, step: Create, reason: str) -> None:
    status, answer = await scene.call("POST", "/jobs", step.body)
    assert status == 503
    assert reason in answer["error"]


async def reads_go_on(scene: Scene, job: str) -> None:
    status, answer = await scene.call("GET", f"/jobs/{job}")
    assert (status, answer["job"]["status"]) == (200, "IN_PROGRESS")


async def prepared(scene: Scene) -> tuple[Finish, Create]:
    end, create = Finish(), Create()
    await end.prepare(scene)
    await create.prepare(scene)
    await scene.until_rest()
    return end, create


async def test_a_full_disk_is_said_and_survived(scene: Scene, strace: None):
    end, create = await prepared(scene)
    pid = scene.server.pid
    async with injected(pid, "pwrite64", "error=ENOSPC", when="1+"):
        await refused_by_mqtt(scene, end)
        await refused_by_rest(scene, create, "the disk is full")
        await reads_go_on(scene, end.said.job)
        await refused_by_mqtt(scene, end)
    await end.repeat(scene)
    await create.repeat(scene)
    await scene.must_be_well()
    assert (scene.server.pid, scene.server.running) == (pid, True)


async def test_a_disk_that_fails_under_a_commit_ends_the_server_and_loses_nothing(scene: Scene, strace: None):
    end, create = await prepared(scene)
    async with injected(scene.server.pid, "fdatasync", "error=EIO", when="1+"):
        with suppress(Gone):
            await refused_by_mqtt(scene, end)
        code = await scene.server.ended()
    assert code == 1
    assert any("the disk failed" in line for line in scene.server.log), scene.server.log
    scene.must_be_sound()
    await scene.come_back()
    await end.repeat(scene)
    await create.repeat(scene)
    await scene.must_be_well()


def lock(data: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(data / ledger.NAME, isolation_level=None, check_same_thread=False)
    connection.execute("BEGIN IMMEDIATE")
    return connection


async def test_a_lock_held_for_a_moment_is_waited_for(scene: Scene):
    end, create = await prepared(scene)
    with closing(lock(scene.server.data)) as other:
        asked = [asyncio.create_task(end.act(scene)), asyncio.create_task(create.act(scene))]
        await reads_go_on(scene, end.said.job)
        assert not any(task.done() for task in asked)
        other.execute("ROLLBACK")
        await asyncio.gather(*asked)
    await end.repeat(scene)
    await create.repeat(scene)
    await scene.must_be_well()


async def test_a_lock_held_for_long_is_said_and_survived(scene: Scene):
    end, create = await prepared(scene)
    with closing(lock(scene.server.data)):
        reason = "the database is locked by another process"
        await asyncio.gather(refused_by_mqtt(scene, end), refused_by_rest(scene, create, reason))
        await reads_go_on(scene, end.said.job)
    await end.repeat(scene)
    await create.repeat(scene)
    await scene.must_be_well()


def durable(log: Path, answer: str) -> bool:
    """Tell whether something was written and synced to the write-ahead log before an answer went out."""
    seen = []
    for line in log.read_text().splitlines():
        if "-wal>" in line:
            seen.append("write" if "pwrite64(" in line else "sync")
        elif "sendto(" in line and answer in line:
            return "write" in seen and "sync" in seen[seen.index("write") :]
    raise AssertionError(f"no answer {answer!r} went out")


async def test_an_answer_leaves_when_its_commit_is_on_disk(scene: Scene, strace: None, tmp_path: Path):
    end, create = await prepared(scene)
    for step, answer in ((end, "/update/accepted"), (create, "HTTP/1.1 200")):
        log = tmp_path / type(step).__name__
        options = ("-y", "--string-limit=400")
        async with traced(scene.server.pid, "pwrite64,fdatasync,sendto", *options, log=log):
            await step.act(scene)
            await scene.until_rest()
        assert durable(log, answer)


@pytest.mark.timeout(300)
async def test_a_disk_too_full_for_the_index_of_the_log_is_survived(scene: Scene, strace: None):
    """The index is a file of its own; it grows with the log, and that while somebody reads."""
    pid, index = scene.server.pid, f"{scene.server.data / ledger.NAME}-shm"
    with closing(sqlite3.connect(scene.server.data / ledger.NAME, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM jobs").fetchone()
        inject = ("-P", index, "--inject=pwrite64:error=ENOSPC:when=1+")
        async with traced(pid, "pwrite64", *inject):
            last = await until_refused(scene)
            status, _ = await scene.call("GET", "/jobs?maxResults=1")
            assert status == 200
        assert (scene.server.pid, scene.server.running) == (pid, True)
    await last.repeat(scene)
    await scene.must_be_well()


async def until_refused(scene: Scene) -> Create:
    """Create jobs with long documents until there is no room for one."""
    for number in range(1000):
        create = Create()
        create.targets = (f"room-{number}",)
        await create.prepare(scene)
        create.body["document"] = {"text": "x" * 30_000}
        status, answer = await scene.call("POST", "/jobs", create.body)
        if status == 503:
            assert "the disk is full" in answer["error"]
            return create
        assert status == 200, answer
        create.asked.done = True
    raise AssertionError("there was always room")
