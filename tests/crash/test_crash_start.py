"""``kill -9`` at any moment of a start, the first one or one that mends what the last kill has left."""

import asyncio
import shutil
import signal
from pathlib import Path

import ledger
import pytest
from scene import PATIENCE, Scene
from servers import Nursery
from tracer import injected

MOST = 400
#: Which of these calls are tried when not all are.
SOME = {"pwrite64": range(1, MOST, 25), "fdatasync": range(1, MOST, 4)}


async def is_held(pid: int) -> None:
    """Return when a process has stopped itself."""
    async with asyncio.timeout(PATIENCE):
        while not _is_held(pid):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.002)


def _is_held(pid: int) -> bool:
    return "\nState:\tT" in Path(f"/proc/{pid}/status").read_text()


async def crash(scene: Scene, call: str, when: int) -> bool:
    """Kill a server at the given call of its start; False if it did not come so far."""
    scene.server.launch(held=True)
    await is_held(scene.server.pid)
    async with injected(scene.server.pid, call, "signal=SIGKILL", when=str(when)):
        scene.server.signal(signal.SIGCONT)
        listens = await scene.server.listens()
        if not listens:
            assert await scene.server.ended() == -9, scene.server.log
    await scene.server.kill()
    scene.must_be_sound()
    return not listens


@pytest.mark.timeout(900)
@pytest.mark.parametrize("call", SOME)
async def test_a_first_start_that_was_killed_is_made_good_by_the_next(
    nursery: Nursery, tmp_path: Path, strace: None, call: str, *, every_point: bool
):
    killed = 0
    for when in range(1, MOST) if every_point else SOME[call]:
        scene = Scene(nursery, tmp_path / str(when))
        died = await crash(scene, call, when)
        await scene.open()
        await scene.create()
        await scene.must_be_well()
        await scene.close()
        if not died:
            break
        killed += 1
    print(f"{killed} kills")
    assert killed >= 2


@pytest.mark.timeout(900)
async def test_a_start_after_a_kill_may_be_killed_as_well(
    nursery: Nursery, scene: Scene, tmp_path: Path, strace: None, *, every_point: bool
):
    await scene.create()
    await scene.must_be_well()
    await scene.server.kill()
    before = ledger.of_killed(scene.server.data)
    killed = 0
    calls = ("pwrite64", "fcntl", "pread64", "ftruncate", "openat")
    for call in calls if every_point else calls[:2]:
        for when in range(1, MOST, 1 if every_point else 6):
            again = Scene(nursery, tmp_path / f"{call}-{when}")
            shutil.copytree(scene.server.data, again.server.data)
            died = await crash(again, call, when)
            await again.open()
            assert ledger.of_running(again.server.data).events == before.events
            await again.close()
            if not died:
                break
            killed += 1
    print(f"{killed} kills")
    assert killed >= 2
