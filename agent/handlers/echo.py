"""``{"operation": "echo", "message": ...}``: proves the way there and back."""

from __future__ import annotations

from agent.job import Job


async def echo(job: Job) -> dict[str, object]:
    return {"echo": job.document.get("message", "")}
