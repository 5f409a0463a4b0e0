"""What the agent's tests give their agents to do, and how impatient these are."""

import asyncio
from functools import partial

from agent.agent import Options
from agent.backoff import Backoff
from agent.calls import Patience

WORK = {"operation": "work"}
QUICK = Patience(reply_timeout=0.2, attempts=3, backoff=partial(Backoff, 0.01, 0.02))
OPTIONS = Options(patience=QUICK, progress_interval=0.01, reconnect_base=0.01, reconnect_cap=0.02)


class Endless:
    """A handler that works until it is stopped, and says how it was."""

    def __init__(self, *, reports=False):
        self.started = asyncio.Event()
        self.cleaned = asyncio.Event()
        self.reports = reports

    async def __call__(self, job):
        self.started.set()
        try:
            while True:
                await asyncio.sleep(0.005)
                if self.reports:
                    await job.progress(percent=1)
        finally:
            await asyncio.sleep(0.02)
            self.cleaned.set()


async def nothing(job):
    """The shortest handler."""


def states(server, job_id):
    return [status for _, job, status, _ in server.history if job == job_id]
