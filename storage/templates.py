"""Job templates: kept, listed, deleted, never changed."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, text

from domain import job as rules
from domain import queue
from domain.documents import document_text
from domain.errors import AlreadyExists, NotFound
from domain.job import Template
from domain.names import template_id as checked_template_id
from domain.pacing import UNPACED, Pacing, parse
from domain.timeout_config import UNLIMITED, TimeoutConfig
from domain.timeout_config import parse as timeouts_from
from storage.millis import from_millis, to_millis
from storage.pages import Page, cut, size, start


def create(
    connection: Connection,
    *,
    template_id: str | None,
    document: str,
    description: str,
    timeout_config: TimeoutConfig = UNLIMITED,
    pacing: Pacing = UNPACED,
    priority: int = 0,
    exclusive_group: str | None = None,
    at: datetime,
) -> Template:
    """Keep a template. Raises ``AlreadyExists`` for an id that is taken, ``InvalidRequest``."""
    name = str(uuid4()) if template_id is None else checked_template_id(template_id)
    taken = text("SELECT 1 FROM templates WHERE template_id = :id")
    if connection.execute(taken, {"id": name}).scalar():
        raise AlreadyExists(f"Job template {name} already exists")
    connection.execute(
        text(
            "INSERT INTO templates (template_id, document, description, timeout_config, pacing, priority, "
            "exclusive_group, created_at) VALUES (:id, :document, :description, :timeout_config, :pacing, "
            ":priority, :exclusive_group, :at)"
        ),
        {
            "id": name,
            "document": document_text(document),
            "description": rules.text("description", description),
            "timeout_config": timeout_config.text,
            "pacing": pacing.text,
            "priority": queue.priority(priority),
            "exclusive_group": None if exclusive_group is None else queue.exclusive_group(exclusive_group),
            "at": to_millis(at),
        },
    )
    return get(connection, name)


def get(connection: Connection, template_id: str) -> Template:
    """Return a template, or raise ``NotFound``."""
    row = connection.execute(
        text("SELECT * FROM templates WHERE template_id = :id"), {"id": template_id}
    ).one_or_none()
    if row is None:
        raise NotFound(f"There is no job template {template_id}")
    return _template(row)


def page(connection: Connection, *, max_results: int = 250, next_token: str | None = None) -> Page[Template]:
    """Return templates, newest first."""
    question = ("templates",)
    after = start(connection, question, next_token)
    found = connection.execute(
        text(
            f"SELECT * FROM templates WHERE {'true' if after is None else 'id < :after'} "
            "ORDER BY id DESC LIMIT :limit"
        ),
        {"after": after, "limit": size(max_results) + 1},
    )
    return cut(connection, question, [(row.id, _template(row)) for row in found], max_results)


def delete(connection: Connection, template_id: str) -> None:
    """Forget a template; jobs made from it keep what they have. Raises ``NotFound``."""
    gone = connection.execute(text("DELETE FROM templates WHERE template_id = :id"), {"id": template_id})
    if not gone.rowcount:
        raise NotFound(f"There is no job template {template_id}")


def _template(row: Any) -> Template:
    return Template(
        template_id=row.template_id,
        document=row.document,
        description=row.description,
        created_at=from_millis(row.created_at),
        timeout_config=timeouts_from(row.timeout_config),
        pacing=parse(row.pacing),
        priority=row.priority,
        exclusive_group=row.exclusive_group,
    )
