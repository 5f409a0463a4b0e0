"""Writes a new job: its row, its targets and exclusions, its waves, and who waits for it."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import uuid4

from sqlalchemy import Connection, text

from domain import schedule
from domain.acts import Act
from domain.job import NewJob
from domain.waves import UNSTAGED
from storage import acts, orders, targets, waves
from storage.millis import to_millis
from storage.policy import Policy


def lay_out(connection: Connection, job: NewJob, *, policy: Policy, actor: str = "", at: datetime) -> int:
    """Write a new job and put its things into the waiting list; return its key. Nothing goes out yet.

    Raises what ``create`` does, but ``AlreadyExists``.
    """
    document, description, timeouts, paced = orders.content(connection, job)
    priority, exclusive_group = orders.rank(connection, job)
    if paced.scheduling_config is not None:
        schedule.check(paced.scheduling_config, job.target_selection, at=at, lead=policy.schedule_lead)
    resolved = targets.resolve(connection, job.targets, policy=policy, at=at)
    excluded = targets.exclusions(connection, job.excluded_targets, at=at)
    key = int(
        connection.execute(
            _INSERT,
            {
                "job_id": job.job_id or str(uuid4()),
                "target_selection": job.target_selection.value,
                "document": document,
                "description": description,
                "timeout_config": timeouts.text,
                "pacing": paced.text,
                "status": orders.first_status(paced).value,
                "template_id": job.template_id,
                "priority": priority,
                "exclusive_group": exclusive_group,
                "client_token": job.client_token,
                "digest": orders.digest(job),
                "target_count": len(resolved),
                "at": to_millis(at),
            },
        ).scalar_one()
    )
    acts.note(connection, key, Act.CREATE, actor=actor, details={"targets": len(resolved)}, at=at)
    targets.add(connection, key, resolved, first=0)
    targets.add(connection, key, excluded, first=len(resolved), excluded=True)
    waves.begin(connection, key, paced.staged_rollout_config or UNSTAGED, at=at)
    targets.latch(connection, key, resolved)
    return key


_INSERT: Final = text(
    "INSERT INTO jobs (job_id, target_selection, status, document, description, timeout_config, pacing, "
    "template_id, priority, exclusive_group, client_token, request_digest, target_count, created_at, "
    "last_updated_at) VALUES (:job_id, :target_selection, :status, :document, :description, "
    ":timeout_config, :pacing, :template_id, :priority, :exclusive_group, :client_token, :digest, "
    ":target_count, :at, :at) RETURNING id"
)
