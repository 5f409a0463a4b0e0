"""Measure p: thousands of the product's own agents in two processes: all in, a job for all, all done."""

import asyncio
import json
import re
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from bench.cpu import Watch
from bench.footings import Footing, Stand, on_each, stand
from bench.options import Bench
from bench.processes import Child, Failed, quiet, rss_kib
from bench.rows import Row, Skipped
from bench.seed import GROUP, register
from bench.servers import THINGJOBS
from storage.store import Store

PREFIXES = ("a", "b")
#: Both together; a fleet that comes in faster than that is measured by ``connects``.
CONNECTS = 400
#: Seconds until everybody is in, and until everybody has done the job.
PATIENCE = 240.0


async def measure(bench: Bench) -> list[Row | Skipped]:
    return await on_each(bench, "p", "agents of two fleets", _measured)


async def _measured(bench: Bench, footing: Footing) -> list[Row | Skipped]:
    count = bench.sizes.agents // len(PREFIXES)
    folder = bench.folder / f"{footing}".replace(" ", "")

    async def fill(store: Store) -> Sequence[str]:
        return [name for prefix in PREFIXES for name in await register(store, count, prefix)]

    async with AsyncExitStack() as stack:
        there = await stand(stack, bench, footing, folder.name, fill)
        await quiet(there.server.child.pid, bench.sizes.idle)
        empty = {name: rss_kib(pid) for name, pid in there.pids.items()}
        tokens = folder / "tokens.json"
        tokens.write_text(json.dumps(there.passwords))
        tokens.chmod(0o600)
        fleets = [await _fleet(stack, there, tokens, prefix, count) for prefix in PREFIXES]
        logs = [folder / f"{prefix}.log" for prefix in PREFIXES]
        await _until(lambda: all(_connected(log, count) for log in logs), fleets, "all agents are connected")
        await quiet(there.server.child.pid, bench.sizes.idle)
        pids = there.pids | {f"fleet {child.name}": child.pid for child in fleets}
        watch = Watch.start(**pids)
        took = await _job(there, 2 * count)
        shares = watch.stop()
        # PostgreSQL's processes share most of what each shows.
        full = {name: rss_kib(pid) for name, pid in pids.items() if name != "database"}
        said = [await _ended(child, log) for child, log in zip(fleets, logs, strict=True)]
    seconds = {name: share * shares.seconds for name, share in shares.cores.items()}
    agents = 2 * count
    per_agent = {name: (full[name] - empty.get(name, 0)) / agents for name in full}
    notes = (
        f"{agents / took:,.0f} agents/s; in after {max(each['connectSeconds'] for each in said):.1f} s at "
        f"{CONNECTS}/s at most, {sum(each['reconnects'] for each in said)} came in again; "
        "processor time of a job done: "
        + ", ".join(f"{name} {1000 * used / agents:.2f} ms" for name, used in seconds.items())
        + "; memory: "
        + ", ".join(f"{name} {kib / 1024:.0f} MiB" for name, kib in full.items())
        + f"; others used {100 * shares.foreign:.0f} % of the machine"
    )
    details: dict[str, Any] = {
        "cpu_seconds": seconds,
        "rss_kib": full,
        "rss_kib_each": per_agent,
        "fleets": said,
    }
    what = f"{agents:,} agents of two fleets do a job: {footing}"
    return [Row(letter="p", what=what, unit="s", rounds=[took], notes=notes, details=details)]


async def _fleet(stack: AsyncExitStack, there: Stand, tokens: Path, prefix: str, count: int) -> Child:
    command = [THINGJOBS, "fleet", "--prefix", prefix, "--count", str(count), "--port", str(there.port)]
    command += [
        "--tokens-file",
        str(tokens),
        "--connects",
        str(CONNECTS / len(PREFIXES)),
    ]
    command += ["--output", "json", "--min-duration", "0.2", "--max-duration", "1"]
    return await Child.start(stack, prefix, *command, log=tokens.with_name(f"{prefix}.log"))


async def _job(there: Stand, count: int) -> float:
    """Return the seconds from creating a job for all to the last of them having succeeded."""
    body = {
        "jobId": "for-all",
        "targets": [f"thinggroup/{GROUP}"],
        "targetSelection": "SNAPSHOT",
        "document": {"operation": "echo"},
        "description": "bench",
    }
    began = time.monotonic()
    await there.server.call("POST", "/jobs", body)
    details: dict[str, int] = {}
    while time.monotonic() < began + PATIENCE:
        details = (await there.server.call("GET", "/jobs/for-all"))["job"]["jobProcessDetails"]
        if details["numberOfSucceededThings"] == count:
            return time.monotonic() - began
        await asyncio.sleep(0.1)
    raise Failed(f"not all {count} agents succeeded within {PATIENCE:.0f} s: {details}")


def _connected(log: Path, count: int) -> bool:
    return f"connected {count}/{count} " in _read(log)


async def _until(so: Any, fleets: Sequence[Child], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not so():
        if time.monotonic() > deadline or not all(child.alive for child in fleets):
            raise Failed(f"{what}: not so after {PATIENCE:.0f} s, or a fleet has ended")
        await asyncio.sleep(0.1)


async def _ended(child: Child, log: Path) -> dict[str, Any]:
    """Stop a fleet, and return what it says at its end."""
    await child.stop()
    words = _read(log)
    found = re.search(r"^\{.*\}$", words, re.MULTILINE)
    if found is None:
        raise Failed(f"fleet {child.name} said nothing at its end: {words[-500:]}")
    said: dict[str, Any] = json.loads(found[0])
    return said


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")
