"""A fleet at work while its server is killed again and again: all work ends, the checker finds nothing."""

import asyncio
import random

import checker
import ledger
import pytest
from fleet import REPORTS, Fleet, working
from scene import THING, Scene

THINGS = [f"robot-{number}" for number in range(16)]
JOBS = 6
KILLS = 8


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [7])
async def test_a_fleet_finishes_its_work_though_the_server_is_killed_eight_times(
    scene: Scene, seed: int, *, every_point: bool
):
    chance = random.Random(seed)
    kills = 20 * KILLS if every_point else KILLS
    jobs = [await scene.create(*THINGS) for _ in range(JOBS * kills // KILLS)]
    fleet = Fleet(scene.server, scene.history, THINGS)

    async def kill() -> None:
        for number in range(kills):
            await fleet.answered(chance.randint(5, 50))
            await asyncio.sleep(chance.random() / 200)  # anywhere in a batch
            await scene.server.kill()
            scene.must_be_sound()
            if number % 4 == 3:  # and while it starts
                scene.server.launch()
                await asyncio.sleep(chance.random() / 10)
                await scene.server.kill()
            await scene.server.start()

    await working(fleet, jobs, kill)
    await scene.until_rest()
    now = ledger.of_running(scene.server.data)
    assert checker.everything(scene.history, now) == []
    ended = [each for each in now.executions if each.thing != THING]
    assert {each.status for each in ended} == {"SUCCEEDED"}
    assert {each.version for each in ended} == {len(REPORTS) + 1}
    assert {job.status for job in now.jobs if job.targets == frozenset(THINGS)} == {"COMPLETED"}
