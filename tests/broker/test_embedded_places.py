"""The embedded broker never runs out of file descriptors: beyond them it closes, as beyond its own limit."""

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from raw import CONNACK, Raw, connect
from stands import secret

CRAMPED = Path(__file__).with_name("cramped_broker.py")


@pytest.mark.parametrize(("soft", "hard", "silent_left"), [(120, 120, 59), (120, 600, 150)])
async def test_silent_sockets_never_keep_a_device_out(
    soft: int, hard: int, silent_left: int, capfd: pytest.CaptureFixture[str]
):
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(CRAMPED), str(soft), str(hard), stdin=PIPE, stdout=PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(20):
        port = await _port(process.stdout)
    async with AsyncExitStack() as open_sockets:
        # They all wait in the kernel when the broker looks: it must not take in more than it has files for.
        process.send_signal(signal.SIGSTOP)
        everybody = [await Raw.open(port) for _ in range(151)]
        for each in everybody:
            open_sockets.push_async_callback(each.close)
        *silent, alice = everybody
        alice.send(connect("alice", "alice", secret("alice")))
        process.send_signal(signal.SIGCONT)
        assert (await alice.expect(CONNACK)).body == b"\x00\x00"
        gone = [each for each in silent if each.reader.at_eof() or each.reader.exception() is not None]
        assert len(silent) - len(gone) == silent_left
    await process.communicate(b"")
    assert process.returncode == 0
    assert "Too many open files" not in capfd.readouterr().err


async def _port(said: asyncio.StreamReader) -> int:
    """Return the port; what is logged before it is passed over."""
    while line := await said.readline():
        if line.strip().isdigit():
            return int(line)
    raise AssertionError("it ended without a port")
