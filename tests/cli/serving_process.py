"""A server in a process of its own, started by the console script as a person would."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

THINGJOBS = str(Path(sys.executable).with_name("thingjobs"))


def command(folder: Path, *arguments: str) -> list[str]:
    free = ["--http-port", "0", "--mqtt-port", "0"]
    return [THINGJOBS, "serve", "--data-dir", str(folder / "data"), *free, *arguments]


@contextmanager
def server(folder: Path, *arguments: str) -> Iterator[tuple["subprocess.Popen[str]", str, str]]:
    """Run a server around the block: the process, the URL of its API, the address of its broker."""
    process = subprocess.Popen(command(folder, *arguments), stderr=subprocess.PIPE, text=True)
    try:
        said = ""
        while not (found := re.search(r"REST API +(\S+).*\nMQTT +(\S+)\n", said)):
            line = process.stderr.readline()
            assert line, said
            said += line
        yield process, found[1], found[2]
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stderr.close()


def until_ready(url: str) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            with urlopen(f"{url}/readyz") as answer:
                assert json.load(answer)["ready"]
                return
        except HTTPError as error:
            error.close()
            if error.code != 503:
                raise
    pytest.fail("not ready in time")
