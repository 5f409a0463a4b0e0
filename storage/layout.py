"""Writes a new job: its row, its targets and exclusions, its waves, who waits for it, and their values."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import uuid4

from pydantic_core import to_json
from sqlalchemy import Connection, text

from domain import schedule
from domain.acts import Act
from domain.errors import UnknownTarget
from domain.job import NewJob
from domain.waves import UNSTAGED, StagedRolloutConfig
from storage import acts, latching, links, orders, tags, targets, values, waves
from storage.millis import to_millis
from storage.orders import Order
from storage.policy import Policy


def lay_out(
    connection: Connection,
    job: NewJob,
    *,
    policy: Policy,
    whole: bool = False,
    actor: str = "",
    at: datetime,
) -> int:
    """Write a new job and put its things into the waiting list; return its key. Nothing goes out yet.

    Of very many things the clock does that, unless all must be there at once (``whole``).
    Raises what ``create`` does, but ``AlreadyExists``.
    """
    order = orders.order(connection, job)
    if order.paced.scheduling_config is not None:
        times = order.paced.scheduling_config
        schedule.check(times, job.target_selection, at=at, lead=policy.schedule_lead)
    resolved = targets.resolve(connection, job.targets, policy=policy, at=at)
    excluded = targets.exclusions(connection, job.excluded_targets, at=at)
    staged = order.paced.staged_rollout_config or UNSTAGED
    _require_named(connection, staged)
    key = _write(connection, job, order, target_count=len(resolved), at=at)
    acts.note(connection, key, Act.CREATE, actor=actor, details={"targets": len(resolved)}, at=at)
    targets.add(connection, key, resolved, first=0)
    targets.add(connection, key, excluded, first=len(resolved), excluded=True)
    waves.begin(connection, key, staged, at=at)
    latching.begin(connection, key, first=0, must_see=whole or values.asks_each(order.document))
    values.keep(connection, key, job.values)
    values.require(connection, key, order.document)
    links.require(connection, order.document)
    if job.tags:
        name = connection.execute(text("SELECT job_id FROM jobs WHERE id = :key"), {"key": key}).scalar_one()
        tags.put(connection, f"job/{name}", job.tags)
    return key


def _require_named(connection: Connection, staged: StagedRolloutConfig) -> None:
    """Raise ``UnknownTarget`` for a name in a wave that is nobody's: the next wave would go out at once."""
    for number, wave in enumerate(staged.waves):
        for what, names, found in (
            ("groups", wave.groups or (), targets.group_keys),
            ("things", wave.things or (), targets.thing_keys),
        ):
            known = found(connection, names) if names else {}
            unknown = next((name for name in names if name not in known), None)
            if unknown is not None:
                noun = "thing group" if what == "groups" else "thing"
                place = f"stagedRolloutConfig.waves[{number}].{what}"
                raise UnknownTarget(f"{place}: there is no {noun} {unknown!r}")


def _write(connection: Connection, job: NewJob, order: Order, *, target_count: int, at: datetime) -> int:
    """Write the row of a job; return its key."""
    row = {
        "job_id": job.job_id or str(uuid4()),
        "target_selection": job.target_selection.value,
        "status": orders.first_status(order.paced).value,
        "document": order.document,
        "description": order.description,
        "timeout_config": order.timeouts.text,
        "pacing": order.paced.text,
        "template_id": order.template_id,
        "template_version": order.template_version,
        "parameters": to_json(order.parameters).decode(),
        "priority": order.priority,
        "exclusive_group": order.exclusive_group,
        "client_token": job.client_token,
        "request_digest": orders.digest(job),
        "target_count": target_count,
        "namespace_id": job.namespace_id,
        "document_source": order.document_source,
        "original_document": order.original_document,
        "document_parameters": to_json(dict(job.document_parameters)).decode(),
        "package_versions": to_json(list(order.package_versions)).decode(),
        "created_at": to_millis(at),
        "last_updated_at": to_millis(at),
    }
    return int(connection.execute(_INSERT, row).scalar_one())


_COLUMNS: Final = (
    "job_id", "target_selection", "status", "document", "description", "timeout_config", "pacing",
    "template_id", "template_version", "parameters", "priority", "exclusive_group", "client_token",
    "request_digest", "target_count", "namespace_id", "document_source", "original_document",
    "document_parameters", "package_versions", "created_at", "last_updated_at",
)  # fmt: skip
_INSERT: Final = text(
    f"INSERT INTO jobs ({', '.join(_COLUMNS)}) VALUES ({', '.join(f':{name}' for name in _COLUMNS)}) "
    "RETURNING id"
)
