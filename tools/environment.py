"""The virtual environment ``.venv``: made from the lock when missing, made good when the lock changed."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import debian
from words import SetupFailed, say

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / "bin"
PYTHON = BIN / "python"
STAMP = VENV / "made-from"
LOCK = "requirements.lock"
INPUTS = (LOCK, "pyproject.toml")

NEWEST_FIRST = ("python3.14", "python3.13", "python3.12", "python3.11", "python3", "python")
#: Prints "yes" on an interpreter that we support; "bare" if it cannot make environments with pip.
PROBE = """
import importlib.util, sys
if (3, 11) <= sys.version_info[:2] <= (3, 14):
    print("yes" if all(map(importlib.util.find_spec, ("venv", "ensurepip"))) else "bare")
"""
VERSION = "import sys; print(sys.version_info[:2])"


def ready() -> None:
    """Bring ``.venv`` to what the lock says; instant when it is so already."""
    with _alone():
        wanted = _fingerprint()
        if _works() and STAMP.exists() and STAMP.read_text() == wanted:
            return
        if not _works():
            _create()
        _install()
        STAMP.write_text(wanted)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Let one set-up run at a time: ``make check`` and ``make test`` may be started together."""
    folder = os.open(str(ROOT), os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _fingerprint() -> str:
    digest = hashlib.sha256(str(ROOT).encode())  # a moved tree has dead scripts in its environment
    for name in INPUTS:
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def _works() -> bool:
    """Tell whether the environment runs here, on a Python that is supported and, if one was named, wanted."""
    place = "import sys; print(sys.prefix)"
    if not PYTHON.exists() or _answers(str(PYTHON), place) != str(VENV) or not _answers(str(PYTHON), PROBE):
        return False
    chosen = shutil.which(os.environ.get("PYTHON", ""))
    return chosen is None or _answers(chosen, VERSION) == _answers(str(PYTHON), VERSION)


def _answers(python: str, code: str) -> str:
    try:
        done = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()


def _interpreter() -> str:
    """Return a supported Python; ``PYTHON`` in the environment is taken or refused, never passed over."""
    chosen = os.environ.get("PYTHON")
    found = [shutil.which(name) for name in ([chosen] if chosen else NEWEST_FIRST)]
    verdicts = {path: _answers(path, PROBE) for path in found if path}
    for path, verdict in verdicts.items():
        if verdict == "yes":
            return path
    for path, verdict in verdicts.items():
        if verdict == "bare" and (uv() or debian.install(["python3-venv"])):
            return path
        if verdict == "bare":
            raise SetupFailed(f"{path} cannot make virtual environments: sudo apt-get install python3-venv")
    raise SetupFailed(
        f"{f'PYTHON={chosen}' if chosen else 'no interpreter on PATH'} is not Python 3.11 to 3.14"
    )


def _create() -> None:
    python = _interpreter()
    say(f"creating .venv with {python}")
    shutil.rmtree(str(VENV), ignore_errors=True)
    found = uv()
    if found and _succeeds([found, "venv", "--quiet", "--seed", "--python", python, str(VENV)]):
        return
    if not _succeeds([python, "-m", "venv", str(VENV)]):
        raise SetupFailed(f"{python} -m venv failed")


def _install() -> None:
    say(f"installing what {LOCK} names (the first time takes about a minute)")
    found = uv()
    # uv does not read pip's configuration: behind a mirror that only pip knows, pip does it.
    if found and _installs([found, "pip", "install", "--quiet", "--python", str(PYTHON)]):
        return
    if not _installs([str(PYTHON), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]):
        raise SetupFailed("the installation failed; its own words stand above")


def _installs(pip: list[str]) -> bool:
    # The build backend is in the lock, so that nothing outside the lock is ever fetched.
    return _succeeds([*pip, "--require-hashes", "-r", LOCK]) and _succeeds(
        [*pip, "--no-deps", "--no-build-isolation", "-e", "."]
    )


def _succeeds(command: list[str]) -> bool:
    return subprocess.run(command, cwd=str(ROOT), check=False).returncode == 0


def uv() -> str | None:
    """Return a uv to use, if there is one: it is faster than pip, and never needed."""
    here = BIN / "uv"
    return str(here) if here.exists() else shutil.which("uv")


def install_uv() -> str:
    """Put uv into the environment; only making a new lock needs it."""
    say("installing uv")
    if not _succeeds([str(PYTHON), "-m", "pip", "install", "-qq", "--disable-pip-version-check", "uv"]):
        raise SetupFailed("uv could not be installed")
    return str(BIN / "uv")
