"""A fleet at work while its server is killed again and again: all work ends, the checker finds nothing."""

import asyncio
import random

import checker
import pytest
from fleet import REPORTS, Fleet, working
from scene import Scene
from standing import ROBOTS, Standing

JOBS = 6
KILLS = 8


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [7])
async def test_a_fleet_finishes_its_work_though_the_server_is_killed_eight_times(
    footed: Scene, standing: Standing, seed: int, *, every_point: bool
):
    scene = footed
    chance = random.Random(seed)
    kills = 20 * KILLS if every_point else KILLS
    jobs = [await scene.create(*ROBOTS) for _ in range(JOBS * kills // KILLS)]
    fleet = Fleet(scene.server, scene.history, ROBOTS, standing.password)

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
                scene.must_be_sound()
            await scene.server.start()

    await working(fleet, jobs, kill)
    await scene.until_rest()
    now = scene.books.now()
    assert checker.everything(scene.history, now) == []
    assert {each.status for each in now.executions} == {"SUCCEEDED"}
    assert {each.version for each in now.executions} == {len(REPORTS) + 1}
    assert {job.status for job in now.jobs} == {"COMPLETED"}
