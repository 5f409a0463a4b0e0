"""What is stored: the bytes that each thing, execution and event takes in the database, with its indexes."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from hashlib import blake2b

import psycopg

from bench.footings import NO_POSTGRES, Site, site
from bench.options import Bench
from bench.processes import Failed
from bench.rows import Row, Skipped
from bench.seed import issue, job_id, now, register, roll_out
from domain.errors import JobsError
from domain.execution import Status
from domain.messages import Request
from domain.topics import Operation
from storage import device
from storage.policy import Policy
from storage.store import Store

#: What belongs to a thing of a fleet beside its work.
OF_A_THING = ("things", "group_members", "tokens")
#: As the dispatcher takes them at most.
BATCH = 200
_STEPS = ((Status.IN_PROGRESS, "downloading"), (Status.SUCCEEDED, "rebooted"))


def _in_sqlite(site: Site, tables: Sequence[str]) -> int:
    marks = ", ".join("?" * len(tables))
    with closing(sqlite3.connect(site.data / "thingjobs.sqlite3")) as connection:
        (found,) = connection.execute(
            "SELECT sum(d.pgsize) FROM dbstat d JOIN sqlite_schema s ON s.name = d.name "
            f"WHERE s.tbl_name IN ({marks})",
            tables,
        ).fetchone()
    return int(found)


def _in_postgresql(site: Site, tables: Sequence[str]) -> int:
    assert site.url is not None
    with psycopg.connect(site.url, autocommit=True) as connection:
        connection.execute("VACUUM")
        found = connection.execute(
            "WITH named AS (SELECT name::regclass AS part FROM unnest(%s::text[]) AS t(name)) "
            "SELECT sum(pg_total_relation_size(part)) FROM (SELECT part FROM named "
            "UNION SELECT i.inhrelid FROM pg_inherits i JOIN named ON i.inhparent = part) AS parts",
            (list(tables),),
        ).fetchone()
    assert found is not None
    return int(found[0])


#: How each database is asked what tables and their indexes take, as settled as it makes them itself.
_BYTES: dict[str, Callable[[Site, Sequence[str]], int]] = {"SQLite": _in_sqlite, "PostgreSQL": _in_postgresql}


@dataclass(frozen=True, slots=True)
class Database:
    """A store of its own, and what its tables take."""

    name: str
    site: Site

    def bytes_of(self, *tables: str) -> int:
        return _BYTES[self.name](self.site, tables)


async def measure(bench: Bench) -> list[Row | Skipped]:
    rows: list[Row | Skipped] = []
    for name in _BYTES:
        if name == "PostgreSQL" and not bench.postgres:
            rows.append(Skipped("l", "bytes on PostgreSQL", NO_POSTGRES))
            continue
        with ExitStack() as stack:
            there = site(stack, bench.folder / name, name)
            rows += await _measured(Database(name, there), bench.sizes.stored)
    return rows


async def _measured(database: Database, count: int) -> list[Row]:
    store = database.site.store()
    try:
        empty = {name: database.bytes_of(name) for name in ("executions", "execution_events")}
        base = database.bytes_of(*OF_A_THING)
        names = await register(store, count)
        for first in range(0, count, BATCH):
            await store.write(issue, names[first : first + BATCH])
        things = database.bytes_of(*OF_A_THING) - base
        await roll_out(store, job_id(0))
        queued = database.bytes_of("executions") - empty["executions"]
        for status, step in _STEPS:
            await _report(store, names, status, step)
        ended = database.bytes_of("executions") - empty["executions"]
        events = database.bytes_of("execution_events") - empty["execution_events"]
    finally:
        await store.close()
    told = count * (1 + len(_STEPS))
    return [
        _row(database, "a thing with its token in a group", things / count),
        _row(database, "an execution, queued", queued / count),
        _row(database, "an execution, ended", ended / count),
        _row(database, "an event", events / told, notes=f"{1 + len(_STEPS)} for each execution"),
    ]


def _row(database: Database, what: str, value: float, notes: str = "") -> Row:
    return Row(letter="l", what=f"{what}, {database.name}", unit="bytes", rounds=[value], notes=notes)


async def _report(store: Store, names: Sequence[str], status: Status, step: str) -> None:
    for first in range(0, len(names), BATCH):
        asked = [
            Request(
                thing_name=name,
                operation=Operation.UPDATE,
                job_id=job_id(0),
                client_token=f"{name}-{step}",
                digest=blake2b(f"{name}-{step}".encode(), digest_size=12).hexdigest(),
                status=status,
                status_details={"step": step},
            )
            for name in names[first : first + BATCH]
        ]
        answers = await store.write(device.answer, asked, policy=Policy(), at=now())
        refused = [answer for answer in answers if isinstance(answer, JobsError)]
        if refused:
            raise Failed(f"an update was refused: {refused[0]}")
