"""Measure f: the same look-ups and pages in a large table and in a small one, in turns."""

import random
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from statistics import median

from bench.footings import EMBEDDED, POSTGRESQL, Footing, Stand, on_each, stand
from bench.options import Bench, Sizes
from bench.processes import Child, quiet
from bench.rows import Goal, Row, Skipped
from bench.seed import job_id, register, sow
from bench.servers import Server
from domain.topics import DEFAULT_ROOT, Operation, Topics
from storage.store import Store

#: A query that grows with a table a hundred times as large would be far beyond this.
GOAL = Goal("<=", 2.0)
PENDING = "pending jobs of a thing, over MQTT"
#: In how many parts the questions of a round are asked.
PARTS = 5


@dataclass
class Table:
    """One server with so many executions, and who asks it."""

    executions: int
    server: Server
    caller: Child
    devices: Child
    questions: dict[str, list[str]]
    medians: dict[str, list[float]] = field(default_factory=dict)

    async def ask(self, name: str, part: int) -> list[float]:
        """Return the milliseconds of one part of the questions of a name."""
        if name == PENDING:
            topic = Topics(DEFAULT_ROOT).request("{}", Operation.GET_PENDING)
            return (await self.devices.ask("ask", topic=topic, payload="{}", patience=30))["ms"]
        return (await self.caller.ask("times", paths=self.questions[name][part::PARTS]))["ms"]


async def measure(bench: Bench) -> list[Row | Skipped]:
    return await on_each(bench, "f", "look-ups and pages", _measured, (EMBEDDED, POSTGRESQL))


async def _measured(bench: Bench, footing: Footing) -> list[Row | Skipped]:
    async with AsyncExitStack() as stack:
        small, large = [await _table(stack, bench, footing, things) for things in bench.sizes.table_things]
        names = [*small.questions, PENDING]
        for name in names:  # once for nothing: what is read for the first time comes from the disk
            await _compare(name, small, large)
        for table in (small, large):
            table.medians.clear()
        for _ in range(bench.sizes.rounds):
            for name in names:
                await _compare(name, small, large)
        return [_row(name, footing, small, large) for name in names]


async def asked_of(
    stack: AsyncExitStack, there: Stand, executions: int, sizes: Sizes
) -> dict[str, list[float]]:
    """Return the milliseconds of a page in the middle and of a look-up, by round, of one server alone."""
    names = ("executions of a job, middle page", PENDING)
    table = await _asking(stack, there, executions, sizes)
    for number in range(sizes.few + 1):
        for name in names:
            await _compare(name, table)
        if not number:
            table.medians.clear()
    return table.medians


async def _compare(name: str, *tables: Table) -> None:
    """Ask the tables in turns, a few questions each time: what else the machine does hits both alike."""
    took: list[list[float]] = [[] for _ in tables]
    for part in range(PARTS):
        for table, times in zip(tables, took, strict=True):
            times.extend(await table.ask(name, part))
    for table, times in zip(tables, took, strict=True):
        table.medians.setdefault(name, []).append(median(times))


def _row(name: str, footing: Footing, small: Table, large: Table) -> Row:
    pairs = list(zip(large.medians[name], small.medians[name], strict=True))
    return Row(
        letter="f",
        what=f"{name}, {large.executions:,} / {small.executions:,} executions, {footing.database}",
        unit="x",
        rounds=[a / b for a, b in pairs],
        goal=GOAL,
        notes=f"{median(a for a, _ in pairs):.2f} ms against {median(b for _, b in pairs):.2f} ms",
        details={"large_ms": large.medians[name], "small_ms": small.medians[name]},
    )


async def _table(stack: AsyncExitStack, bench: Bench, footing: Footing, things: int) -> Table:
    sizes = bench.sizes

    async def fill(store: Store) -> Sequence[str]:
        names = await register(store, things)
        await sow(store, sizes.table_jobs)
        return names[-sizes.probes :]

    there = await stand(stack, bench, footing, f"{footing.database}-{things}", fill)
    await quiet(there.server.child.pid, sizes.idle)
    return await _asking(stack, there, things * sizes.table_jobs, sizes)


async def _asking(stack: AsyncExitStack, there: Stand, executions: int, sizes: Sizes) -> Table:
    """Let somebody ask a server: one by REST, and those things by MQTT that may connect."""
    chosen = random.Random(executions)
    names = list(there.passwords)
    asked = [chosen.choice(names) for _ in range(sizes.probes)]
    jobs = [job_id(chosen.randrange(sizes.table_jobs)) for _ in range(sizes.probes)]
    caller = await Child.module(stack, "caller", "bench.caller", "127.0.0.1", str(there.server.http_port))
    devices = await Child.module(stack, "load", "bench.devices")
    answers = [f"{there.footing.root}/{{}}/jobs/get/+"]
    asking = {name: there.passwords[name] for name in sorted(set(asked))}
    await devices.ask("connect", port=there.port, clients=asking, filters=answers, window=50)
    first, middle, last = await _ends(there.server, job_id(0), sizes.page)
    times = max(PARTS, sizes.probes // 4)
    questions = {
        "GET execution": [f"/jobs/{job}/things/{name}" for job, name in zip(jobs, asked, strict=True)],
        "GET job": [f"/jobs/{job}" for job in jobs],
        "executions of a job, first page": [first] * times,
        "executions of a job, middle page": [middle] * times,
        "executions of a job, last page": [last] * times,
        "executions of a thing, first page": [f"/jobs-executions/things/{name}" for name in asked],
        "jobs, first page": ["/jobs"] * times,
        "things, first page": [f"/things?maxResults={sizes.page}"] * times,
    }
    return Table(executions, there.server, caller, devices, questions)


async def _ends(server: Server, job: str, size: int) -> tuple[str, str, str]:
    """Return the paths of the first, the middle and the last full page, by walking through all of them."""
    base = f"/jobs-executions/jobs/{job}?maxResults={size}"
    paths, path = [], base
    while True:
        found = await server.call("GET", path)
        if len(found["jobExecutions"]) == size or not paths:
            paths.append(path)
        token = found.get("nextToken")
        if token is None:
            return paths[0], paths[len(paths) // 2], paths[-1]
        path = f"{base}&nextToken={token}"
