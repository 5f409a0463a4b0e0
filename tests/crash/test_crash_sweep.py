"""``kill -9`` between any two steps of all that changes state: nothing accepted is lost or done twice."""

from typing import NamedTuple

import pytest
from devices import Gone
from scene import Scene
from steps import Cancel, Create, Delete, FanOut, Finish, StartNext, Step, WideCancel, WideDelete
from tracer import injected

#: No step makes more calls of a kind than this in one thread, or they are too many to try them all.
MOST = 400


class Row(NamedTuple):
    """Kill at each ``stride``-th of these calls; ``least`` so many of them must have killed."""

    step: type[Step]
    call: str
    stride: int
    least: int


SWEEP = (
    Row(Finish, "pwrite64", 2, 9),
    Row(Finish, "fdatasync", 1, 2),
    Row(Finish, "sendto", 1, 1),
    Row(Finish, "fcntl", 2, 3),
    Row(Finish, "epoll_wait", 3, 3),
    Row(Finish, "recvfrom", MOST, 1),
    Row(Finish, "futex", MOST, 1),
    Row(StartNext, "pwrite64", 4, 4),
    Row(StartNext, "sendto", MOST, 1),
    Row(Create, "pwrite64", 3, 8),
    Row(Create, "fdatasync", 1, 2),
    Row(Create, "sendto", 1, 1),
    Row(Create, "fcntl", 3, 2),
    Row(Cancel, "pwrite64", 4, 5),
    Row(Cancel, "fdatasync", 1, 2),
    Row(Delete, "pwrite64", 4, 6),
    Row(Delete, "fdatasync", 1, 2),
    Row(Delete, "sendto", 1, 1),
    Row(Delete, "epoll_wait", MOST, 1),
)
#: The life of a job for thousands of things, killed at these calls of each of its three steps.
WIDE_SWEEP = {"fdatasync": (1, 2, 4), "pwrite64": (300,)}
WIDE_EVERY = {"fdatasync": range(1, MOST), "pwrite64": range(1, 10_000, 150)}


async def crash(scene: Scene, step: Step, call: str, when: int) -> bool:
    """Kill the server at the given call of a step and set things right; False if it did not come so far."""
    await step.prepare(scene)
    await scene.until_rest()
    async with injected(scene.server.pid, call, "signal=SIGKILL", when=str(when)):
        try:
            await step.act(scene)
            died = not await scene.until_rest()
        except Gone:
            died = True
        if died:
            assert await scene.server.ended() == -9
    if not died and not await scene.lives():  # killed by the last call before the tracer let go
        died = await scene.server.ended() == -9
    if died:
        scene.must_be_sound()
        await scene.come_back()
    await step.repeat(scene)
    await scene.must_be_well()
    return died


@pytest.mark.timeout(900)
@pytest.mark.parametrize("row", SWEEP, ids=lambda row: f"{row.step.__name__}-{row.call}")
async def test_a_server_killed_at_any_call_keeps_its_promises(
    scene: Scene, strace: None, row: Row, *, every_point: bool
):
    killed = 0
    for when in range(1, MOST, 1 if every_point else row.stride):
        if not await crash(scene, row.step(), row.call, when):
            break
        killed += 1
    print(f"{killed} kills")
    assert killed >= row.least


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("call", WIDE_SWEEP)
async def test_a_fan_out_killed_on_its_way_reaches_every_target_once(
    scene: Scene, strace: None, call: str, *, every_point: bool
):
    killed = 0
    for when in (WIDE_EVERY if every_point else WIDE_SWEEP)[call]:
        deaths = [await crash(scene, step(), call, when) for step in (FanOut, WideCancel, WideDelete)]
        if not any(deaths):
            break
        killed += sum(deaths)
    print(f"{killed} kills")
    assert killed >= 2 * len(WIDE_SWEEP[call])


def test_the_sweep_has_at_least_fifty_points():
    assert sum(row.least for row in SWEEP) >= 50
