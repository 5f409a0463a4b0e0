"""Lists of executions as operators see them: of a job, and on a thing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection

from domain.execution import Status
from storage import jobs, rows, things
from storage.pages import Page, cut, size, start
from storage.rows import Stored


def of_job(
    connection: Connection,
    job_id: str,
    *,
    status: Status | None = None,
    max_results: int = 250,
    next_token: str | None = None,
) -> Page[Stored]:
    """Return a job's executions, every attempt, oldest first. Raises ``NotFound``."""
    key = jobs.key_of(connection, job_id)
    question = ("executions of job", key, status)
    after = start(connection, question, next_token)
    asked = {"key": key, "status": status, "after": after or 0, "end": _END, "limit": size(max_results) + 1}
    conditions = {_BEHIND[connection.dialect.name, status is not None]: True}
    order = "e.job, e.id" if status is None else "e.job, e.status, e.id"
    return cut(connection, question, _page(connection, conditions, order, asked), max_results)


#: Behind every key.
_END: Final = 2**62
#: What comes behind a place among a job's executions, of all or of one status. PostgreSQL is asked by places
#: in the index that is meant, since by the key alone it may go through those of every younger job; SQLite
#: makes use of no more than the first column of such a place.
_BEHIND: Final = {
    ("sqlite", False): "e.job = :key AND e.id > :after",
    ("sqlite", True): "e.job = :key AND e.status = :status AND e.id > :after",
    ("postgresql", False): "(e.job, e.id) > (:key, :after) AND (e.job, e.id) < (:key, :end)",
    ("postgresql", True): (
        "(e.job, e.status, e.id) > (:key, :status, :after) "
        "AND (e.job, e.status, e.id) < (:key, :status, :end)"
    ),
}


def on_thing(
    connection: Connection,
    thing_name: str,
    *,
    status: Status | None = None,
    job_id: str | None = None,
    namespace_id: str | None = None,
    max_results: int = 250,
    next_token: str | None = None,
) -> Page[Stored]:
    """Return a thing's executions, of all jobs or one, every attempt, newest first. Raises ``NotFound``."""
    key = things.key_of(connection, thing_name)
    job = None if job_id is None else jobs.key_of(connection, job_id)
    more = () if job is None and namespace_id is None else (job, namespace_id)
    question = ("executions of thing", key, status, *more)
    after = start(connection, question, next_token)
    conditions = {
        "e.thing = :key": True,
        "e.job = :job": job is not None,
        "e.status = :status": status is not None,
        "j.namespace_id = :namespace": namespace_id is not None,
        "e.id < :after": after is not None,
    }
    asked = {
        "key": key,
        "job": job,
        "status": status,
        "namespace": namespace_id,
        "after": after,
        "limit": size(max_results) + 1,
    }
    return cut(connection, question, _page(connection, conditions, "e.id DESC", asked), max_results)


def _page(
    connection: Connection, conditions: Mapping[str, bool], order: str, asked: Mapping[str, Any]
) -> list[tuple[int, Stored]]:
    where = " AND ".join(condition for condition, holds in conditions.items() if holds)
    found = rows.select(connection, f"{where} ORDER BY {order} LIMIT :limit", asked)
    return [(entry.key, entry) for entry in found]
