"""Facts of the machine and the programs without which a figure means nothing."""

import os
import platform
import sqlite3
import subprocess
import time
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import psutil
from mosquitto_server import BINARY


def facts(folder: Path) -> dict[str, Any]:
    """Return them; ``folder`` is on the disk whose syncs are timed."""
    return {
        "cores": psutil.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "mosquitto": _mosquitto(),
        **{name: version(name) for name in ("amqtt", "paho-mqtt", "aiohttp", "sqlalchemy")},
        "fsync_ms": _fsync(folder),
        "load_before": os.getloadavg()[0],
    }


def spoken(found: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in found.items())


def _mosquitto() -> str | None:
    if BINARY is None:
        return None
    said = subprocess.run([BINARY, "-h"], capture_output=True, text=True, check=False).stdout
    return said.splitlines()[0].removeprefix("mosquitto version ") if said else "unknown"


def _fsync(folder: Path) -> float:
    """Return the median milliseconds of a small write that reaches the disk: FULL costs one per commit."""
    times = []
    path = folder / "fsync"
    with path.open("wb", buffering=0) as file:
        for _ in range(50):
            began = time.perf_counter()
            file.write(b"x" * 4096)
            os.fsync(file.fileno())
            times.append(1000 * (time.perf_counter() - began))
    path.unlink()
    return round(median(times), 3)
