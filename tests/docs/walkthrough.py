"""Runs what a document prints: its console blocks, in order, against ports and a folder of the test's own."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ports import free_port
from wire import Message, Wire, messages, thing_of

ROOT = Path(__file__).resolve().parents[2]

#: How long a command's output may take to become what the document shows.
PATIENCE = 30.0
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SAVED = re.compile(r"^Save as `([\w.-]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Step:
    """One command and the lines it prints, as the document has them."""

    command: str
    output: tuple[str, ...]

    @property
    def in_background(self) -> bool:
        return self.command.endswith(" &")


def blocks(text: str, language: str) -> list[str]:
    return [body for found, body in _BLOCK.findall(text) if found == language]


def steps(text: str) -> Iterator[Step | Message]:
    """Yield what there is to do, in order: a console's commands with their output, an exchange's messages."""
    for language, body in _BLOCK.findall(text):
        if language == "mqtt":
            yield from messages(body)
        elif language == "console":
            for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
                command, *output = part.rstrip("\n").split("\n")
                yield Step(command, tuple(output))


def files(text: str) -> dict[str, str]:
    """Return the files that the document tells the reader to save."""
    return dict(_SAVED.findall(text))


def pattern(lines: tuple[str, ...]) -> re.Pattern[str]:
    """Match what a document shows: ``…`` is anything, a line ``...`` any lines, numbers are any numbers."""
    parts = []
    for line in lines:
        if line == "...":
            parts.append(r"(?:.*\n)*?")
            continue
        exact = re.escape(line).replace("…", ".*")
        parts.append(re.sub(r"\\?\s+", r"\\s+", re.sub(r"\d+", r"\\d+", exact)) + r"\n")
    return re.compile(r"\s*" + "".join(parts))


class Walk:
    """A reader's terminal in a folder of its own; everything started in it ends with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.http, self.mqtt, self.mqtts = free_port(), free_port(), free_port()
        self._background: list[subprocess.Popen[bytes]] = []
        self._wires: dict[str, Wire] = {}
        (folder / ".venv").symlink_to(sys.prefix)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for wire in self._wires.values():
            wire.close()
        for process in reversed(self._background):
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def save(self, name: str, content: str) -> None:
        there = re.sub(r"\bmqtt_agent\((\"[^\"]+\"), ", rf"mqtt_agent(\1, port={self.mqtt}, ", content)
        (self.folder / name).write_text(there)

    def take(self, step: Step | Message) -> None:
        """Do a step; a reading one is repeated until it shows what the document shows."""
        if isinstance(step, Message):
            self._wire(thing_of(step)).take(step)
        else:
            self._run(step)

    def _wire(self, thing: str) -> Wire:
        """Return the thing's connection; it exists from the first exchange on."""
        if thing not in self._wires:
            token = (self.folder / f"{thing}.token").read_text().strip()
            self._wires[thing] = Wire(self.mqtt, thing, token)
        return self._wires[thing]

    def _run(self, step: Step) -> None:
        command = self._here(step.command)
        if step.in_background:
            self._background.append(self._start(command.removesuffix(" &")))
            self._await_server(command)
            return
        deadline = time.monotonic() + PATIENCE
        while True:
            done = subprocess.run(
                ["bash", "-c", command],
                cwd=self.folder,
                env=self._environment(),
                capture_output=True,
                text=True,
                timeout=PATIENCE * 4,
                check=False,
            )
            shown = done.stdout if not done.stdout or done.stdout.endswith("\n") else f"{done.stdout}\n"
            if pattern(step.output).fullmatch(shown) and done.returncode == 0:
                return
            assert _only_reads(step.command), self._difference(step, done)
            assert time.monotonic() < deadline, self._difference(step, done)
            time.sleep(0.1)

    def _here(self, command: str) -> str:
        command = command.replace("127.0.0.1:8080", f"127.0.0.1:{self.http}")
        command = re.sub(r"\bthingjobs (agent|fleet)\b", rf"thingjobs \1 --port {self.mqtt}", command)
        command = command.replace("-p 1883", f"-p {self.mqtt}").replace(" 8883 ", f" {self.mqtts} ")
        return re.sub(r"^make ", f"make -s -C {ROOT} ", command)

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "THINGJOBS_DATA_DIR": str(self.folder / "data"),
            "THINGJOBS_HTTP_PORT": str(self.http),
            "THINGJOBS_MQTT_PORT": str(self.mqtt),
            "THINGJOBS_MQTTS_PORT": str(self.mqtts),
            "THINGJOBS_URL": f"http://127.0.0.1:{self.http}",
        }

    def _start(self, command: str) -> "subprocess.Popen[bytes]":
        with (self.folder / "background.log").open("ab") as log:
            return subprocess.Popen(
                ["bash", "-c", command],
                cwd=self.folder,
                env=self._environment(),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _await_server(self, command: str) -> None:
        """Do what a reader does after starting a server: wait until it says where it is."""
        if " serve" not in command:
            return
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.http)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError(f"the server did not start: {(self.folder / 'background.log').read_text()}")

    def _difference(self, step: Step, done: "subprocess.CompletedProcess[str]") -> str:
        wanted = "\n".join(step.output)
        printed = f"--- printed\n{done.stdout}{done.stderr}"
        return f"$ {step.command}\nexit code {done.returncode}\n--- shown\n{wanted}\n{printed}"


def _only_reads(command: str) -> bool:
    return command.startswith("curl ") and " -d " not in command and " -X " not in command
