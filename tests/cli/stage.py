"""A server and devices, each in a process of its own as a person starts them; any of them may be killed."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Self
from urllib.error import URLError
from urllib.request import urlopen

from ports import free_port

from cli.rest import Rest

THINGJOBS = str(Path(sys.executable).with_name("thingjobs"))
PATIENCE = 30.0


class Program:
    """One process; what it prints is in ``output``, stdout and stderr apart."""

    def __init__(self, folder: Path, name: str, *arguments: str) -> None:
        self.out, self.err = folder / f"{name}.out", folder / f"{name}.err"
        with self.out.open("wb") as out, self.err.open("wb") as err:
            self.process = subprocess.Popen(
                [THINGJOBS, *arguments],
                cwd=folder,
                # Several stages may stand side by side; nobody here shows a certificate.
                env={**os.environ, "THINGJOBS_MQTTS_PORT": "0"},
                stdout=out,
                stderr=err,
                stdin=subprocess.DEVNULL,
            )

    @property
    def said(self) -> str:
        return self.out.read_text()

    @property
    def complained(self) -> str:
        return self.err.read_text()

    def says(self, text: str) -> None:
        """Wait until it has printed ``text``."""
        until(lambda: text in self.said, lambda: f"{text!r} in {self.said!r}, {self.complained!r}")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Ask it to end; return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


class Stage:
    """Use as a context manager: whatever still runs at the end is killed."""

    def __init__(self, folder: Path, *flags: str, broker_port: int | None = None) -> None:
        """``flags`` are the server's; it is told of a broker that is not its own by them."""
        self.folder = folder
        self.http, self.mqtt = free_port(), broker_port or free_port()
        self._flags = flags
        self.rest = Rest(f"http://127.0.0.1:{self.http}")
        self._programs: list[Program] = []

    def __enter__(self) -> Self:
        self.serve()
        return self

    def __exit__(self, *_: object) -> None:
        self.clear(all_of_them=True)

    def clear(self, *, all_of_them: bool = False) -> None:
        """Kill the devices, or everything."""
        doomed = [each for each in self._programs if all_of_them or each is not self.server]
        for program in doomed:
            program.kill()

    def _start(self, name: str, *arguments: str) -> Program:
        program = Program(self.folder, f"{len(self._programs)}-{name}", *arguments)
        self._programs.append(program)
        return program

    def serve(self) -> None:
        """Start the server and wait until it is ready; the ports and the data stay the same over restarts."""
        ports = ["--http-port", str(self.http), "--mqtt-port", str(self.mqtt)]
        data = ["--data-dir", str(self.folder / "data")]
        self.server = self._start("serve", "serve", *data, *ports, *self._flags)
        until(self._ready, lambda: f"the server is not ready: {self.server.complained}")

    def _ready(self) -> bool:
        assert self.server.process.poll() is None, self.server.complained
        with contextlib.suppress(URLError, ConnectionError), urlopen(f"{self.rest._url}/readyz") as answer:
            return bool(json.load(answer)["ready"])
        return False

    def agent(self, thing: str, *arguments: str) -> Program:
        """Start an agent of the thing; its token and its journal stay the same over restarts."""
        token = self.folder / f"{thing}.token"
        if not token.exists():
            token.touch(0o600)
            token.write_text(self.rest.token(thing))
        where = ["--port", str(self.mqtt), "--token-file", str(token)]
        return self._start("agent", "agent", "--thing", thing, *where, *arguments)

    def fleet(self, *arguments: str) -> Program:
        return self._start("fleet", "fleet", "--port", str(self.mqtt), *arguments)

    def create(self, job_id: str, document: object, *things: str) -> None:
        body = {"jobId": job_id, "targets": things, "targetSelection": "SNAPSHOT", "document": document}
        self.rest.call("POST", "/jobs", body)

    def execution(self, job_id: str, thing: str) -> dict[str, object]:
        return self.rest.call("GET", f"/jobs/{job_id}/things/{thing}")["execution"]

    def status(self, job_id: str, thing: str) -> str:
        return str(self.execution(job_id, thing)["status"])

    def reaches(self, status: str, job_id: str, thing: str) -> dict[str, object]:
        """Wait until the execution has this status; return it."""
        until(lambda: self.status(job_id, thing) == status, lambda: f"{self.execution(job_id, thing)}")
        return self.execution(job_id, thing)


def until(condition, story=lambda: "in time", seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, story()
        time.sleep(0.02)
