"""A real server on a real store in a thread of its own, and a plain HTTP client for it."""

import asyncio
import http.client
import json
import socket
import threading
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from described import Description, description
from sites import MakeSite, Site, SqliteFile

from api.app import ApiOptions, build
from api.artifact_files import LocalContents
from api.artifact_store import ArtifactStore
from api.server import ApiServer
from domain.messages import Request
from domain.names import Arns
from domain.topics import Operation
from storage import device
from storage.authority import Authority
from storage.policy import Policy
from storage.store import Store

#: Bytes; more than any other body may have.
MAX_CONTENT = 8 * 1024 * 1024
START = datetime(2024, 6, 10, 6, 13, 20, 123000, tzinfo=UTC)


@dataclass
class Reply:
    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)

    @property
    def error(self) -> str:
        assert set(self.body) == {"error"}, self.body
        assert self.headers["Content-Type"].startswith("application/json")
        return self.body["error"]


class Door:
    """Start with ``opened``. ``at`` is the server's clock. Every answer is held against ``/openapi.json``."""

    def __init__(self, site: Site, *, server: Mapping[str, Any], **options: Any) -> None:
        self.at = START
        self.parts = {"store": True}
        self.site = site
        data_dir = site.folder
        self._server_options = dict(server)
        self._options = ApiOptions(
            **{
                "arns": Arns(),
                "policy": Policy(),
                "authority": Authority.open(data_dir, at=START),
                "api_key": None,
                "clock": lambda: self.at,
                "ready": lambda: self.parts,
                "version": "0.0.0-test",
                "artifacts": ArtifactStore(
                    LocalContents(data_dir / "artifacts"),
                    drafts=data_dir / "artifacts",
                    max_bytes=MAX_CONTENT,
                ),
                **options,
            }
        )
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="door")
        self._ready = threading.Event()
        self.host = "127.0.0.1"
        self.port = 0
        self.store: Store
        self.server: ApiServer

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.call_soon(self._ready.set)
        self.loop.run_forever()

    def start(self) -> None:
        self._thread.start()
        self._ready.wait(10)
        self.run(self._open())

    async def _open(self) -> None:
        self.store = self.site.store()
        app = build(self.store, self._options)
        self.server = ApiServer(app, self.host, 0, **self._server_options)
        await self.server.start()
        self.port = self.server.port

    def stop(self) -> None:
        async def close() -> None:
            await self.server.close()
            await self.store.close()
            # As at the end of every program: connections that have just ended need one more turn.
            left = asyncio.all_tasks() - {asyncio.current_task()}
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

        self.run(close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()

    def run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(30)

    def later(self, **span: float) -> None:
        self.at += timedelta(**span)

    def __call__(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        sent = dict(headers or {})
        payload = raw
        if body is not None:
            payload = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        reply = self._exchange(method, path, payload, sent)
        self.described.check(method, path, reply.status, reply.headers, reply.raw)
        return reply

    @cached_property
    def described(self) -> Description:
        key = self._options.api_key
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        reply = self._exchange("GET", "/openapi.json", None, headers)
        assert reply.status == 200, reply
        return description(reply.raw)

    def _exchange(self, method: str, path: str, payload: bytes | None, headers: Mapping[str, str]) -> Reply:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        try:
            connection.request(method, path, payload, headers)
            answer = connection.getresponse()
            return Reply(answer.status, dict(answer.headers), answer.read())
        finally:
            connection.close()

    def send(self, raw: bytes) -> Reply:
        """Send bytes that no client library would; return the first answer. The rest is dropped."""
        with self.socket() as wire:
            wire.sendall(raw)
            answer = http.client.HTTPResponse(wire)
            answer.begin()
            return Reply(answer.status, dict(answer.headers), answer.read())

    def ok(self, method: str, path: str, body: object = None, **more: Any) -> Any:
        """Return the body of an answer that must be 200."""
        reply = self(method, path, body, **more)
        assert reply.status == 200, (reply.status, reply.raw)
        return reply.body

    def socket(self) -> socket.socket:
        return socket.create_connection((self.host, self.port), timeout=30)

    def device(self, thing: str, operation: Operation, job: str | None = None, **said: Any) -> Any:
        """Let a thing speak: the verb behind the MQTT door."""
        request = Request(thing_name=thing, operation=operation, job_id=job, **said)
        return self.run(self.store.write(device.answer, [request], policy=self._options.policy, at=self.at))[
            0
        ]

    def job(self, *targets: str, **more: Any) -> str:
        """Create a job and return its id."""
        asked = {"targets": list(targets), "targetSelection": "SNAPSHOT", "document": "{}", **more}
        return self.ok("POST", "/jobs", asked)["jobId"]


@contextmanager
def opened(
    data_dir: Path,
    *,
    server: Mapping[str, Any] | None = None,
    make_site: MakeSite = SqliteFile,
    **options: Any,
):
    site = make_site(data_dir)
    door = Door(site, server=server or {}, **options)
    door.start()
    try:
        yield door
    finally:
        door.stop()
        site.drop()
