"""One job as its handler sees it: the document, and the ways to say how it goes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from agent.details import fit
from agent.reporter import Reporter

#: Returns details for the operator, or nothing; raises ``JobFailed`` or ``JobRejected`` to end otherwise.
Handler = Callable[["Job"], Awaitable[Mapping[str, object] | None]]


class Job:
    """Handed to a handler; lives as long as the handler runs.

    ``resumed`` tells that an earlier life of this agent began the job; ``step_reached`` is what that life
    last gave to ``remember``.
    """

    def __init__(
        self,
        *,
        thing_name: str,
        job_id: str,
        execution_number: int,
        operation: str,
        document: Mapping[str, Any],
        step_reached: str | None,
        resumed: bool,
        reporter: Reporter,
        keep: Callable[[str], Awaitable[None]],
        noted: Callable[[Mapping[str, str]], None],
        interval: float,
    ) -> None:
        self.thing_name = thing_name
        self.job_id = job_id
        self.execution_number = execution_number
        self.operation = operation
        self.document = document
        self.step_reached = step_reached
        self.resumed = resumed
        self._reporter = reporter
        self._keep = keep
        self._noted = noted
        self._interval = interval
        self._details: dict[str, str] = {}
        self._news = asyncio.Event()

    async def progress(
        self, *, action: str | None = None, percent: float | None = None, **more: object
    ) -> None:
        """Tell how far it is. Returns at once: what comes faster than the interval is sent as one."""
        self.note({"action": action, "progress": None if percent is None else f"{percent:.0f}%", **more})
        # A handler that only computes and reports must still leave room for the report to go out.
        await asyncio.sleep(0)

    def note(self, details: Mapping[str, object]) -> None:
        """Tell the same from a callback; ``details`` are laid over those told before."""
        self._details |= fit(details)
        self._news.set()
        self._noted(self._details)

    async def step(self, minutes: int) -> None:
        """Give the current step ``minutes`` before the server ends the job as timed out; -1 lifts that."""
        self._news.clear()
        await self._reporter.step(fit(self._details), minutes)

    async def remember(self, step: str) -> None:
        """Write ``step`` to the journal; after a restart a resumable handler finds it in ``step_reached``."""
        await self._keep(step)
        self.step_reached = step

    @property
    def details(self) -> Mapping[str, str]:
        """What was last told by ``progress``."""
        return self._details

    async def report(self) -> None:
        """Send progress until cancelled, at most once per interval. Raises ``ExecutionGone``."""
        while True:
            await self._news.wait()
            self._news.clear()
            await self._reporter.progress(fit(self._details))
            await asyncio.sleep(self._interval)

    def quiet(self) -> AbstractAsyncContextManager[None]:
        """Let a report that is on its way arrive, and keep others back."""
        return self._reporter.quiet()
