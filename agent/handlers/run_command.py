"""``{"operation": "run-command", "command": ["df", "-h"], "timeoutSeconds": 60}``: a list, no shell."""

from __future__ import annotations

from typing import Final

from agent.errors import JobFailed
from agent.handlers.fields import LONGEST, number, words
from agent.handlers.process import run
from agent.job import Job

DEFAULT_LIMIT: Final = 600
#: What fits into one status detail.
SHOWN: Final = 1024


async def run_command(job: Job) -> dict[str, object]:
    argv = words(job.document, "command")
    limit = number(job.document, "timeoutSeconds", DEFAULT_LIMIT, least=1, most=LONGEST)
    await job.progress(action="run-command")
    ended = await run(argv, limit=limit)
    told = {"exitCode": str(ended.code), "stdout": ended.stdout[-SHOWN:], "stderr": ended.stderr[-SHOWN:]}
    if ended.code:
        raise JobFailed(f"{argv[0]} ended with {spelled(ended.code)}", **told)
    return {**told}


def spelled(code: int) -> str:
    """Say an exit code; programs killed by a signal have negative ones."""
    return f"exit code {code}" if code >= 0 else f"signal {-code}"
