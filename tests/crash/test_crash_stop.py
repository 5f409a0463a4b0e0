"""Told to stop (F24), or started where another runs: answers stay, what has none is not acknowledged."""

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import checker
import pytest
from fleet import Fleet, working
from scene import Scene
from servers import Nursery, ServerProcess
from standing import ROBOTS, Standing

STOPS = 3
THINGJOBS = Path(sys.executable).with_name("thingjobs")


@pytest.mark.timeout(300)
async def test_a_server_that_is_told_to_stop_under_load_ends_well_and_loses_nothing(
    footed: Scene, standing: Standing
):
    scene = footed
    jobs = [await scene.create(*ROBOTS) for _ in range(6)]
    fleet = Fleet(scene.server, scene.history, ROBOTS, standing.password)
    said: list[str] = []

    async def stop() -> None:
        for _ in range(STOPS):
            await fleet.answered(60)
            scene.server.signal(signal.SIGTERM)
            assert await scene.server.ended() == 0, scene.server.log
            said.extend(scene.server.log)
            scene.must_be_sound()
            await scene.server.start()

    await working(fleet, jobs, stop)
    await scene.until_rest()
    assert checker.everything(scene.history, scene.books.now()) == []
    assert said.count("stopping\n") == STOPS
    assert not [line for line in said if "Traceback" in line or "[error" in line]


async def test_a_server_can_be_stopped_from_the_moment_it_says_where_it_listens(
    nursery: Nursery, tmp_path: Path
):
    server = ServerProcess(nursery, tmp_path / "data")
    for _ in range(3):
        await server.start()
        server.signal(signal.SIGTERM)
        assert await server.ended() == 0


async def command(data: Path) -> asyncio.subprocess.Process:
    flags = [f"--data-dir={data}", "--http-port=0", "--mqtt-port=0", "--insecure-devices"]
    return await asyncio.create_subprocess_exec(str(THINGJOBS), "serve", *flags, stderr=PIPE)


async def test_a_second_server_on_the_same_data_refuses_and_says_who_is_there(scene: Scene):
    second = await command(scene.server.data)
    async with asyncio.timeout(60):
        _, words = await second.communicate()
    assert second.returncode == 1
    lines = [line for line in words.decode().splitlines() if line.startswith("thingjobs: ")]
    in_use = f"the data directory {scene.server.data} is in use by process {scene.server.pid}"
    assert lines == [f"thingjobs: {in_use}; stop it or choose another directory (--data-dir)"]
    await scene.must_be_well()


async def test_the_console_script_serves_until_it_is_told_to_stop(tmp_path: Path):
    server = await command(tmp_path / "data")
    assert server.stderr is not None
    try:
        async with asyncio.timeout(60):
            while not (line := await server.stderr.readline()).startswith(b"AWS"):
                assert line, "it ended before it listened"
            server.send_signal(signal.SIGTERM)
            rest = await server.stderr.read()
            assert await server.wait() == 0
        assert rest == b"stopping\n"
    finally:
        if server.returncode is None:
            server.kill()
            await server.wait()
