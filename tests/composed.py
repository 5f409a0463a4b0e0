"""The services of a Compose file as plain processes: the same commands and settings, in other places."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import yaml

ROOT = Path(__file__).resolve().parent.parent
THINGJOBS = str(Path(sys.executable).with_name("thingjobs"))
#: A process of ours takes seconds of a core to start, and six of them start on what others leave of it.
PATIENCE = 150.0
#: Between two looks at a process that says by itself nothing of what is waited for.
LOOK = 0.05


class Composed:
    """``names`` stand for what Compose would resolve: a host, a host with a port, a URL."""

    def __init__(self, file: Path, folder: Path, names: Mapping[str, str]) -> None:
        self.services: dict[str, Any] = yaml.safe_load(file.read_text())["services"]
        self.folder = folder
        self._names = names
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        mounts = {mount for each in self.services.values() for mount in each.get("volumes", [])}
        self._places = {}
        for source, inside, *_ in (mount.split(":") for mount in mounts):
            place = ROOT / source if source.startswith(".") else folder / source
            place.mkdir(exist_ok=True, mode=0o700)
            self._places[inside] = str(place)

    def here(self, text: str) -> str:
        """Return a word of the file as it is to be said on this machine."""
        for name in sorted(self._names, key=len, reverse=True):
            text = re.sub(rf"(?<![\w./-]){re.escape(name)}(?![\w.-])", self._names[name], text)
        inside = "|".join(map(re.escape, sorted(self._places, key=len, reverse=True)))
        return re.sub(rf"(?<![\w.])({inside})(?=/|$)", lambda found: self._places[found[1]], text)

    def environment(self, service: str, **more: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("THINGJOBS_")}
        # Debian's Mosquitto is where only an administrator's PATH leads.
        kept["PATH"] = f"{kept.get('PATH', '')}:/usr/sbin"
        told = self.services[service].get("environment", {})
        return kept | {name: self.here(value) for name, value in told.items()} | more

    def command(self, service: str, *more: str) -> list[str]:
        told = self.services[service]
        first = told.get("entrypoint", [THINGJOBS])
        return [*first, *(self.here(word).replace("$$", "$") for word in told["command"]), *more]

    def run(self, service: str) -> None:
        """Run one that does something and ends."""
        done = subprocess.run(
            self.command(service),
            env=self.environment(service),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, (service, done.stdout, done.stderr)

    def start(self, service: str, *more: str, **environment: str) -> None:
        """Start one that stays."""
        with (self.folder / f"{service}.log").open("ab") as log:
            self._running[service] = subprocess.Popen(
                self.command(service, *more),
                env=self.environment(service, **environment),
                cwd=self.folder,
                stdout=log,
                stderr=log,
            )

    def log(self, service: str) -> str:
        return (self.folder / f"{service}.log").read_text()

    def until_ready(self, service: str, url: str) -> dict[str, Any]:
        """Return what a service says of itself once it says that it is ready."""
        found: dict[str, Any] = {}
        deadline = time.monotonic() + PATIENCE
        while not found.get("ready"):
            assert self._running[service].poll() is None, self.log(service)
            assert time.monotonic() < deadline, (found, self.log(service))
            time.sleep(LOOK)
            found = readiness(url)
        return found

    def kill(self, service: str) -> None:
        """End it as the kernel would."""
        process = self._running.pop(service)
        process.kill()
        process.wait()

    def signal(self, service: str, which: signal.Signals) -> None:
        self._running[service].send_signal(which)

    def stop(self, service: str) -> int:
        """Have it stop, and return its exit code."""
        process = self._running.pop(service)
        process.send_signal(signal.SIGTERM)
        return process.wait(PATIENCE)

    def close(self) -> None:
        for service in list(self._running):
            self.kill(service)


def readiness(url: str) -> dict[str, Any]:
    """Return what ``/readyz`` says, nothing if nobody answers."""
    try:
        with urlopen(f"{url}/readyz", timeout=5) as answer:
            return dict(json.load(answer))
    except HTTPError as error:
        with error:
            return dict(json.load(error))
    except (URLError, OSError):
        return {}
