"""A scene: one server, one device, one operator; what they do, and what must be true afterwards."""

import asyncio
import json
from pathlib import Path
from typing import Any

import checker
from actors import PAUSE, Operator, Worker
from devices import Gone
from history import Execution, History, Ledger
from servers import Nursery, ServerProcess
from standing import Books, OneFile, Standing

THING = "lamp"
PATIENCE = 30.0


class Scene:
    """Open it, then let things happen. ``close`` leaves no process behind."""

    def __init__(self, nursery: Nursery, data: Path, *more: str, standing: Standing | None = None) -> None:
        """With a ``standing`` the server stands on that, else on a file and its own broker."""
        flags = () if standing is None else standing.flags
        self.server = ServerProcess(nursery, data, *flags, *more)
        self.books: Books = OneFile(data) if standing is None else standing.books
        self.history = History()
        self.worker = Worker(THING, self.history, None if standing is None else standing.password(THING))
        self.operator = Operator(self.history)
        self._numbers = iter(range(1, 10_000))

    async def open(self) -> None:
        await self.server.start()
        await self.worker.connect(self.server.place)

    async def close(self) -> None:
        await self.worker.leave()
        await self.server.kill()

    def fresh(self, word: str) -> str:
        """Return a name that was not used before."""
        return f"{word}-{next(self._numbers)}"

    async def create(self, *targets: str) -> str:
        job = self.fresh("job")
        await self.operator.create(self.server.place, job, list(targets) or [THING])
        return job

    async def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        return await self.operator.call(self.server.place, method, path, body)

    async def lives(self) -> bool:
        try:
            return await self.call("GET", "/healthz") is not None
        except Gone:
            return False

    async def come_back(self) -> None:
        """Start the server again and let the device connect."""
        await self.server.start()
        await self.worker.connect(self.server.place)

    async def until_rest(self) -> bool:
        """Return when the server has nothing left to do by itself; False if it ended before."""
        async with asyncio.timeout(PATIENCE):
            while self.server.running:
                if self.books.at_rest():
                    return self.server.running
                await asyncio.sleep(PAUSE)
        return False

    async def must_be_well(self) -> None:
        """Hold history and database against each other, and what the thing knows against both."""
        await self.until_rest()
        now = self.books.now()
        assert checker.everything(self.history, now) == []
        await self._must_know(first(now, THING))

    def must_be_sound(self) -> None:
        """Look at what a killed server has left, before anything mends it."""
        assert checker.structure(self.books.left()) == []

    async def _must_know(self, current: Execution | None) -> None:
        """C6: a thing that came back is told of work it has not begun, and hears of all when it asks."""
        wanted = None if current is None else current.job
        # Heard before it asks: who has asked knows already, and is not told once more.
        if current is not None and current.status == "QUEUED":
            try:
                async with asyncio.timeout(PATIENCE / 3):
                    while self.worker.next is None or self.worker.next["jobId"] != wanted:
                        self.worker.told.clear()
                        await self.worker.told.wait()
            except TimeoutError:
                raise AssertionError(f"{THING} was not told of {wanted}, but of {self.worker.next}") from None
        accepted, raw = await self.worker.ask("$next/get", {"clientToken": self.fresh("look")})
        assert accepted
        assert json.loads(raw).get("execution", {}).get("jobId") == wanted


def first(now: Ledger, thing: str) -> Execution | None:
    """Return what a thing has to do next: what is IN_PROGRESS before what is QUEUED, then the oldest."""
    pending = [each for each in now.executions if each.thing == thing and each.status in checker.PENDING]
    return min(pending, key=lambda each: each.status != "IN_PROGRESS", default=None)


async def until_answered(
    scene: Scene, method: str, path: str, body: object, *, fine: set[int]
) -> tuple[int, Any]:
    """Repeat a call until its status is one of ``fine``; 429 and 503 mean later, all else is wrong."""
    async with asyncio.timeout(PATIENCE):
        while True:
            status, answer = await scene.call(method, path, body)
            if status in fine:
                return status, answer
            assert status in (429, 503), (status, answer)
            await asyncio.sleep(PAUSE)
