"""Measure f: the same look-ups and pages in a large table and in a small one, in turns."""

import random
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from statistics import median

from agent.fleet import thing_names
from bench.options import Bench
from bench.processes import Child, quiet
from bench.rows import Goal, Row, Skipped
from bench.seed import job_id, seed
from bench.servers import Server, thingjobs
from domain.topics import DEFAULT_ROOT, Operation, Topics

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
    async with AsyncExitStack() as stack:
        small, large = [await _table(stack, bench, things) for things in bench.sizes.table_things]
        names = [*small.questions, PENDING]
        for name in names:  # once for nothing: what is read for the first time comes from the disk
            await _compare(name, small, large)
        for table in (small, large):
            table.medians.clear()
        for _ in range(bench.sizes.rounds):
            for name in names:
                await _compare(name, small, large)
        return [_row(name, small, large) for name in names]


async def _compare(name: str, *tables: Table) -> None:
    """Ask the tables in turns, a few questions each time: what else the machine does hits both alike."""
    took: list[list[float]] = [[] for _ in tables]
    for part in range(PARTS):
        for table, times in zip(tables, took, strict=True):
            times.extend(await table.ask(name, part))
    for table, times in zip(tables, took, strict=True):
        table.medians.setdefault(name, []).append(median(times))


def _row(name: str, small: Table, large: Table) -> Row:
    pairs = list(zip(large.medians[name], small.medians[name], strict=True))
    return Row(
        letter="f",
        what=f"{name}, {large.executions:,} / {small.executions:,} executions",
        unit="x",
        rounds=[a / b for a, b in pairs],
        goal=GOAL,
        notes=f"{median(a for a, _ in pairs):.2f} ms against {median(b for _, b in pairs):.2f} ms",
        details={"large_ms": large.medians[name], "small_ms": small.medians[name]},
    )


async def _table(stack: AsyncExitStack, bench: Bench, things: int) -> Table:
    sizes = bench.sizes
    data = bench.folder / f"table-{things}"
    await seed(data, things, with_jobs=sizes.table_jobs)
    chosen = random.Random(things)
    names = thing_names("t", things)
    asked = [chosen.choice(names) for _ in range(sizes.probes)]
    jobs = [job_id(chosen.randrange(sizes.table_jobs)) for _ in range(sizes.probes)]
    server = await thingjobs(stack, data, name=f"thingjobs with {things} things", insecure=True)
    caller = await Child.module(stack, "caller", "bench.caller", "127.0.0.1", str(server.http_port))
    devices = await Child.module(stack, "load", "bench.devices")
    await devices.ask(
        "connect", port=server.mqtt_port, clients=dict.fromkeys(sorted(set(asked))), filters=[], window=50
    )
    await quiet(server.child.pid, bench.sizes.idle)
    first, middle, last = await _ends(server, job_id(0), sizes.page)
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
    return Table(things * sizes.table_jobs, server, caller, devices, questions)


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
