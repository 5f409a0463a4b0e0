"""``{"operation": "wait", "seconds": 30}``: a job that takes its time, tells how far it is, and resumes."""

from __future__ import annotations

import asyncio
from typing import Final

from agent.handlers.fields import LONGEST, number
from agent.job import Job

PARTS: Final = 10


async def wait(job: Job) -> dict[str, object]:
    seconds = number(job.document, "seconds", least=0, most=LONGEST)
    done = int(job.step_reached or 0)
    for part in range(done, PARTS):
        await job.progress(action="wait", percent=100 * part / PARTS)
        await asyncio.sleep(seconds / PARTS)
        await job.remember(str(part + 1))
    return {"waited": f"{seconds:g}"}
