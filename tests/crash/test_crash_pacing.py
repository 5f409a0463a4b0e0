"""``kill -9`` during what the clock does by itself: nothing goes out twice, nothing is forgotten."""

import pytest
from paced_steps import Join, Leave, Retry
from scene import Scene
from test_crash_sweep import MOST, Row, crash

SWEEP = (
    Row(Retry, "pwrite64", 9, 4),
    Row(Retry, "fdatasync", 1, 3),
    Row(Join, "pwrite64", 120, 2),
    Row(Join, "fdatasync", 1, 2),
    Row(Leave, "pwrite64", 110, 2),
    Row(Leave, "fdatasync", 1, 2),
)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("row", SWEEP, ids=lambda row: f"{row.step.__name__}-{row.call}")
async def test_a_server_killed_at_any_call_of_its_own_work_keeps_its_promises(
    scene: Scene, strace: None, row: Row, *, every_point: bool
):
    killed = 0
    for when in range(1, MOST, 1 if every_point else row.stride):
        if not await crash(scene, row.step(), row.call, when):
            break
        killed += 1
    print(f"{killed} kills")
    assert killed >= row.least
