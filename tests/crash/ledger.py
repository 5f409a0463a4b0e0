"""Reads what a server has written straight from its database, also what one has left that was killed."""

import json
import shutil
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
from history import Event, Execution, Job, Ledger
from psycopg.rows import dict_row

NAME = "thingjobs.sqlite3"
STATUSES = ("QUEUED", "IN_PROGRESS", "SUCCEEDED", "FAILED", "TIMED_OUT", "REJECTED", "REMOVED", "CANCELED")
_RESTLESS = """
    SELECT EXISTS (SELECT 1 FROM things WHERE notify_seq > notified_seq)
        OR EXISTS (SELECT 1 FROM jobs WHERE look_at = 0 OR sweep <> '')
        OR EXISTS (SELECT 1 FROM things WHERE sweep <> '')
        OR EXISTS (SELECT 1 FROM thing_groups WHERE sweep <> '') AS restless
"""
#: Of groups without groups in them.
_MEMBERS = """
    SELECT g.job, t.name FROM job_targets g LEFT JOIN group_members m ON m."group" = g."group"
    LEFT JOIN things t ON t.id = m.thing WHERE g."group" IS NOT NULL
"""
Rows = Callable[[str], list[Mapping[str, Any]]]
_NAMED = """
    SELECT g.job, g.thing, g.thing > j.latched_to AND g.position >= j.latched_from AS ahead
    FROM job_targets g JOIN jobs j ON j.id = g.job WHERE g.thing IS NOT NULL
"""
_CHILDREN = ("executions", "execution_events", "waiting", "job_targets")


def of_running(data: Path) -> Ledger:
    """Return what a running server has committed."""
    with closing(sqlite3.connect(f"file:{data / NAME}?mode=ro", uri=True)) as connection:
        return _of_sqlite(connection)


def at_rest(data: Path) -> bool:
    """Tell whether a running server has nothing left to do; cheap enough to ask again and again."""
    with closing(sqlite3.connect(f"file:{data / NAME}?mode=ro", uri=True)) as connection:
        return not any(connection.execute(_RESTLESS).fetchone())


def of_postgres(url: str) -> Ledger:
    """Return what is committed in a PostgreSQL database, as of one moment."""
    with psycopg.connect(url, row_factory=dict_row) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        return _read(lambda statement: connection.execute(statement.encode()).fetchall())


def postgres_at_rest(url: str) -> bool:
    """Tell whether the servers of a PostgreSQL database have nothing left to do."""
    with psycopg.connect(url) as connection:
        return not any(connection.execute(_RESTLESS).fetchone() or ())


def of_killed(data: Path) -> Ledger:
    """Return what a killed server has left. From a copy: the first to open the file recovers its log."""
    with TemporaryDirectory() as place:
        for file in data.glob(f"{NAME}*"):
            shutil.copy(file, place)
        with closing(sqlite3.connect(Path(place) / NAME)) as connection:
            ledger = _of_sqlite(connection)
            checked = [line for (line,) in connection.execute("PRAGMA integrity_check")]
            ledger.damage = [line for line in checked if line != "ok"]
            return ledger


def _of_sqlite(connection: sqlite3.Connection) -> Ledger:
    connection.row_factory = sqlite3.Row
    connection.execute("BEGIN")
    tables = {row["name"] for row in connection.execute("SELECT name FROM sqlite_master")}
    if "execution_events" not in tables:
        return Ledger()  # killed before the schema was there
    return _read(lambda statement: connection.execute(statement).fetchall())


def _read(rows: Rows) -> Ledger:
    names = {row["id"]: row["name"] for row in rows("SELECT id, name FROM things")}
    jobs = {row["id"]: row["job_id"] for row in rows("SELECT id, job_id FROM jobs")}
    return Ledger(
        jobs=_jobs(rows, names),
        executions=[
            Execution(jobs[row["job"]], names[row["thing"]], row["number"], row["version"], row["status"])
            for row in rows("SELECT * FROM executions ORDER BY id")
            if row["job"] in jobs
        ],
        events=[
            _event(row, jobs[row["job"]], names[row["thing"]])
            for row in rows("SELECT * FROM execution_events ORDER BY id")
            if row["job"] in jobs
        ],
        waiting=[
            (jobs[row["job"]], names[row["thing"]])
            for row in rows("SELECT * FROM waiting")
            if row["job"] in jobs
        ],
        untold=[row["name"] for row in rows("SELECT name FROM things WHERE notify_seq > notified_seq")],
        orphans={
            table: rows(f"SELECT count(*) AS found FROM {table} WHERE job NOT IN (SELECT id FROM jobs)")[0][
                "found"
            ]
            for table in _CHILDREN
        },
    )


def _jobs(rows: Rows, names: dict[int, str]) -> list[Job]:
    targets, ahead = defaultdict(set), defaultdict(set)
    for row in rows(_NAMED):
        targets[row["job"]].add(names[row["thing"]])
        if row["ahead"]:
            ahead[row["job"]].add(names[row["thing"]])
    members = defaultdict(set)
    for row in rows(_MEMBERS):
        members[row["job"]].update(() if row["name"] is None else (row["name"],))
    return [
        Job(
            row["job_id"],
            row["status"],
            row["target_selection"],
            row["sweep"],
            row["waiting"],
            {status: row[status.lower()] for status in STATUSES},
            frozenset(targets[row["id"]]),
            _retries(json.loads(row["pacing"])),
            "jobExecutionsRolloutConfig" in json.loads(row["pacing"]),
            frozenset(members[row["id"]] | targets[row["id"]]) if row["id"] in members else None,
            frozenset(ahead[row["id"]]),
        )
        for row in rows("SELECT * FROM jobs ORDER BY id")
    ]


def _retries(pacing: dict[str, Any]) -> int:
    criteria = pacing.get("jobExecutionsRetryConfig", {}).get("criteriaList", [])
    return sum(each["numberOfRetries"] for each in criteria)


def _event(row: Mapping[str, Any], job: str, thing: str) -> Event:
    details = json.loads(row["status_details"])
    return Event(
        job,
        thing,
        row["number"],
        row["version"],
        row["from_status"],
        row["to_status"],
        # Details stay over a change that brings none, a cancel for one: they count where they came.
        details.get("mark") if row["cause"] == "DEVICE" else None,
        row["at"],
    )
