"""Steps of the clock's own work that a crash may fall into: releases, retries, and groups that change."""

from typing import Any

import ledger
from actors import update
from history import Asked, Said
from scene import THING, Scene, until_answered

#: More than go out in a minute, and two pieces of what is done when they leave.
CROWD = [f"crowd-{number}" for number in range(1040)]
RATE = 1000


class Retry:
    """A device fails, and gets another execution for it: the failure, and the debt for it, at once."""

    said: Said
    payload: dict[str, Any]

    async def prepare(self, scene: Scene) -> None:
        criteria = {"criteriaList": [{"failureType": "FAILED", "numberOfRetries": 1}]}
        _, body = scene.operator.creation(scene.fresh("job"), [THING], jobExecutionsRetryConfig=criteria)
        self.job = body["jobId"]
        await until_answered(scene, "POST", "/jobs", body, fine={200})
        await report(scene, self.job, "IN_PROGRESS", expected=1)
        self.said, self.payload = update(
            scene.history, THING, self.job, "FAILED", mark=scene.fresh("fail"), expected=2
        )
        # A repeat is about the execution that has failed, not about the one that follows it.
        self.payload["executionNumber"] = 1

    async def act(self, scene: Scene) -> None:
        assert await scene.worker.say(self.said, self.payload)

    async def repeat(self, scene: Scene) -> None:
        for _ in range(2):
            await self.act(scene)
        await scene.until_rest()
        assert (self.said.refused, set(self.said.versions)) == (None, {3})
        await report(scene, self.job, "IN_PROGRESS", expected=1, number=2)
        await report(scene, self.job, "FAILED", expected=2, number=2)
        await scene.until_rest()
        _, answer = await scene.call("GET", f"/jobs/{self.job}")
        assert answer["job"]["status"] == "COMPLETED"  # it was its last try


class Join:
    """A crowd comes into a group that a continuous job follows: the clock lets out what a minute takes."""

    things = CROWD

    async def prepare(self, scene: Scene) -> None:
        self.group = scene.fresh("group")
        await until_answered(scene, "POST", "/thing-groups", {"thingGroupName": self.group}, fine={200, 201})
        self.asked, body = scene.operator.creation(
            scene.fresh("job"),
            [f"thinggroup/{self.group}"],
            targetSelection="CONTINUOUS",
            jobExecutionsRolloutConfig={"maximumPerMinute": RATE},
        )
        self.asked.targets = frozenset()
        await until_answered(scene, "POST", "/jobs", body, fine={200})
        self.asked.done = True

    async def act(self, scene: Scene) -> None:
        path = f"/thing-groups/{self.group}/things"
        await until_answered(scene, "PUT", path, {"things": self.things}, fine={200})

    async def repeat(self, scene: Scene) -> None:
        await self.act(scene)
        await scene.until_rest()
        assert released(scene, self.asked.job) == RATE
        await self.end(scene)

    async def end(self, scene: Scene) -> None:
        """Take the job away: what waits for its next minute would keep the next step waiting."""
        asked = Asked(self.asked.job)
        scene.history.deleted.append(asked)
        path = f"/jobs/{asked.job}?force=true"
        await until_answered(scene, "DELETE", path, None, fine={200, 404, 409})
        asked.done = True


class Leave(Join):
    """The crowd leaves again: what has not begun is REMOVED, and nobody waits any more."""

    async def prepare(self, scene: Scene) -> None:
        await super().prepare(scene)
        await super().act(scene)

    async def act(self, scene: Scene) -> None:
        path = f"/thing-groups/{self.group}/things"
        await until_answered(scene, "DELETE", path, {"things": self.things}, fine={200})

    async def repeat(self, scene: Scene) -> None:
        await self.act(scene)
        await scene.must_be_well()
        now = ledger.of_running(scene.server.data)
        (job,) = [job for job in now.jobs if job.name == self.asked.job]
        assert (job.waiting, {status: n for status, n in job.counts.items() if n}) == (0, {"REMOVED": RATE})
        await self.end(scene)


async def report(scene: Scene, job: str, status: str, *, expected: int, number: int = 1) -> None:
    said, payload = update(
        scene.history, THING, job, status, mark=scene.fresh("said"), expected=expected, number=number
    )
    assert await scene.worker.say(said, payload)
    assert said.refused is None, said


def released(scene: Scene, job: str) -> int:
    return sum(each.job == job for each in ledger.of_running(scene.server.data).executions)
