"""What the tests need from the operating system: installed where we may, asked for by name where not."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from words import say


class Need(NamedTuple):
    """A program the tests start."""

    binary: str
    package: str
    why: str


NEEDS = (
    Need("mosquitto", "mosquitto", "the external broker of the contract suite and the benchmark"),
    Need("strace", "strace", "proof that a commit reaches the disk before its answer leaves"),
    Need("faketime", "faketime", "clocks that are set while a server runs"),
    Need("node", "nodejs", "AWS's device SDKs for Node against both brokers"),
    Need("npm", "npm", "the packages of those SDKs"),
    Need("postgres", "postgresql", "the store on a real server; each test session starts one of its own"),
    Need("pgbouncer", "pgbouncer", "the store behind a pool that hands each transaction another connection"),
)

#: Where daemons live; not on every user's PATH.
SYSTEM = os.pathsep.join(("/usr/sbin", "/usr/local/sbin", "/sbin"))
#: Where Debian keeps each major version of PostgreSQL: on nobody's PATH.
VERSIONED = "/usr/lib/postgresql"


def missing() -> list[Need]:
    """Return the needs that are not met."""
    versions = sorted(map(str, Path(VERSIONED).glob("*/bin")), reverse=True)
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), SYSTEM, *versions))
    return [need for need in NEEDS if shutil.which(need.binary, path=path) is None]


def ready() -> None:
    """Install what is missing, or say what to type; tests then skip by name (``CI=true``: fail)."""
    wanted = missing()
    if not wanted or install([need.package for need in wanted]):
        return
    for need in wanted:
        say(f"{need.binary} is missing: {need.why}")
    say(f"its tests cannot run; to install: sudo apt-get install {' '.join(need.package for need in wanted)}")


def install(packages: list[str]) -> bool:
    """Install Debian packages; False if this user or this system cannot."""
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        return False
    say(f"apt-get install {' '.join(packages)}")
    # A package's daemon must not start and take the port that the demo wants.
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "SYSTEMD_OFFLINE": "1", "RUNLEVEL": "1"}
    for step in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
        command = [apt, "-qq", *step]
        if subprocess.run(command, env=quiet, stdout=subprocess.DEVNULL, check=False).returncode != 0:
            return False
    return True
