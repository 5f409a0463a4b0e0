"""A whole server for the agent's tests: real store, real broker, real API, in this process on free ports."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.rest import Rest
from cli.server import serving
from cli.settings import load


@dataclass(frozen=True)
class Live:
    port: int
    rest: Rest

    async def call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        return await asyncio.to_thread(self.rest.call, method, path, body)

    async def token(self, thing: str) -> str:
        return await asyncio.to_thread(self.rest.token, thing)

    async def create(self, job_id: str, document: object, *things: str) -> None:
        body = {"jobId": job_id, "targets": things, "targetSelection": "SNAPSHOT", "document": document}
        await self.call("POST", "/jobs", body)

    async def execution(self, job_id: str, thing: str) -> dict[str, Any]:
        return (await self.call("GET", f"/jobs/{job_id}/things/{thing}"))["execution"]

    async def ended(self, job_id: str, thing: str, seconds: float = 20) -> dict[str, Any]:
        """Return the execution once it has ended."""
        async with asyncio.timeout(seconds):
            while True:
                execution = await self.execution(job_id, thing)
                if execution["status"] not in ("QUEUED", "IN_PROGRESS"):
                    return execution
                await asyncio.sleep(0.05)


@asynccontextmanager
async def live_server(folder: Path):
    settings = load(data_dir=folder / "data", http_port=0, mqtt_port=0, log_level="warning")
    async with serving(settings) as server:
        port = int(server.mqtt_address.rsplit(":", 1)[1])
        yield Live(port, Rest(server.http_url))
