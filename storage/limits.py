"""Quotas: how many of something there may be, where a dialect knows an end (contract 2.15)."""

from __future__ import annotations

from sqlalchemy import Connection, text

from domain.errors import InvalidRequest, LimitExceeded
from domain.job import MAX_TARGETS
from storage.policy import Quotas
from storage.tables import OPEN_SQL


def refuse_job(connection: Connection, targets: int, quotas: Quotas) -> None:
    """Raise ``InvalidRequest`` for too many targets of a new job, ``LimitExceeded`` for one job too many."""
    if targets > quotas.targets:
        raise InvalidRequest(f"targets has {targets} entries; at most {quotas.targets} are allowed")
    if _reaches(connection, OPEN_SQL, quotas.open_jobs):
        raise LimitExceeded(
            f"There are {quotas.open_jobs} jobs IN_PROGRESS and SCHEDULED, which is the limit"
        )


def refuse_targets(job_id: str, targets: int, quotas: Quotas | None) -> None:
    """Raise ``LimitExceeded`` if a job would have too many targets."""
    most = MAX_TARGETS if quotas is None else quotas.targets
    if targets > most:
        raise LimitExceeded(f"targets: job {job_id} would have more than {most} targets")


def refuse_leaving(connection: Connection, quotas: Quotas) -> None:
    """Raise ``LimitExceeded`` while too many jobs are being deleted."""
    if _reaches(connection, "status = 'DELETION_IN_PROGRESS'", quotas.leaving_jobs):
        raise LimitExceeded(
            f"{quotas.leaving_jobs} jobs are DELETION_IN_PROGRESS, which is the limit; try again later"
        )


def _reaches(connection: Connection, condition: str, limit: int) -> bool:
    """Tell whether so many jobs are there, without counting more."""
    counted = text(f"SELECT count(*) FROM (SELECT 1 FROM jobs WHERE {condition} LIMIT :limit) counted")
    return int(connection.execute(counted, {"limit": limit}).scalar_one()) >= limit


def refuse_template(connection: Connection, quotas: Quotas) -> None:
    """Raise ``LimitExceeded`` if there are as many job templates as there may be, each counted once."""
    some = text("SELECT count(*) FROM (SELECT DISTINCT template_id FROM templates LIMIT :limit) counted")
    if connection.execute(some, {"limit": quotas.templates}).scalar_one() >= quotas.templates:
        raise LimitExceeded(f"There are {quotas.templates} job templates, which is the limit")
