"""Processes of a measurement: every server and every load is one, is spoken to by lines, and is ended."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any, Self

import psutil

from bench import ROOT

PYTHON = sys.executable
#: What an idle process may use of a core; and in what steps its time is counted, in seconds.
IDLE, TICK = 0.05, 1 / os.sysconf("SC_CLK_TCK")


class Failed(Exception):
    """A measurement that is not worth its name: something in it went wrong."""


class Child:
    """One process that we have started."""

    def __init__(self, name: str, process: asyncio.subprocess.Process):
        self.name = name
        self.pid = process.pid
        self._process = process

    @classmethod
    async def start(
        cls,
        stack: AsyncExitStack,
        name: str,
        *command: str,
        env: Mapping[str, str] | None = None,
        log: Path | None = None,
    ) -> Self:
        """Start it; the stack ends it. With ``log`` all it says goes there."""
        # Anew each time: it is read for the ports of this process and not of an earlier one.
        with (log or Path(os.devnull)).open("wb") as file:
            process = await asyncio.create_subprocess_exec(
                *command,
                cwd=ROOT,
                stdin=PIPE,
                stdout=file if log else PIPE,
                stderr=file if log else None,
                env={**os.environ, **(env or {})},
                limit=1 << 24,
            )
        child = cls(name, process)
        stack.push_async_callback(child.stop)
        return child

    @classmethod
    async def module(cls, stack: AsyncExitStack, name: str, module: str, *arguments: str) -> Self:
        """Start a module of this package."""
        return await cls.start(stack, name, PYTHON, "-m", module, *arguments)

    async def line(self, patience: float = 60.0) -> dict[str, Any]:
        """Return the next line it says. Raises ``Failed`` for an error, an end, or silence."""
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(patience):
                raw = await self._process.stdout.readline()
        except TimeoutError:
            raise Failed(f"{self.name} said nothing for {patience:.0f} seconds") from None
        if not raw:
            raise Failed(f"{self.name} has ended")
        said: dict[str, Any] = json.loads(raw)
        if "error" in said:
            raise Failed(f"{self.name}: {said['error']}")
        return said

    async def ask(self, do: str, *, within: float = 60.0, **what: Any) -> dict[str, Any]:
        """Tell it to do something and return what it answers."""
        await self.tell(do=do, **what)
        return await self.line(within)

    async def tell(self, **what: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what).encode() + b"\n")
        await self._process.stdin.drain()

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    async def stop(self, patience: float = 20.0) -> None:
        """End it politely, then by force."""
        if not self.alive:
            return
        with suppress(ProcessLookupError):
            self._process.terminate()
        try:
            async with asyncio.timeout(patience):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


def cpu_seconds(pid: int) -> float:
    """Return what a process has used, with those it has begun: a PostgreSQL server is many."""
    process = psutil.Process(pid)
    own = process.cpu_times()
    total = own.user + own.system + own.children_user + own.children_system
    for child in process.children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            times = child.cpu_times()
            total += times.user + times.system
    return total


def rss_kib(pid: int) -> float:
    return psutil.Process(pid).memory_info().rss / 1024


def busy_seconds() -> float:
    """Return how many seconds of all cores together were not idle."""
    times = psutil.cpu_times()
    return sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0)


async def quiet(pid: int, idle: float, patience: float = 300.0) -> None:
    """Wait until a process has been idle for so long: what it does after its start is not to be measured."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience
    before = cpu_seconds(pid)
    while loop.time() < deadline:
        await asyncio.sleep(idle)
        after = cpu_seconds(pid)
        if after - before < IDLE * idle + 2 * TICK:
            return
        before = after
    raise Failed(f"process {pid} was not idle within {patience:.0f} seconds")
