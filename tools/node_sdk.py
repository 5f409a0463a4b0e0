"""AWS's device SDKs for Node, which tests run against both brokers: installed beside the Python packages."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from environment import ROOT, VENV
from words import say

WANTED = ROOT / "tests" / "sdk" / "node" / "package.json"
#: Not where it is wanted: whoever reads the project's files must not meet somebody else's.
FOLDER = VENV / "node"
#: npm writes it when everything else is in place.
DONE = FOLDER / "node_modules" / ".package-lock.json"
#: The packages bring what they need ready-made, so none of their scripts runs; a lock would hold URLs.
INSTALL = (
    "npm",
    "install",
    "--no-package-lock",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--no-update-notifier",
    "--loglevel=error",
)


def ready() -> None:
    """Install what is missing, or say so; the tests that need it then skip by name (``CI=true``: fail)."""
    if is_there() or shutil.which("npm") is None:
        return
    say("npm install: AWS's device SDKs for Node")
    FOLDER.mkdir(exist_ok=True)
    shutil.copy(str(WANTED), str(FOLDER))
    if subprocess.run(INSTALL, cwd=str(FOLDER), check=False).returncode != 0:
        say("the device SDKs for Node could not be installed: its tests cannot run")


def is_there() -> bool:
    """Tell whether every package is installed in the version that is asked for."""
    wanted = _read(WANTED)["dependencies"]
    return DONE.exists() and all(
        _read(FOLDER / "node_modules" / name / "package.json").get("version") == version
        for name, version in wanted.items()
    )


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
