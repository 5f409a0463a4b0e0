"""A server in a thread of its own, and the ``jobs`` commands of somebody called anna against it."""

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from subprocess import PIPE

from migrated import lay_in
from typer.testing import CliRunner

from api.app import ApiOptions, build
from api.server import ApiServer
from cli.main import app
from domain.messages import Request
from domain.names import Arns
from domain.topics import Operation
from storage import device
from storage.policy import Policy
from storage.store import Store

THINGJOBS = str(Path(sys.executable).with_name("thingjobs"))
KEY = "correct-horse-battery-staple-0123456789"
NEW = {"jobId": "j", "targets": ["lamp", "door"], "targetSelection": "SNAPSHOT", "document": {"do": "it"}}


class Site:
    """Get one by ``opened``."""

    def __init__(self, folder):
        self.folder = folder
        self.key = folder / "key"
        self.key.touch(0o600)
        self.key.write_text(KEY)
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="site")
        self._thread.start()
        self.wait(self._open())

    async def _open(self):
        self.store = Store.open(lay_in(self.folder / "data"))
        self.options = ApiOptions(
            arns=Arns(),
            policy=Policy(),
            api_key=KEY,
            clock=lambda: datetime.now(UTC),
            ready=dict,
            version="0",
        )
        self.server = ApiServer(build(self.store, self.options), "127.0.0.1", 0)
        await self.server.start()

    def close(self):
        async def close():
            await self.server.close()
            await self.store.close()

        self.wait(close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()

    def wait(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)

    def restart(self):
        """End the server and start another one at the same address."""

        async def restart():
            await self.server.close()
            self.server = ApiServer(build(self.store, self.options), "127.0.0.1", self.server.port)
            await self.server.start()

        self.wait(restart())

    @contextmanager
    def watching(self, job, *arguments):
        """Watch a job in a process of its own, which has seen it when this begins."""
        command = [THINGJOBS, "jobs", "watch", job, "--interval", "0.05", *arguments]
        env = {**os.environ, **self.env, "PYTHONUNBUFFERED": "1"}
        watcher = subprocess.Popen(command, env=env, stdout=PIPE, stderr=PIPE, text=True)
        try:
            assert watcher.stdout.readline()
            yield watcher
        finally:
            watcher.kill()
            watcher.communicate()

    @property
    def env(self):
        where = {"THINGJOBS_URL": f"http://127.0.0.1:{self.server.port}", "THINGJOBS_ACTOR": "anna"}
        return {**where, "THINGJOBS_API_KEY_FILE": str(self.key)}

    def run(self, *arguments, stdin=None):
        return CliRunner().invoke(app, ["jobs", *arguments], env=self.env, input=stdin)

    def says(self, *arguments, **more):
        answer = self.run(*arguments, **more)
        assert (answer.exit_code, answer.stderr) == (0, ""), answer.output
        return answer.stdout

    def create(self, **more):
        assert self.says("create", "-", stdin=json.dumps({**NEW, **more})).startswith("created ")

    def report(self, thing, status, **said):
        request = Request(thing_name=thing, operation=Operation.UPDATE, job_id="j", status=status, **said)
        self.wait(self.store.write(device.answer, [request], at=datetime.now(UTC)))


@contextmanager
def opened(folder) -> Iterator[Site]:
    site = Site(folder)
    try:
        yield site
    finally:
        site.close()
