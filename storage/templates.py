"""Job templates: kept in versions, listed, deleted; a version never changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

from pydantic_core import from_json, to_json
from sqlalchemy import Connection, text

from domain import job as rules
from domain import parameters as parameter_rules
from domain import queue
from domain.documents import document_text
from domain.errors import AlreadyExists, InvalidRequest, NotFound
from domain.job import Template
from domain.names import template_id as checked_template_id
from domain.pacing import UNPACED, Pacing, parse
from domain.schedule import SchedulingConfig
from domain.substitution import parameters_named
from domain.timeout_config import TimeoutConfig
from domain.timeout_config import parse as timeouts_from
from storage import limits, links, tags
from storage.millis import from_millis, to_millis
from storage.pages import Page, cut, size, start
from storage.policy import Quotas


def create(
    connection: Connection,
    *,
    template_id: str | None,
    document: str | None = None,
    description: str,
    parameters: Mapping[str, Any] | None = None,
    timeout_config: TimeoutConfig | None = None,
    pacing: Pacing = UNPACED,
    priority: int | None = None,
    exclusive_group: str | None = None,
    from_job: str | None = None,
    document_source: str | None = None,
    package_versions: Sequence[str] | None = None,
    labels: Mapping[str, str] | None = None,
    quotas: Quotas | None = None,
    again: bool = False,
    at: datetime,
) -> Template:
    """Keep a template, or with ``again`` another version of one that is there.

    What is not given comes from the job ``from_job``, a member as a whole (contract 1.7); ``document_source``
    says where ``document`` came from. ``labels`` are its tags. Raises ``AlreadyExists`` for an id that is
    taken (``NotFound``: again, and it is not), ``LimitExceeded``, ``InvalidRequest``.
    """
    name = str(uuid4()) if template_id is None else checked_template_id(template_id)
    last = connection.execute(_LAST, {"id": name}).scalar()
    if last is not None and not again:
        raise AlreadyExists(f"Job template {name} already exists")
    if last is None and again:
        raise NotFound(f"There is no job template {name}")
    if quotas is not None:
        limits.refuse_template(connection, quotas)
    basis = NOTHING if from_job is None else _of_job(connection, from_job)
    schema = parameter_rules.checked(parameters or {})
    group = basis.exclusive_group if exclusive_group is None else queue.exclusive_group(exclusive_group)
    text_ = _document(basis.document if document is None else document, schema)
    links.require(connection, text_)
    connection.execute(
        _INSERT,
        {
            "id": name,
            "version": (last or 0) + 1,
            "document": text_,
            "description": rules.text("description", description),
            "parameters": to_json(schema).decode(),
            "timeout_config": (basis.timeout_config if timeout_config is None else timeout_config).text,
            "pacing": pacing.over(basis.pacing or UNPACED).text,
            "priority": basis.priority if priority is None else queue.priority(priority),
            "exclusive_group": group,
            "document_source": basis.document_source if document is None else document_source,
            "package_versions": to_json(
                basis.package_versions if package_versions is None else package_versions
            ).decode(),
            "at": to_millis(at),
        },
    )
    tags.put(connection, resource(name), labels or {})
    return get(connection, name)


def resource(template_id: str) -> str:
    """Return what a template's tags hang on."""
    return f"jobtemplate/{template_id}"


_LAST = text(
    "SELECT max(CASE WHEN version > highest THEN version ELSE highest END) FROM templates "
    "WHERE template_id = :id"
)
_INSERT = text(
    "INSERT INTO templates (template_id, version, document, description, parameters, timeout_config, "
    "pacing, priority, exclusive_group, document_source, package_versions, created_at) VALUES (:id, "
    ":version, :document, :description, :parameters, :timeout_config, :pacing, :priority, :exclusive_group, "
    ":document_source, :package_versions, :at)"
)


#: What a template has about which nothing is said; a document must be.
NOTHING: Final = Template(template_id="", document="", description="", created_at=from_millis(0))


def _of_job(connection: Connection, job_id: str) -> Template:
    """Return what a template takes from a job: of its schedule the windows only. Raises ``NotFound``."""
    row = connection.execute(text("SELECT * FROM jobs WHERE job_id = :id"), {"id": job_id}).one_or_none()
    if row is None:
        raise NotFound(f"There is no job {job_id}")
    paced = parse(row.pacing)
    times = paced.scheduling_config
    windows = () if times is None else times.maintenance_windows
    kept = SchedulingConfig(maintenance_windows=windows) if windows else None
    return replace(
        NOTHING,
        document=row.document,
        timeout_config=timeouts_from(row.timeout_config),
        pacing=paced.model_copy(update={"scheduling_config": kept}),
        priority=row.priority,
        exclusive_group=row.exclusive_group,
        document_source=row.document_source,
        package_versions=tuple(from_json(row.package_versions)),
    )


def _document(document: str, schema: Mapping[str, Any]) -> str:
    """Return the checked document; with a schema it may name only parameters that this knows."""
    checked = document_text(document)
    unknown = parameters_named(checked) - set(parameter_rules.declared(schema))
    if unknown and schema and parameter_rules.is_closed(schema):
        raise InvalidRequest(
            f"document names the parameter {min(unknown)}, which parameters does not declare"
        )
    return checked


def get(connection: Connection, template_id: str, *, version: int | None = None) -> Template:
    """Return a template's newest or this version, or raise ``NotFound``."""
    row = connection.execute(
        text(
            "SELECT * FROM templates WHERE template_id = :id "
            f"{'' if version is None else 'AND version = :version '}ORDER BY version DESC LIMIT 1"
        ),
        {"id": template_id, "version": version},
    ).one_or_none()
    if row is None:
        raise _none(template_id, version)
    return _template(row)


def page(connection: Connection, *, max_results: int = 250, next_token: str | None = None) -> Page[Template]:
    """Return templates in their newest version, the latest one first."""
    newest = (
        "NOT EXISTS (SELECT 1 FROM templates n WHERE n.template_id = t.template_id AND n.version > t.version)"
    )
    question = ("templates",)
    after = start(connection, question, next_token)
    found = _select(connection, newest, {"after": after, "limit": size(max_results) + 1})
    return cut(connection, question, found, max_results)


def versions(
    connection: Connection, template_id: str, *, max_results: int = 250, next_token: str | None = None
) -> Page[Template]:
    """Return the versions of one template, newest first, or raise ``NotFound``."""
    get(connection, template_id)
    question = ("versions of template", template_id)
    after = start(connection, question, next_token)
    asked = {"template": template_id, "after": after, "limit": size(max_results) + 1}
    found = _select(connection, "t.template_id = :template", asked)
    return cut(connection, question, found, max_results)


def _select(connection: Connection, where: str, asked: Mapping[str, Any]) -> list[tuple[int, Template]]:
    before = "true" if asked["after"] is None else "t.id < :after"
    found = connection.execute(
        text(f"SELECT t.* FROM templates t WHERE {where} AND {before} ORDER BY t.id DESC LIMIT :limit"), asked
    )
    return [(row.id, _template(row)) for row in found]


def delete(connection: Connection, template_id: str, *, version: int | None = None) -> None:
    """Forget a template or one version of it; jobs made from it keep what they have. Raises ``NotFound``."""
    gone = connection.execute(
        text(
            "DELETE FROM templates WHERE template_id = :id "
            f"{'' if version is None else 'AND version = :version'}"
        ),
        {"id": template_id, "version": version},
    )
    if not gone.rowcount:
        raise _none(template_id, version)
    if version is not None:
        connection.execute(
            text("UPDATE templates SET highest = :version WHERE template_id = :id AND highest < :version"),
            {"id": template_id, "version": version},
        )
    if connection.execute(_LAST, {"id": template_id}).scalar() is None:
        tags.clear(connection, resource(template_id))


def _none(template_id: str, version: int | None) -> NotFound:
    which = "" if version is None else f" version {version} of"
    return NotFound(f"There is no{which} job template {template_id}")


def _template(row: Any) -> Template:
    return Template(
        template_id=row.template_id,
        version=row.version,
        document=row.document,
        description=row.description,
        parameters=from_json(row.parameters),
        created_at=from_millis(row.created_at),
        timeout_config=timeouts_from(row.timeout_config),
        pacing=parse(row.pacing),
        priority=row.priority,
        exclusive_group=row.exclusive_group,
        document_source=row.document_source,
        package_versions=tuple(from_json(row.package_versions)),
    )
