"""Runs one program: no shell, bounded output, and nothing of it left alive when it is over."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from agent.errors import JobFailed

TAIL: Final = 8 * 1024
#: Between asking a program to end and ending it.
GRACE: Final = 5.0
#: A background child may hold the pipes open after the program itself has ended.
DRAIN: Final = 1.0
#: Our own settings (the device's token among them) are no business of what we run.
PRIVATE: Final = "THINGJOBS_"


@dataclass(frozen=True, slots=True)
class User:
    """Whom to run as."""

    uid: int
    gid: int
    groups: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Ended:
    """How it went; the texts are the last ``TAIL`` bytes."""

    code: int
    stdout: str
    stderr: str
    stderr_lines: int


class _Tail(asyncio.Protocol):
    """Keeps the end of a stream and counts its lines; ``ended`` when the last writer has closed it."""

    def __init__(self) -> None:
        self.kept = bytearray()
        self.lines = 0
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        self.lines += data.count(b"\n")
        self.kept += data
        del self.kept[:-TAIL]

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if not self.ended.done():
            self.ended.set_result(None)

    def text(self) -> str:
        return self.kept.decode(errors="replace").rstrip("\n")

    @property
    def line_count(self) -> int:
        # A last line need not end in a newline.
        return self.lines + (bool(self.kept) and not self.kept.endswith(b"\n"))


@asynccontextmanager
async def _pipe() -> AsyncIterator[tuple[_Tail, IO[bytes]]]:
    """Give a stream's end that we read and the one a program writes to.

    asyncio's own pipes would make waiting for a program wait for its children in the background too.
    """
    ours, theirs = os.pipe()
    with os.fdopen(theirs, "wb", buffering=0) as end:
        transport, tail = await asyncio.get_running_loop().connect_read_pipe(_Tail, os.fdopen(ours, "rb"))
        try:
            yield tail, end
        finally:
            transport.close()
            await tail.ended


async def run(
    argv: Sequence[str], *, limit: float, directory: Path | None = None, user: User | None = None
) -> Ended:
    """Run to the end. Raises ``JobFailed`` if it cannot start or outlives ``limit`` seconds."""
    async with _pipe() as (out, out_end), _pipe() as (err, err_end):
        with out_end, err_end:
            process = await _start(argv, directory, user, out=out_end, err=err_end)
        try:
            async with asyncio.timeout(limit):
                await process.wait()
            await asyncio.wait([out.ended, err.ended], timeout=DRAIN)
        except TimeoutError:
            raise JobFailed(
                f"{argv[0]} took longer than {limit:g} s",
                stdout=out.text()[-1024:],
                stderr=err.text()[-1024:],
            ) from None
        finally:
            await _finish(process)
        assert process.returncode is not None
        return Ended(process.returncode, out.text(), err.text(), err.line_count)


async def _start(
    argv: Sequence[str], directory: Path | None, user: User | None, *, out: IO[bytes], err: IO[bytes]
) -> asyncio.subprocess.Process:
    switch: dict[str, Any] = {}
    if user is not None:
        switch = {"user": user.uid, "group": user.gid, "extra_groups": list(user.groups)}
    try:
        return await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            cwd=directory,
            env={name: value for name, value in os.environ.items() if not name.startswith(PRIVATE)},
            start_new_session=True,
            **switch,
        )
    except (OSError, ValueError) as error:
        raise JobFailed(f"cannot run {argv[0]}: {getattr(error, 'strerror', None) or error}") from None


async def _finish(process: asyncio.subprocess.Process) -> None:
    """End what is still alive of the program's process group."""
    try:
        if process.returncode is None:
            _signal(process.pid, signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GRACE):
                    await process.wait()
    finally:
        # Also when whoever waits here is cancelled once more.
        _signal(process.pid, signal.SIGKILL)
    await process.wait()


def _signal(group: int, which: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, which)
