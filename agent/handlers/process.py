"""Runs one program: no shell, bounded output, and nothing of it left alive when it is over."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

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


class _Tail:
    """Keeps the end of a stream and counts its lines."""

    def __init__(self) -> None:
        self.kept = bytearray()
        self.lines = 0

    async def read(self, stream: asyncio.StreamReader) -> None:
        while chunk := await stream.read(65536):
            self.lines += chunk.count(b"\n")
            self.kept += chunk
            del self.kept[:-TAIL]

    def text(self) -> str:
        return self.kept.decode(errors="replace").rstrip("\n")


async def run(
    argv: Sequence[str], *, limit: float, directory: Path | None = None, user: User | None = None
) -> Ended:
    """Run to the end. Raises ``JobFailed`` if it cannot start or outlives ``limit`` seconds."""
    process = await _start(argv, directory, user)
    assert process.stdout is not None
    assert process.stderr is not None
    out, err = _Tail(), _Tail()
    readers = [asyncio.create_task(out.read(process.stdout)), asyncio.create_task(err.read(process.stderr))]
    try:
        async with asyncio.timeout(limit):
            await process.wait()
        await asyncio.wait(readers, timeout=DRAIN)
    except TimeoutError:
        raise JobFailed(
            f"{argv[0]} took longer than {limit:g} s", stdout=out.text()[-1024:], stderr=err.text()[-1024:]
        ) from None
    finally:
        await _finish(process, readers)
    assert process.returncode is not None
    # A last line need not end in a newline.
    lines = err.lines + (bool(err.kept) and not err.kept.endswith(b"\n"))
    return Ended(process.returncode, out.text(), err.text(), lines)


async def _start(
    argv: Sequence[str], directory: Path | None, user: User | None
) -> asyncio.subprocess.Process:
    switch: dict[str, Any] = {}
    if user is not None:
        switch = {"user": user.uid, "group": user.gid, "extra_groups": list(user.groups)}
    try:
        return await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=directory,
            env={name: value for name, value in os.environ.items() if not name.startswith(PRIVATE)},
            start_new_session=True,
            **switch,
        )
    except (OSError, ValueError) as error:
        raise JobFailed(f"cannot run {argv[0]}: {getattr(error, 'strerror', None) or error}") from None


async def _finish(process: asyncio.subprocess.Process, readers: list[asyncio.Task[None]]) -> None:
    """End what is still alive of the program's process group, and release the pipes."""
    if process.returncode is None:
        _signal(process.pid, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GRACE):
                await process.wait()
    _signal(process.pid, signal.SIGKILL)
    await process.wait()
    for reader in readers:
        reader.cancel()
    await asyncio.gather(*readers, return_exceptions=True)
    # Children that left the group may still hold the pipes; the transport must not wait for them.
    process._transport.close()  # type: ignore[attr-defined]  # noqa: SLF001


def _signal(group: int, which: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, which)
