"""Things and operators who keep several processes busy, and who turn to another one when one is gone."""

import asyncio
import json
import random
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from actors import PAUSE, Operator, Worker, update
from devices import Gone
from history import Asked
from many import Many
from mosquitto_server import secret
from servers import Place

#: After so many seconds without an answer a thing takes whoever should give it for dead, and asks again.
SILENCE = 6.0
#: How often whoever is told of nothing looks by himself.
LOOK = 1.0
LATER = {429, 503}
#: How work ends.
ENDS = ("SUCCEEDED",) * 8 + ("FAILED", "REJECTED")


class Crowd:
    """``work`` until ``stop``; things go on until everything is done, operators only until then."""

    def __init__(self, many: Many, seed: int) -> None:
        self.many = many
        self.answers = 0
        self._chance = random.Random(seed)
        self._hands = [Hand(self, thing) for thing in many.things]
        self.office = Office(self)
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self) -> None:
        for hand in self._hands:
            self._start(hand.work(), f"work of {hand.worker.thing}")
        for number in range(3):
            self._start(self.office.work(), f"operator {number}")

    async def answered(self, more: int) -> None:
        """Return after so many more answers to updates."""
        goal = self.answers + more
        while self.answers < goal:  # noqa: ASYNC110 - a number, which wakes nobody
            await asyncio.sleep(PAUSE)

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self._tasks.append(asyncio.create_task(work, name=name))

    async def meanwhile(self, trouble: Coroutine[Any, Any, None]) -> None:
        """Return when the trouble is over; what any of the crowd finds wrong is raised at once."""
        task = asyncio.create_task(trouble, name="trouble")
        try:
            done, _ = await asyncio.wait({task, *self._tasks}, return_when=asyncio.FIRST_COMPLETED)
            for each in done:
                each.result()
            assert task.done(), "the crowd has stopped"
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def finish(self) -> None:
        """Let operators end what they do, have all work done, and send everybody home."""
        await self.meanwhile(self.office.close())
        await self.meanwhile(self.many.until_done())

    async def leave(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for hand in self._hands:
            await hand.worker.leave()

    def chance(self) -> random.Random:
        """Return a source of chance for one more of the crowd."""
        return random.Random(self._chance.random())


class Hand:
    """A thing that takes up whatever comes, and reports it with care."""

    def __init__(self, crowd: Crowd, thing: str) -> None:
        many = crowd.many
        self.worker = Worker(thing, many.history, secret(thing), root=many.root, silence=SILENCE)
        self._crowd = crowd
        self._chance = crowd.chance()
        self._number = 0

    async def work(self) -> None:
        await self._connect()
        while True:
            try:
                await self._one()
            except Gone:
                await self._connect()

    def _fresh(self, word: str) -> str:
        self._number += 1
        return f"{self.worker.thing}.{word}.{self._number}"

    async def _one(self) -> None:
        accepted, raw = await self.worker.ask("start-next", {"clientToken": self._fresh("next")})
        found = json.loads(raw)
        if not accepted or "execution" not in found:
            self.worker.told.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK):
                    await self.worker.told.wait()
            return
        execution = found["execution"]
        job, number, version = (execution[name] for name in ("jobId", "executionNumber", "versionNumber"))
        steps = ["IN_PROGRESS"] * self._chance.randint(0, 3)
        for status in (*steps, self._chance.choice(ENDS)):
            said, payload = update(
                self._crowd.many.history,
                self.worker.thing,
                job,
                status,
                mark=self._fresh(status),
                expected=version,
                number=number,
            )
            # A repeat is about the execution that has ended, not about the one that follows it.
            payload["executionNumber"] = number
            await self.worker.insist(said, payload, self._connect)
            self._crowd.answers += 1
            if said.refused is not None:  # an operator was quicker
                return
            version = said.versions[-1]
            await asyncio.sleep(self._chance.random() / 50)

    async def _connect(self) -> None:
        """Try until there is a broker again."""
        while True:
            try:
                await self.worker.connect(Place(0, self._crowd.many.broker.port))
            except Gone:
                await asyncio.sleep(PAUSE)
            else:
                return


class Office:
    """Operators: each asks one API, and another one when that is gone."""

    def __init__(self, crowd: Crowd) -> None:
        self._many = crowd.many
        self._chance = crowd.chance()
        self._operator = Operator(crowd.many.history)
        self._jobs: list[str] = []
        #: Jobs for things that do not exist: nobody will do them.
        self._idle: list[str] = []
        self._kept: list[str] = []
        self._number = 0
        self._closing = False
        self._busy = 0
        self._errands: tuple[tuple[int, Callable[[], Coroutine[Any, Any, None]]], ...] = (
            (8, self._create),
            (2, self._create_for_many),
            (2, self._follow_a_group),
            (3, self._cancel),
            (3, self._delete),
            (6, self._look),
        )

    async def work(self) -> None:
        weights = [weight for weight, _ in self._errands]
        while not self._closing:
            (_, errand), *_ = self._chance.choices(self._errands, weights)
            self._busy += 1
            try:
                await errand()
            finally:
                self._busy -= 1
            await asyncio.sleep(self._chance.random() / 5)
        await asyncio.Event().wait()

    async def close(self) -> None:
        """Let what was begun come to its end, and take away what nobody will do."""
        self._closing = True
        while self._busy:  # noqa: ASYNC110 - errands of others
            await asyncio.sleep(PAUSE)
        for job in (*self._idle, *self._kept):
            await self._take_away(job)

    async def call(self, method: str, path: str, body: object = None, *, fine: set[int]) -> tuple[int, Any]:
        """Ask until there is an answer; 429 and 503 mean later, all else but ``fine`` is wrong."""
        while True:
            try:
                place = Place(self._chance.choice(self._many.apis), 0)
                status, answer = await self._operator.call(place, method, path, body)
            except Gone:
                status = 503
            if status in fine:
                return status, answer
            assert status in LATER, (method, path, status, answer)
            await asyncio.sleep(5 * PAUSE)

    def _fresh(self, word: str) -> str:
        self._number += 1
        return f"{word}-{self._number}"

    async def _put(self, targets: list[str], **config: Any) -> str:
        asked, body = self._operator.creation(self._fresh("job"), targets, **config)
        if any(target.startswith("thinggroup/") for target in targets):
            asked.targets = frozenset()
        await self.call("POST", "/jobs", body, fine={200})
        asked.done = True
        return asked.job

    async def _create(self) -> None:
        targets = self._chance.sample(
            list(self._many.things), self._chance.randint(1, len(self._many.things))
        )
        retry = {"criteriaList": [{"failureType": "FAILED", "numberOfRetries": 2}]}
        config = self._chance.choice(
            (
                {},
                {"jobExecutionsRetryConfig": retry},
                {"jobExecutionsRolloutConfig": {"maximumPerMinute": 1000}},
                {"timeoutConfig": {"inProgressTimeoutInMinutes": 5}},
            )
        )
        self._jobs.append(await self._put(targets, **config))

    async def _create_for_many(self) -> None:
        job = await self.create_for(1200)
        self._kept.remove(job)
        self._idle.append(job)

    async def create_for(self, count: int) -> str:
        """Create a job for so many things that do not exist, and return its id; the end takes it away."""
        word = self._fresh("wide")
        job = await self._put([f"{word}-{number}" for number in range(count)])
        self._kept.append(job)
        return job

    async def _follow_a_group(self) -> None:
        group = self._fresh("group")
        members = self._chance.sample(list(self._many.things), 2)
        await self.call("POST", "/thing-groups", {"thingGroupName": group}, fine={200, 201, 409})
        job = await self._put([f"thinggroup/{group}"], targetSelection="CONTINUOUS")
        path = f"/thing-groups/{group}/things"
        await self.call("PUT", path, {"things": members}, fine={200})
        await self.call("DELETE", path, {"things": members[:1]}, fine={200})
        self._jobs.append(job)

    async def _cancel(self) -> None:
        if (job := self._any(self._jobs)) is None:
            return
        asked = Asked(job)
        self._many.history.canceled.append(asked)
        force = self._chance.random() < 0.5
        status, _ = await self.call(
            "PUT", f"/jobs/{job}/cancel", {"force": True} if force else {}, fine={200, 404, 409}
        )
        asked.done = status == 200

    async def _delete(self) -> None:
        if self._idle and self._chance.random() < 0.5:
            await self._take_away(self._idle.pop(0))
        elif (job := self._any(self._jobs)) is not None:
            self._jobs.remove(job)
            await self._take_away(job)

    async def _take_away(self, job: str) -> None:
        asked = Asked(job)
        self._many.history.deleted.append(asked)
        # 404: it is gone. 409: it is going.
        await self.call("DELETE", f"/jobs/{job}?force=true", None, fine={200, 404, 409})
        asked.done = True

    async def _look(self) -> None:
        """Whatever API is asked knows of what any of them has answered."""
        if (job := self._any(self._jobs)) is None:
            return
        status, _ = await self.call("GET", f"/jobs/{job}", fine={200, 404})
        assert status == 200 or any(asked.job == job for asked in self._many.history.deleted), job

    def _any(self, jobs: list[str]) -> str | None:
        return self._chance.choice(jobs) if jobs else None
