"""Jobs: create, look up, list, change, cancel, delete, and give more targets."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from hashlib import sha256
from typing import Any, Final
from uuid import uuid4

from pydantic_core import from_json, to_json
from sqlalchemy import Connection, text

from domain import job as rules
from domain.documents import document_text
from domain.errors import AlreadyExists, InvalidRequest, NotFound, WrongJobState
from domain.job import MAX_TARGETS, Job, JobStatus, NewJob, TargetSelection
from domain.names import job_id as checked_job_id
from storage import rollouts, sweeps, targets, templates
from storage.changes import counts_of
from storage.millis import from_millis, to_millis
from storage.pages import Page, cut, size, start
from storage.policy import Policy
from storage.signals import Signal, raise_after_commit
from storage.sweeps import Sweep

#: A page of jobs ends early rather than carry more targets than this.
_TARGETS_A_PAGE: Final = 20_000
#: A client token is remembered as long as its job.
_MAX_TOKEN: Final = 64


def create(connection: Connection, job: NewJob, *, policy: Policy, at: datetime) -> Job:
    """Create a job and begin its rollout; a small one is rolled out when this returns.

    Retry-safe: the same id or client token with the same content returns the job that is there.
    Raises ``AlreadyExists`` for the same id or token with other content, ``NotFound`` for an unknown
    template, ``UnknownTarget``, ``InvalidRequest``.
    """
    _check_token(job.client_token)
    wanted_id = None if job.job_id is None else checked_job_id(job.job_id)
    # ASCII: what is no text at all (a lone surrogate) is for the checks below to refuse.
    digest = sha256(json.dumps(asdict(job)).encode()).hexdigest()
    existing = _existing(connection, job, digest)
    if existing is not None:
        return get(connection, existing)
    document, description, timeouts = _content(connection, job)
    resolved = targets.resolve(connection, job.targets, policy=policy, at=at)
    job_id = wanted_id or str(uuid4())
    key = int(
        connection.execute(
            _INSERT,
            {
                "job_id": job_id,
                "target_selection": job.target_selection.value,
                "document": document,
                "description": description,
                "timeout_config": to_json(dict(timeouts)).decode(),
                "template_id": job.template_id,
                "client_token": job.client_token,
                "digest": digest,
                "target_count": len(resolved),
                "at": to_millis(at),
            },
        ).scalar_one()
    )
    _add_targets(connection, key, resolved, first=0)
    rollouts.wait_for_release(connection, key, targets.latch(connection, key, resolved))
    rollouts.release(connection, key, at=at)
    raise_after_commit(connection, Signal.EVENTS)
    return get(connection, job_id)


_INSERT: Final = text(
    "INSERT INTO jobs (job_id, target_selection, status, document, description, timeout_config, template_id, "
    "client_token, request_digest, target_count, created_at, last_updated_at) VALUES (:job_id, "
    ":target_selection, 'IN_PROGRESS', :document, :description, :timeout_config, :template_id, "
    ":client_token, :digest, :target_count, :at, :at) RETURNING id"
)


def _check_token(token: str | None) -> None:
    if token is not None and not (1 <= len(token) <= _MAX_TOKEN and token.isascii() and token.isprintable()):
        raise InvalidRequest(
            f"clientToken {token[:64]!r} is not 1 to {_MAX_TOKEN} printable ASCII characters"
        )


def _existing(connection: Connection, job: NewJob, digest: str) -> str | None:
    """Return the id of the job this call has created before, or None."""
    for column, value in (("job_id", job.job_id), ("client_token", job.client_token)):
        row = (
            value
            and connection.execute(
                text(f"SELECT job_id, request_digest, status FROM jobs WHERE {column} = :value"),
                {"value": value},
            ).one_or_none()
        )
        if row and (row.request_digest != digest or row.status == JobStatus.DELETION_IN_PROGRESS):
            noun = "Job" if column == "job_id" else "A job with clientToken"
            raise AlreadyExists(f"{noun} {value} already exists with other content")
        if row:
            return str(row.job_id)
    return None


def _content(connection: Connection, job: NewJob) -> tuple[str, str | None, Mapping[str, Any]]:
    """Return document, description and time-outs; what the job does not say comes from its template."""
    template = None if job.template_id is None else templates.get(connection, job.template_id)
    if job.document is not None:
        document = document_text(job.document)
    elif template is not None:
        document = template.document
    else:
        raise InvalidRequest("document is required")
    description = job.description if job.description is None else rules.text("description", job.description)
    if template is None:
        return document, description, rules.timeout_config(dict(job.timeout_config))
    return (
        document,
        template.description if description is None else description,
        rules.timeout_config(dict(job.timeout_config)) or template.timeout_config,
    )


def _add_targets(
    connection: Connection, key: int, resolved: Sequence[targets.Resolved], *, first: int
) -> None:
    if resolved:
        connection.execute(
            text(
                'INSERT INTO job_targets (job, position, text, thing, "group") '
                "VALUES (:job, :position, :text, :thing, :group)"
            ),
            [
                {"job": key, "position": position, **target._asdict()}
                for position, target in enumerate(resolved, first)
            ],
        )


def key_of(connection: Connection, job_id: str) -> int:
    """Return a job's key, or raise ``NotFound``."""
    key = connection.execute(text("SELECT id FROM jobs WHERE job_id = :id"), {"id": job_id}).scalar()
    if key is None:
        raise NotFound(f"There is no job {job_id}")
    return int(key)


def get(connection: Connection, job_id: str) -> Job:
    """Return a job with its counts, or raise ``NotFound``."""
    row = connection.execute(text("SELECT * FROM jobs WHERE job_id = :id"), {"id": job_id}).one_or_none()
    if row is None:
        raise NotFound(f"There is no job {job_id}")
    return _job(connection, row)


def document(connection: Connection, job_id: str) -> str:
    """Return the document exactly as it was given, or raise ``NotFound``."""
    found = connection.execute(text("SELECT document FROM jobs WHERE job_id = :id"), {"id": job_id}).scalar()
    if found is None:
        raise NotFound(f"There is no job {job_id}")
    return str(found)


def page(
    connection: Connection,
    *,
    status: JobStatus | None = None,
    target_selection: TargetSelection | None = None,
    max_results: int = 250,
    next_token: str | None = None,
) -> Page[Job]:
    """Return jobs, newest first."""
    question = ("jobs", status, target_selection)
    after = start(connection, question, next_token)
    conditions = {
        "status = :status": status is not None,
        "target_selection = :selection": target_selection is not None,
        "id < :after": after is not None,
    }
    where = " AND ".join(condition for condition, holds in conditions.items() if holds) or "true"
    found = connection.execute(
        text(f"SELECT * FROM jobs WHERE {where} ORDER BY id DESC LIMIT :limit"),
        {
            "status": status,
            "selection": target_selection,
            "after": after,
            "limit": size(max_results) + 1,
        },
    ).all()
    fitting = _fitting([row.target_count for row in found[:max_results]])
    jobs = [(row.id, _job(connection, row)) for row in found[:fitting]]
    return cut(connection, question, [*jobs, *((row.id, jobs[0][1]) for row in found[fitting:][:1])], fitting)


def _fitting(counts: Sequence[int]) -> int:
    """Return how many jobs go on one page: at least one, then as many as their targets allow."""
    total = 0
    for position, count in enumerate(counts):
        total += count
        if position and total > _TARGETS_A_PAGE:
            return position
    return len(counts)


def update(
    connection: Connection,
    job_id: str,
    *,
    description: str | None = None,
    timeout_config: Mapping[str, Any] | None = None,
    at: datetime,
) -> None:
    """Change what is given; a new time-out holds for executions that start later (contract 2.8)."""
    job = get(connection, job_id)
    if job.status is JobStatus.DELETION_IN_PROGRESS:
        raise WrongJobState(f"Job {job_id} is being deleted")
    if timeout_config is not None and job.status not in rules.OPEN:
        raise WrongJobState(f"Job {job_id} is {job.status}; its timeoutConfig cannot change any more")
    text_ = job.description if description is None else rules.text("description", description)
    config = job.timeout_config if timeout_config is None else rules.timeout_config(dict(timeout_config))
    connection.execute(
        text(
            "UPDATE jobs SET description = :description, timeout_config = :config, last_updated_at = :at "
            "WHERE job_id = :id"
        ),
        {"id": job_id, "description": text_, "config": to_json(dict(config)).decode(), "at": to_millis(at)},
    )


def cancel(
    connection: Connection,
    job_id: str,
    *,
    comment: str | None = None,
    reason_code: str | None = None,
    force: bool = False,
    at: datetime,
) -> Job:
    """Cancel a job: its status at once, its executions in chunks (contract 2.3).

    Without force what is IN_PROGRESS may still finish. Raises ``NotFound`` and ``WrongJobState``.
    """
    job = get(connection, job_id)
    rules.refuse_cancel(job_id, job.status, job.counts, force=force)
    connection.execute(
        text(
            "UPDATE jobs SET status = 'CANCELED', last_updated_at = :at, "
            "comment = COALESCE(:comment, comment), reason_code = COALESCE(:reason, reason_code), "
            "force_canceled = :force WHERE job_id = :id"
        ),
        {
            "id": job_id,
            "at": to_millis(at),
            "comment": None if comment is None else rules.text("comment", comment),
            "reason": reason_code,
            "force": force,
        },
    )
    sweep = Sweep.FORCE_CANCEL if force else Sweep.CANCEL
    sweeps.begin(connection, key_of(connection, job_id), sweep, at=at)
    return get(connection, job_id)


def delete(connection: Connection, job_id: str, *, force: bool = False, at: datetime) -> None:
    """Delete a job with its executions and events; a large one is DELETION_IN_PROGRESS meanwhile."""
    job = get(connection, job_id)
    rules.refuse_delete(job_id, job.status, force=force)
    connection.execute(
        text("UPDATE jobs SET status = 'DELETION_IN_PROGRESS', last_updated_at = :at WHERE job_id = :id"),
        {"id": job_id, "at": to_millis(at)},
    )
    sweeps.begin(connection, key_of(connection, job_id), Sweep.DELETE, at=at)


def associate(
    connection: Connection,
    job_id: str,
    more: Sequence[str],
    *,
    comment: str | None = None,
    policy: Policy,
    at: datetime,
) -> Job:
    """Add targets to a CONTINUOUS job; what it has already is passed over.

    Raises ``NotFound``, ``WrongJobState``, ``UnknownTarget``, ``InvalidRequest``.
    """
    job = get(connection, job_id)
    rules.refuse_associate(job_id, job.target_selection, job.status)
    key = key_of(connection, job_id)
    resolved = targets.resolve(connection, more, policy=policy, at=at)
    known = {
        (row.thing, row.group)
        for row in connection.execute(
            text('SELECT thing, "group" FROM job_targets WHERE job = :job'), {"job": key}
        )
    }
    fresh = [target for target in resolved if (target.thing, target.group) not in known]
    if len(known) + len(fresh) > MAX_TARGETS:
        raise InvalidRequest(f"targets: job {job_id} would have more than {MAX_TARGETS} targets")
    _add_targets(connection, key, fresh, first=len(known))
    connection.execute(
        text(
            "UPDATE jobs SET target_count = target_count + :fresh, last_updated_at = :at, "
            "comment = COALESCE(:comment, comment) WHERE id = :job"
        ),
        {
            "job": key,
            "fresh": len(fresh),
            "at": to_millis(at),
            "comment": None if comment is None else rules.text("comment", comment),
        },
    )
    rollouts.wait_for_release(connection, key, targets.latch(connection, key, fresh))
    rollouts.release(connection, key, at=at)
    return get(connection, job_id)


def _job(connection: Connection, row: Any) -> Job:
    written = connection.execute(
        text("SELECT text FROM job_targets WHERE job = :job ORDER BY position"), {"job": row.id}
    )
    return Job(
        job_id=row.job_id,
        targets=tuple(written.scalars()),
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
        timeout_config=from_json(row.timeout_config),
        is_concurrent=row.waiting > 0 or bool(row.sweep),
    )
