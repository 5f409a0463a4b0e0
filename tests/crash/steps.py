"""The steps a crash may fall into. Each can be prepared, done once, and done again after a restart."""

import json
from typing import Any, Protocol

from actors import update
from history import Asked, Said
from scene import THING, Scene, until_answered

#: Two chunks of a rollout, six of a sweep, eleven of the notifier.
WIDE = [f"wide-{number}" for number in range(5200)]


class Step(Protocol):
    """``act`` raises ``Gone`` if the server dies; ``repeat`` is what a device or operator does then."""

    async def prepare(self, scene: Scene) -> None: ...

    async def act(self, scene: Scene) -> None: ...

    async def repeat(self, scene: Scene) -> None: ...


class Finish:
    """A device reports the end of its work: version, counters, completion and notification at once."""

    said: Said
    payload: dict[str, Any]

    async def prepare(self, scene: Scene) -> None:
        job = await scene.create()
        begin, payload = update(
            scene.history, THING, job, "IN_PROGRESS", mark=scene.fresh("begin"), expected=1
        )
        assert await scene.worker.say(begin, payload)
        self.said, self.payload = update(
            scene.history, THING, job, "SUCCEEDED", mark=scene.fresh("end"), expected=2
        )

    async def act(self, scene: Scene) -> None:
        assert await scene.worker.say(self.said, self.payload)

    async def repeat(self, scene: Scene) -> None:
        """Also when it was answered: a repeat gets the same answer, byte by byte."""
        for _ in range(2):
            assert await scene.worker.say(self.said, self.payload)
        assert (self.said.refused, self.said.versions[:1]) == (None, [3])


class StartNext:
    """A device takes up its next work. It has no stored reply: asked again, it hears what it has begun."""

    said: Said

    async def prepare(self, scene: Scene) -> None:
        await scene.create()
        accepted, raw = await scene.worker.ask("$next/get", {"clientToken": scene.fresh("look")})
        assert accepted
        job = json.loads(raw)["execution"]["jobId"]
        self.said, _ = update(scene.history, THING, job, "IN_PROGRESS", mark=scene.fresh("start"))

    async def act(self, scene: Scene) -> None:
        mark = self.said.mark
        asked = {"clientToken": mark, "statusDetails": {"mark": mark}}
        accepted, raw = await scene.worker.ask("start-next", asked)
        assert accepted
        execution = json.loads(raw)["execution"]
        assert (execution["jobId"], execution["status"]) == (self.said.job, "IN_PROGRESS")
        self.said.versions.append(execution["versionNumber"])

    async def repeat(self, scene: Scene) -> None:
        await self.act(scene)
        assert set(self.said.versions) == {2}
        end, payload = update(
            scene.history, THING, self.said.job, "SUCCEEDED", mark=scene.fresh("end"), expected=2
        )
        assert await scene.worker.say(end, payload)


class Create:
    """An operator creates a job; asked again with the same id and token, the same answer comes."""

    targets: tuple[str, ...] = (THING,)
    asked: Asked
    body: dict[str, Any]

    async def prepare(self, scene: Scene) -> None:
        self.asked, self.body = scene.operator.creation(scene.fresh("job"), list(self.targets))
        self.answers: list[Any] = []

    async def act(self, scene: Scene) -> None:
        _, answer = await until_answered(scene, "POST", "/jobs", self.body, fine={200})
        self.asked.done = True
        self.answers.append(answer)

    async def repeat(self, scene: Scene) -> None:
        for _ in range(2):
            await self.act(scene)
        assert all(answer == self.answers[0] for answer in self.answers)


class Cancel:
    """An operator cancels a job that nobody has begun."""

    asked: Asked

    async def prepare(self, scene: Scene) -> None:
        self.asked = Asked(await self.job(scene))
        scene.history.canceled.append(self.asked)

    async def job(self, scene: Scene) -> str:
        return await scene.create()

    async def act(self, scene: Scene) -> None:
        # 409: it was canceled by the call whose answer was lost.
        await until_answered(scene, "PUT", f"/jobs/{self.asked.job}/cancel", {}, fine={200, 409})
        self.asked.done = True

    async def repeat(self, scene: Scene) -> None:
        await self.act(scene)
        _, answer = await scene.call("GET", f"/jobs/{self.asked.job}")
        assert answer["job"]["status"] == "CANCELED"


class Delete(Cancel):
    """An operator deletes a job with all that belongs to it."""

    async def prepare(self, scene: Scene) -> None:
        self.asked = Asked(await self.job(scene))
        scene.history.deleted.append(self.asked)

    async def act(self, scene: Scene) -> None:
        # 404: it is gone. 409: it is going.
        path = f"/jobs/{self.asked.job}?force=true"
        await until_answered(scene, "DELETE", path, None, fine={200, 404, 409})
        self.asked.done = True

    async def repeat(self, scene: Scene) -> None:
        await self.act(scene)
        await scene.until_rest()
        status, _ = await scene.call("GET", f"/jobs/{self.asked.job}")
        assert status == 404


class FanOut(Create):
    """A job for thousands of things, some of them rolled out after the answer."""

    targets = (*WIDE,)


class WideCancel(Cancel):
    """The cancel of the last fan-out: most of it is done after the answer."""

    async def job(self, scene: Scene) -> str:
        return scene.history.created[-1].job


class WideDelete(Delete):
    """The deletion of the last fan-out, after which all is as before."""

    async def job(self, scene: Scene) -> str:
        return scene.history.created[-1].job
