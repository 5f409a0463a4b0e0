"""What is stored: the bytes that each thing, execution and event takes in the database, with its indexes."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from hashlib import blake2b
from pathlib import Path
from typing import Protocol

import psycopg
from postgres_server import BINARIES, HINT, PostgresServer

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


class Database(Protocol):
    """A store, and how to ask what its tables take."""

    name: str

    def open(self) -> Store: ...

    def bytes_of(self, *tables: str) -> int:
        """Return what the tables and their indexes take, as settled as the database itself makes them."""

    def close(self) -> None:
        """Leave nothing behind."""


class Sqlite:
    """A file of its own."""

    name = "SQLite"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self) -> Store:
        return Store.open(self._folder)

    def bytes_of(self, *tables: str) -> int:
        marks = ", ".join("?" * len(tables))
        with closing(sqlite3.connect(self._folder / "thingjobs.sqlite3")) as connection:
            (found,) = connection.execute(
                "SELECT sum(d.pgsize) FROM dbstat d JOIN sqlite_schema s ON s.name = d.name "
                f"WHERE s.tbl_name IN ({marks})",
                tables,
            ).fetchone()
        return int(found)

    def close(self) -> None:
        """Its folder goes with the bench's."""


class Postgres:
    """A database of a server of its own."""

    name = "PostgreSQL"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server = PostgresServer()
        self._url = self._server.url(self._server.new_database())

    def open(self) -> Store:
        return Store.connect(self._url, data_dir=self._folder)

    def bytes_of(self, *tables: str) -> int:
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute("VACUUM")
            found = connection.execute(
                "WITH named AS (SELECT name::regclass AS part FROM unnest(%s::text[]) AS t(name)) "
                "SELECT sum(pg_total_relation_size(part)) FROM (SELECT part FROM named "
                "UNION SELECT i.inhrelid FROM pg_inherits i JOIN named ON i.inhparent = part) AS parts",
                (list(tables),),
            ).fetchone()
        assert found is not None
        return int(found[0])

    def close(self) -> None:
        self._server.close()


async def measure(bench: Bench) -> list[Row | Skipped]:
    rows: list[Row | Skipped] = []
    for kind in (Sqlite, Postgres):
        if kind is Postgres and BINARIES is None:
            rows.append(Skipped("l", "bytes on PostgreSQL", f"needs PostgreSQL 15 or newer: {HINT}"))
            continue
        bench.folder.mkdir(parents=True, exist_ok=True)
        database = kind(bench.folder / kind.name)
        try:
            rows += await _measured(database, bench.sizes.stored)
        finally:
            database.close()
    return rows


async def _measured(database: Database, count: int) -> list[Row]:
    store = database.open()
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
