"""What the demo shows: a bar per status, rates and the last events while it runs, a summary at the end."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from agent.tally import Tally
from cli.progress import bars, counts, words
from cli.server import Server
from storage import events

_REDRAW: Final = 0.2
_RECENT: Final = 6


class DemoView:
    """Draws on stdout; redraws on a terminal, prints a line per change elsewhere."""

    def __init__(self, server: Server, tally: Tally) -> None:
        self._server = server
        self._tally = tally
        self._console = Console(file=sys.stdout, highlight=False, soft_wrap=True)
        self._recent: deque[events.Event] = deque(maxlen=_RECENT)
        self._seen = 0
        self._began = time.monotonic()

    def say(self, text: str) -> None:
        self._console.print(text, markup=False)

    async def follow(self, look: Callable[[], Awaitable[Mapping[str, Any]]]) -> dict[str, Any]:
        """Show the job until its status is final; ``look`` asks the API for it."""
        self._began = time.monotonic()
        if not self._console.is_terminal:
            return await self._lines(look)
        with Live(console=self._console, auto_refresh=False, transient=True) as live:
            while True:
                job = await self._job(look)
                live.update(self._picture(job), refresh=True)
                if job["status"] != "IN_PROGRESS":
                    return job
                await asyncio.sleep(_REDRAW)

    async def _lines(self, look: Callable[[], Awaitable[Mapping[str, Any]]]) -> dict[str, Any]:
        said = ""
        while True:
            job = await self._job(look)
            line = words(job)
            if line != said:
                said = line
                self.say(f"{time.monotonic() - self._began:5.1f} s  {job['status']:<12} {line}")
            if job["status"] != "IN_PROGRESS":
                return job
            await asyncio.sleep(0.5)

    async def _job(self, look: Callable[[], Awaitable[Mapping[str, Any]]]) -> dict[str, Any]:
        job = dict((await look())["job"])
        while fresh := await self._server.store.read(events.after, self._seen):
            self._recent.extend(fresh)
            self._seen = fresh[-1].key
        return job

    def _picture(self, job: Mapping[str, Any]) -> Group:
        seconds = max(0.001, time.monotonic() - self._began)
        rates = (
            f"{self._seen} transitions, {self._seen / seconds:.0f}/s   "
            f"{self._tally.updates} updates accepted, {self._tally.updates / seconds:.0f}/s   "
            f"{len(self._tally.connected)}/{self._tally.things} connected"
        )
        return Group(
            Text(f"job {job['jobId']}  {job['status']}", style="bold"),
            bars(job, self._tally.things),
            Text(rates),
            *(Text(_line(event), style="dim") for event in self._recent),
        )

    def sum_up(self, job: Mapping[str, Any]) -> None:
        """Print how it ended and where to look."""
        seconds = time.monotonic() - self._began
        url = self._server.http_url
        self.say(f"job {job['jobId']} is {job['status']} after {seconds:.1f} s, {self._seen} transitions:")
        for name, count in counts(job).items():
            if count:
                self.say(f"  {name:<12} {count}")
        self.say("")
        self.say(f"  the job         {url}/jobs/{job['jobId']}")
        self.say(f"  its executions  {url}/jobs-executions/jobs/{job['jobId']}")
        self.say(f"  API docs        {url}/docs")
        self.say(f"  MQTT broker     {self._server.mqtt_address}")


def _line(event: events.Event) -> str:
    before = "" if event.before is None else f"{event.before} -> "
    return (
        f"{event.at:%H:%M:%S}  {event.thing_name}  {before}{event.after}  "
        f"version {event.version_number}  by {event.cause}"
    )
