"""Server processes that may be killed at any moment: start, find out where they listen, end, start again."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

NURSERY = Path(__file__).with_name("nursery.py")
PATIENCE = 30.0
_ADDRESS = re.compile(r"^(REST API|MQTT) +(?:http://)?127\.0\.0\.1:(\d+)", re.MULTILINE)


class Place(NamedTuple):
    """Where a server listens."""

    http: int
    mqtt: int


class Nursery:
    """The process that forks servers; see ``nursery.py``."""

    def __init__(self, *, code: Path | None = None, **environment: str) -> None:
        """With ``code`` they run the program that lies in that folder rather than this one."""
        if code is not None:
            environment["PYTHONPATH"] = str(code)
        self._door, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._door.settimeout(PATIENCE)
        self._process = subprocess.Popen(
            [sys.executable, str(NURSERY), str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env={**os.environ, **environment},
        )
        theirs.close()
        if not self._door.recv(100):
            self.close()
            raise RuntimeError("the server cannot even be imported; its words stand above")

    def run(self, words: list[str], output: int, *, held: bool) -> int:
        """Fork ``thingjobs`` with these words, its output to a descriptor; return its process id."""
        asked = {"run": words, "held": held}
        socket.send_fds(self._door, [json.dumps(asked).encode()], [output])
        return self._answer("pid")

    def wait(self, pid: int) -> int:
        """Return the exit code of one that has ended or is about to; negative for a signal."""
        self._door.send(json.dumps({"wait": pid}).encode())
        return self._answer("code")

    def close(self) -> None:
        self._door.close()
        self._process.wait(PATIENCE)

    def _answer(self, name: str) -> int:
        found: dict[str, Any] = json.loads(self._door.recv(100))
        return int(found[name])


class Process:
    """A command of ours and, mostly, a process of it. ``sign`` begins what it says once it serves."""

    def __init__(self, nursery: Nursery, words: list[str], sign: str) -> None:
        self.pid = 0
        self.log: list[str] = []
        self._nursery = nursery
        self._words = words
        self._sign = sign.encode()
        self._output: asyncio.Task[None] | None = None
        self._listens = asyncio.Event()

    def launch(self, *, held: bool = False) -> None:
        """Begin to start, and return at once. One that is held does nothing before it gets SIGCONT."""
        self.log.clear()
        self._listens.clear()
        mine, theirs = os.pipe()
        self.pid = self._nursery.run(self._words, theirs, held=held)
        os.close(theirs)
        self._output = asyncio.create_task(self._read(mine), name=f"output of {self.pid}")

    async def listens(self) -> bool:
        """Return whether it came as far as listening, when it has or has ended."""
        assert self._output is not None
        waiter = asyncio.create_task(self._listens.wait())
        async with asyncio.timeout(PATIENCE):
            await asyncio.wait({waiter, self._output}, return_when=asyncio.FIRST_COMPLETED)
        waiter.cancel()
        return self._listens.is_set()

    @property
    def running(self) -> bool:
        return self._output is not None and not self._output.done()

    async def ended(self) -> int:
        """Return the exit code once the process is gone; negative for a signal. Ask once for each start."""
        assert self._output is not None
        async with asyncio.timeout(PATIENCE):
            await self._output
        self._output = None
        return self._nursery.wait(self.pid)

    def signal(self, which: signal.Signals) -> None:
        if self.running:
            with suppress(ProcessLookupError):
                os.kill(self.pid, which)

    async def kill(self) -> None:
        """End it as a crash does. Fine if it has ended already."""
        if self._output is not None:
            self.signal(signal.SIGKILL)
            await self.ended()

    async def _read(self, pipe: int) -> None:
        """Collect what it says until the pipe ends, which is when the process does."""
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        with os.fdopen(pipe, "rb", buffering=0) as file:
            transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), file)
            while line := await reader.readline():
                self.log.append(line.decode(errors="replace"))
                if line.startswith(self._sign):
                    self._serves()
            transport.close()

    def _serves(self) -> None:
        self._listens.set()


class ServerProcess(Process):
    """One data directory and a ``thingjobs serve`` on it. The ports change with every start."""

    def __init__(self, nursery: Nursery, data: Path, *more: str) -> None:
        flags = [f"--data-dir={data}", "--http-port=0", "--mqtt-port=0", "--insecure-devices"]
        super().__init__(nursery, ["serve", *flags, *more], "MQTT")
        self.data = data
        self.place = Place(0, 0)

    async def start(self) -> Place:
        """Return once it listens. Raises ``AssertionError`` with what it said if it ends before."""
        self.launch()
        assert await self.listens(), "".join(self.log)
        return self.place

    def _serves(self) -> None:
        ports = dict(_ADDRESS.findall("".join(self.log)))
        self.place = Place(int(ports["REST API"]), int(ports["MQTT"]))
        super()._serves()
