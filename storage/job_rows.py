"""Jobs between rows and values."""

from __future__ import annotations

from typing import Any

from pydantic_core import from_json
from sqlalchemy import Connection, text

from domain.job import Job, JobStatus, TargetSelection
from domain.pacing import parse
from domain.timeout_config import parse as timeouts_from
from storage.millis import from_millis
from storage.paces import counts_of


def job_value(connection: Connection, row: Any) -> Job:
    """Return a job as its whole row says, with its targets."""
    written = connection.execute(
        text("SELECT text, excluded FROM job_targets WHERE job = :job ORDER BY position"), {"job": row.id}
    ).all()
    return Job(
        job_id=row.job_id,
        targets=tuple(target.text for target in written if not target.excluded),
        excluded_targets=tuple(target.text for target in written if target.excluded),
        target_selection=TargetSelection(row.target_selection),
        status=JobStatus(row.status),
        created_at=from_millis(row.created_at),
        last_updated_at=from_millis(row.last_updated_at),
        completed_at=from_millis(row.completed_at),
        counts=counts_of(row),
        description=row.description,
        comment=row.comment,
        reason_code=row.reason_code,
        force_canceled=bool(row.force_canceled),
        template_id=row.template_id,
        template_version=row.template_version,
        parameters=from_json(row.parameters),
        timeout_config=timeouts_from(row.timeout_config),
        pacing=parse(row.pacing),
        priority=row.priority,
        exclusive_group=row.exclusive_group,
        is_concurrent=is_concurrent(row),
        namespace_id=row.namespace_id,
        document_source=row.document_source,
        document_parameters=from_json(row.document_parameters),
        package_versions=tuple(from_json(row.package_versions)),
    )


def is_concurrent(row: Any) -> bool:
    """Return whether a job's executions are being created or ended in bulk (contract 1.4)."""
    goes_out = (row.waiting > 0 or row.latched_to is not None) and row.status != JobStatus.SCHEDULED
    return goes_out or bool(row.sweep)
