"""strace at a running server: kill it, or fail it, at the k-th call of a kind."""

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

BINARY = shutil.which("strace")
HINT = "apt-get install strace"
PATIENCE = 20.0


@asynccontextmanager
async def injected(pid: int, call: str, what: str, *, when: str) -> AsyncIterator[None]:
    """While the block runs, let ``what`` (``signal=SIGKILL``, ``error=EIO``) happen at a system call.

    ``when`` is strace's: ``3`` the third, ``1+`` every one; each thread counts for itself. Entered once every
    thread is traced.
    """
    # The traced set must name the call, or nothing is injected and nobody says so.
    inject = [f"--inject={call}:{what}:when={when}"]
    async with traced(pid, call, *inject):
        yield


@asynccontextmanager
async def traced(pid: int, calls: str, *more: str, log: Path | None = None) -> AsyncIterator[None]:
    """While the block runs, write down these system calls of a process and all its threads."""
    assert BINARY is not None
    output = str(log) if log is not None else os.devnull
    tracer = await asyncio.create_subprocess_exec(
        BINARY, "-f", "-q", "-o", output, f"--trace={calls}", *more, "-p", str(pid),
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(PATIENCE):
            # It ends well before all are traced if the first one that is makes the fatal call at once.
            while tracer.returncode != 0 and not is_traced(pid):
                assert tracer.returncode is None, f"strace cannot attach: exit code {tracer.returncode}"
                await asyncio.sleep(0.005)
        yield
    finally:
        await _let_go(tracer, pid)


async def _let_go(tracer: asyncio.subprocess.Process, pid: int) -> None:
    """End the tracer. Told to while its process is dying it would wait for ever: then it is killed."""
    if _exists(pid):
        with suppress(ProcessLookupError):
            tracer.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(2):
            await tracer.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            tracer.kill()
        await tracer.wait()


def _exists(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def is_traced(pid: int) -> bool:
    """Tell whether every thread of a process is traced; True too when it is gone."""
    try:
        return all(
            "TracerPid:\t0\n" not in status.read_text()
            for status in Path(f"/proc/{pid}/task").glob("*/status")
        )
    except (FileNotFoundError, ProcessLookupError):
        return True
