"""A fleet that keeps a server busy, and goes on wherever it was when the server comes back."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from actors import PAUSE, Worker, update
from devices import Gone
from history import History
from servers import ServerProcess

#: What each thing reports of each job; the version it expects is known from the answer before.
REPORTS = ("IN_PROGRESS", "IN_PROGRESS", "IN_PROGRESS", "IN_PROGRESS", "SUCCEEDED")


class Fleet:
    """``answers`` grows with every settled update; ``answered(n)`` waits for n more of them."""

    def __init__(
        self,
        server: ServerProcess,
        history: History,
        things: Sequence[str],
        secret: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        self.answers = 0
        self._server = server
        self._history = history
        self._workers = [Worker(thing, history, secret(thing)) for thing in things]
        self._news = asyncio.Condition()

    async def work(self, jobs: Sequence[str]) -> None:
        """Let every thing work all jobs to their ends."""
        async with asyncio.TaskGroup() as tasks:
            for worker in self._workers:
                tasks.create_task(self._work(worker, jobs), name=f"work of {worker.thing}")

    async def answered(self, more: int) -> None:
        """Return after so many more answers."""
        goal = self.answers + more
        async with self._news:
            await self._news.wait_for(lambda: self.answers >= goal)

    async def leave(self) -> None:
        for worker in self._workers:
            await worker.leave()

    async def _work(self, worker: Worker, jobs: Sequence[str]) -> None:
        await self._connect(worker)
        for job in jobs:
            for version, status in enumerate(REPORTS, 1):
                mark = f"{worker.thing}.{job}.{version}"
                said, payload = update(self._history, worker.thing, job, status, mark=mark, expected=version)
                await worker.insist(said, payload, lambda: self._connect(worker))
                async with self._news:
                    self.answers += 1
                    self._news.notify_all()

    async def _connect(self, worker: Worker) -> None:
        """Try until there is a server again."""
        while True:
            try:
                await worker.connect(self._server.place)
            except Gone:
                await asyncio.sleep(PAUSE)
            else:
                return


async def working(fleet: Fleet, jobs: Sequence[str], meanwhile: Callable[[], Awaitable[None]]) -> None:
    """Let the fleet work, let something happen meanwhile, and wait for both."""
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(fleet.work(jobs), name="fleet")
        tasks.create_task(meanwhile(), name="meanwhile")
    await fleet.leave()
