"""Jobs: create, look up, list, change, cancel, delete, and give more targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, text

from domain import job as rules
from domain.acts import Act
from domain.errors import InvalidRequest, NotFound, WrongJobState
from domain.job import Job, JobStatus, NewJob, TargetSelection
from domain.names import job_id as checked_job_id
from domain.pacing import UNPACED, Pacing
from domain.timeout_config import TimeoutConfig
from domain.values import NO_VALUES, Values
from domain.waves import UNSTAGED, refuse_other_waves
from storage import acts, latching, layout, limits, orders, sweeps, targets
from storage import values as thing_values
from storage.job_rows import job_value
from storage.millis import to_millis
from storage.pacing import act
from storage.pages import Page, cut, size, start
from storage.policy import Policy, Quotas
from storage.signals import Signal, raise_after_commit
from storage.sweeps import Sweep

#: A page of jobs ends early rather than carry more targets than this.
_TARGETS_A_PAGE: Final = 20_000


def create(
    connection: Connection,
    job: NewJob,
    *,
    policy: Policy,
    by_token: bool = False,
    quotas: Quotas | None = None,
    actor: str = "",
    at: datetime,
) -> Job:
    """Create a job and begin its rollout; a small one is rolled out when this returns.

    Retry-safe: the same id (unless ``by_token``) or client token with the same content returns the job that
    is there. Raises ``AlreadyExists`` for the same id or token with other content, ``NotFound`` for an
    unknown template, ``UnknownTarget``, ``InvalidRequest``, ``LimitExceeded``.
    """
    orders.check_token(job.client_token)
    if job.job_id is not None:
        checked_job_id(job.job_id)
    digest = orders.digest(job)
    existing = orders.existing(connection, job, digest, by_token=by_token)
    if existing is not None:
        return get(connection, existing)
    if quotas is not None:
        limits.refuse_job(connection, len(job.targets), quotas)
    key = layout.lay_out(connection, job, policy=policy, actor=actor, at=at)
    act(connection, key, at=at)
    raise_after_commit(connection, Signal.EVENTS)
    return job_value(connection, connection.execute(_BY_KEY, {"key": key}).one())


_BY_KEY: Final = text("SELECT * FROM jobs WHERE id = :key")


def key_of(connection: Connection, job_id: str) -> int:
    """Return a job's key, or raise ``NotFound``."""
    key = connection.execute(text("SELECT id FROM jobs WHERE job_id = :id"), {"id": job_id}).scalar()
    if key is None:
        raise NotFound(f"There is no job {job_id}")
    return int(key)


def get(connection: Connection, job_id: str, *, namespace_id: str | None = None) -> Job:
    """Return a job with its counts, or raise ``NotFound``: also for one of another than this namespace."""
    row = connection.execute(text("SELECT * FROM jobs WHERE job_id = :id"), {"id": job_id}).one_or_none()
    if row is None:
        raise NotFound(f"There is no job {job_id}")
    if namespace_id not in (None, row.namespace_id):
        raise NotFound(f"There is no job {job_id} in namespaceId {namespace_id}")
    return job_value(connection, row)


def document(connection: Connection, job_id: str, *, original: bool = False) -> str:
    """Return the document as the job keeps it, or raise ``NotFound``.

    Its parameters are filled in; ``original``: as it was before.
    """
    column = "COALESCE(original_document, document)" if original else "document"
    found = connection.execute(text(f"SELECT {column} FROM jobs WHERE job_id = :id"), {"id": job_id}).scalar()
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
    jobs = [(row.id, job_value(connection, row)) for row in found[:fitting]]
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
    timeout_config: TimeoutConfig | None = None,
    pacing: Pacing = UNPACED,
    priority: int | None = None,
    namespace_id: str | None = None,
    actor: str = "",
    at: datetime,
) -> None:
    """Change what is given; a new time-out holds for executions that start later (contract 2.8).

    Retries can only be given up (contract 2.7). Raises ``NotFound``, ``WrongJobState``, ``InvalidRequest``.
    """
    job = get(connection, job_id, namespace_id=namespace_id)
    if job.status is JobStatus.DELETION_IN_PROGRESS:
        raise WrongJobState(f"Job {job_id} is being deleted")
    if description is None and timeout_config is None and priority is None and not pacing.model_fields_set:
        return
    # How long links are good for may change even then (contract 4.2).
    paces = pacing.model_fields_set - {"presigned_url_config"}
    configures = timeout_config is not None or paces or priority is not None
    if configures and job.status not in rules.OPEN:
        raise WrongJobState(f"Job {job_id} is {job.status}; its configuration cannot change any more")
    retry = pacing.job_executions_retry_config
    if retry is not None and retry.retries:
        raise InvalidRequest(
            f"jobExecutionsRetryConfig: numberOfRetries can only be changed to 0, not {retry.retries}"
        )
    if pacing.staged_rollout_config is not None:
        now = (job.pacing or UNPACED).staged_rollout_config or UNSTAGED
        refuse_other_waves(now, pacing.staged_rollout_config)
    text_ = job.description if description is None else rules.text("description", description)
    config = job.timeout_config if timeout_config is None else timeout_config
    connection.execute(
        text(
            "UPDATE jobs SET description = :description, timeout_config = :config, pacing = :pacing, "
            "last_updated_at = :at, look_at = CASE WHEN :pacing = pacing THEN look_at ELSE 0 END, "
            "minute_rate = CASE WHEN :pacing = pacing THEN minute_rate END "
            "WHERE job_id = :id"
        ),
        {
            "id": job_id,
            "description": text_,
            "config": config.text,
            "pacing": pacing.over(job.pacing or UNPACED).text,
            "at": to_millis(at),
        },
    )
    if priority is not None:
        orders.set_priority(connection, job_id, priority)
    given = {
        "description": description is not None,
        "timeoutConfig": timeout_config is not None,
        "priority": priority is not None,
    }
    members = [name for name, is_given in given.items() if is_given] + list(
        pacing.model_dump(by_alias=True, exclude_unset=True)
    )
    key = key_of(connection, job_id)
    acts.note(connection, key, Act.UPDATE, actor=actor, details={"members": members}, at=at)
    raise_after_commit(connection, Signal.AGENDA)


def cancel(
    connection: Connection,
    job_id: str,
    *,
    comment: str | None = None,
    reason_code: str | None = None,
    force: bool = False,
    actor: str = "",
    at: datetime,
) -> Job:
    """Cancel a job: its status at once, its executions in chunks (contract 2.3).

    Without force what is IN_PROGRESS may still finish. Raises ``NotFound`` and ``WrongJobState``.
    """
    job = get(connection, job_id)
    rules.refuse_cancel(job_id, job.status, job.counts, force=force)
    words = None if comment is None else rules.text("comment", comment)
    code = None if reason_code is None else rules.reason_code(reason_code)
    key = key_of(connection, job_id)
    act_ = Act.FORCE_CANCEL if force else Act.CANCEL
    acts.note(connection, key, act_, actor=actor, comment=words, details=_reason(code), at=at)
    sweeps.cancel(
        connection,
        key,
        comment=words,
        reason_code=code,
        force=force,
        at=at,
    )
    return get(connection, job_id)


def _reason(code: str | None) -> Mapping[str, str]:
    return {} if code is None else {"reasonCode": code}


def delete(
    connection: Connection,
    job_id: str,
    *,
    force: bool = False,
    namespace_id: str | None = None,
    quotas: Quotas | None = None,
    actor: str = "",
    at: datetime,
) -> None:
    """Delete a job with its executions and events; a large one is DELETION_IN_PROGRESS meanwhile.

    Raises ``NotFound``, ``WrongJobState``, ``NeedsForce``, ``LimitExceeded``.
    """
    job = get(connection, job_id, namespace_id=namespace_id)
    rules.refuse_delete(job_id, job.status, force=force)
    if quotas is not None:
        limits.refuse_leaving(connection, quotas)
    connection.execute(
        text("UPDATE jobs SET status = 'DELETION_IN_PROGRESS', last_updated_at = :at WHERE job_id = :id"),
        {"id": job_id, "at": to_millis(at)},
    )
    key = key_of(connection, job_id)
    acts.note(connection, key, Act.DELETE, actor=actor, details={"forced": force}, at=at)
    sweeps.begin(connection, key, Sweep.DELETE, at=at)


def associate(
    connection: Connection,
    job_id: str,
    more: Sequence[str],
    *,
    values: Values = NO_VALUES,
    comment: str | None = None,
    namespace_id: str | None = None,
    quotas: Quotas | None = None,
    policy: Policy,
    actor: str = "",
    at: datetime,
) -> Job:
    """Add targets to a CONTINUOUS job; what it has already is passed over.

    Raises ``NotFound``, ``WrongJobState``, ``UnknownTarget``, ``InvalidRequest`` (also if a thing that waits
    lacks a value that the document needs), ``LimitExceeded`` for too many targets.
    """
    job = get(connection, job_id, namespace_id=namespace_id)
    rules.refuse_associate(job_id, job.target_selection, job.status)
    key = key_of(connection, job_id)
    resolved = targets.resolve(connection, more, policy=policy, at=at)
    known = {
        (row.thing, row.group)
        for row in connection.execute(
            text('SELECT thing, "group" FROM job_targets WHERE job = :job AND NOT excluded'), {"job": key}
        )
    }
    fresh = [target for target in resolved if (target.thing, target.group) not in known]
    limits.refuse_targets(job_id, len(known) + len(fresh), quotas)
    last = text("SELECT max(position) FROM job_targets WHERE job = :job")
    position = connection.execute(last, {"job": key}).scalar_one()
    targets.add(connection, key, fresh, first=position + 1)
    words = None if comment is None else rules.text("comment", comment)
    details = {"targets": len(fresh)}
    acts.note(connection, key, Act.ASSOCIATE, actor=actor, comment=words, details=details, at=at)
    connection.execute(
        text(
            "UPDATE jobs SET target_count = target_count + :fresh, last_updated_at = :at, "
            "comment = COALESCE(:comment, comment) WHERE id = :job"
        ),
        {
            "job": key,
            "fresh": len(fresh),
            "at": to_millis(at),
            "comment": words,
        },
    )
    asked = document(connection, job_id)
    latching.begin(connection, key, first=position + 1, must_see=thing_values.asks_each(asked))
    thing_values.keep(connection, key, values)
    thing_values.require(connection, key, asked)
    act(connection, key, at=at)
    return get(connection, job_id)
