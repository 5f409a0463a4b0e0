"""One data directory, one process: a second one is told who is there, and a dead one leaves no trace."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from domain.errors import Unavailable
from storage.store import Store, StoreInUse

HOLD = (
    "import sys, asyncio, pathlib\n"
    "from storage.store import Store\n"
    "async def main():\n"
    "    store = Store.open(pathlib.Path(sys.argv[1]))\n"
    "    print('open', flush=True)\n"
    "    await asyncio.to_thread(sys.stdin.read)\n"
    "    await store.close()\n"
    "asyncio.run(main())\n"
)


def start(data_dir: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, str(data_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


async def test_a_second_process_is_refused_by_name_and_number(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    second = start(tmp_path)
    _, errors = second.communicate(timeout=60)
    assert second.returncode != 0
    assert f"the data directory {tmp_path} is in use by process {os.getpid()}" in errors
    assert "choose another directory (--data-dir)" in errors
    await store.close()
    third = start(tmp_path)
    said, errors = third.communicate(timeout=60)
    assert (third.returncode, said, errors) == (0, "open\n", "")


async def test_a_killed_process_leaves_the_directory_free(tmp_path: Path) -> None:
    first = start(tmp_path)
    assert first.stdout is not None
    assert first.stdout.readline() == "open\n"
    with pytest.raises(StoreInUse, match=f"in use by process {first.pid}"):
        Store.open(tmp_path)
    first.send_signal(signal.SIGKILL)
    first.communicate(timeout=60)
    store = Store.open(tmp_path)
    assert store.ready
    await store.close()


def test_a_path_that_is_no_directory_is_refused_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="file cannot be used"):
        Store.open(tmp_path / "file")


async def test_what_is_no_database_is_refused_and_the_lock_given_back(tmp_path: Path) -> None:
    database = tmp_path / "thingjobs.sqlite3"
    database.write_bytes(b"no database at all " * 1000)
    with pytest.raises(Unavailable, match="cannot be used"):
        Store.open(tmp_path)
    database.unlink()
    await Store.open(tmp_path).close()
