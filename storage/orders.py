"""What is asked for when a job is to be created: whether it was asked before, and what all is in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, text

from domain import job as rules
from domain import managed, parameters, queue, substitution
from domain.documents import document_text
from domain.errors import AlreadyExists, InvalidRequest
from domain.job import JobStatus, NewJob, Template
from domain.pacing import UNPACED, Pacing
from domain.timeout_config import UNLIMITED, TimeoutConfig
from storage import marks, templates
from storage.templates import NOTHING

_LATER: Final = frozenset(
    {"namespace_id", "document_source", "document_parameters", "package_versions", "tags"}
)
#: A client token is remembered as long as its job.
_MAX_TOKEN: Final = 64


def digest(job: NewJob) -> str:
    """Return what tells one request from another: the same text for the same content."""
    # ASCII: what is no text at all (a lone surrogate) is for later checks to refuse.
    # Values by thing may be many, and are plain already.
    content = asdict(replace(job, pacing=None, values={})) | {
        "timeout_config": (job.timeout_config or UNLIMITED).members,
        "values": job.values,
    }
    # Left out where nothing is said, so that a call from before there were such members stays the same.
    content = {name: value for name, value in content.items() if value or name not in _LATER}
    return sha256(json.dumps({**content, "pacing": (job.pacing or UNPACED).text}).encode()).hexdigest()


def check_token(token: str | None) -> None:
    if token is not None and not (1 <= len(token) <= _MAX_TOKEN and token.isascii() and token.isprintable()):
        raise InvalidRequest(
            f"clientToken {token[:64]!r} is not 1 to {_MAX_TOKEN} printable ASCII characters"
        )


def existing(connection: Connection, job: NewJob, digest: str, *, by_token: bool = False) -> str | None:
    """Return the id of the job this call has created before, or None.

    ``by_token``: only its client token tells that it is the same call; an id that is taken is taken.
    """
    for column, value in (("job_id", job.job_id), ("client_token", job.client_token)):
        row = (
            value
            and connection.execute(
                text(
                    f"SELECT job_id, request_digest, client_token, status FROM jobs WHERE {column} = :value"
                ),
                {"value": value},
            ).one_or_none()
        )
        if not row:
            continue
        noun = "Job" if column == "job_id" else "A job with clientToken"
        if row.status == JobStatus.DELETION_IN_PROGRESS:
            raise AlreadyExists(f"{noun} {value} already exists and is being deleted")
        if by_token and (row.client_token is None or row.client_token != job.client_token):
            raise AlreadyExists(f"{noun} {value} already exists")
        if row.request_digest != digest:
            raise AlreadyExists(f"{noun} {value} already exists with other content")
        return str(row.job_id)
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A job with all that is in it: what it leaves out has come from its template."""

    document: str
    description: str | None
    timeouts: TimeoutConfig
    paced: Pacing
    priority: int
    exclusive_group: str | None
    template_id: str | None
    template_version: int | None
    parameters: Mapping[str, Any]
    #: Before anything was filled in; None: nothing was.
    original_document: str | None
    document_source: str | None
    package_versions: tuple[str, ...]


def order(connection: Connection, job: NewJob) -> Order:
    """Return what exactly is asked for; a member that the job states replaces the template's as a whole.

    Raises ``NotFound`` for an unknown template or version, ``InvalidRequest``.
    """
    template = _template(connection, job)
    filled = _filled(job, template)
    basis = template or NOTHING
    inherited = None if template is None else template.description
    description = None if job.description is None else rules.text("description", job.description)
    return Order(
        document=filled.document,
        description=inherited if description is None else description,
        timeouts=basis.timeout_config if job.timeout_config is None else job.timeout_config,
        paced=(job.pacing or UNPACED).over(basis.pacing or UNPACED),
        priority=basis.priority if job.priority is None else queue.priority(job.priority),
        exclusive_group=(
            basis.exclusive_group
            if job.exclusive_group is None
            else queue.exclusive_group(job.exclusive_group)
        ),
        template_id=None if template is None else template.template_id,
        template_version=None if template is None else template.version or None,
        parameters=filled.values,
        original_document=filled.original,
        document_source=job.document_source if job.document is not None else basis.document_source,
        package_versions=basis.package_versions if job.package_versions is None else job.package_versions,
    )


class _Filled(NamedTuple):
    """A document with its parameters filled in, what it was before (None: the same), and their values."""

    document: str
    original: str | None
    values: Mapping[str, Any]


def _filled(job: NewJob, template: Template | None) -> _Filled:
    document = job.document if template is None or job.document is not None else template.document
    if document is None:
        raise InvalidRequest("document is required")
    inherits = job.document is None
    if template is not None and inherits and managed.is_managed(template.template_id):
        return _Filled(managed.fill(template.template_id, job.document_parameters), document, {})
    if job.document_parameters:
        raise InvalidRequest("documentParameters: only the document of a managed job template has any")
    schema = {} if template is None else template.parameters
    before = document_text(document)
    values = parameters.values(schema, job.parameters, substitution.parameters_named(before))
    # A value may have made it too large, too deep, or hold what no document may.
    after = document_text(substitution.fill_parameters(before, values))
    return _Filled(after, None if after == before else before, values)


def _template(connection: Connection, job: NewJob) -> Template | None:
    if job.template_id is not None and managed.is_managed(job.template_id):
        return _managed(job.template_id)
    if job.template_id is not None:
        return templates.get(connection, job.template_id, version=job.template_version)
    if job.template_version is not None:
        raise InvalidRequest("templateVersion is given without a template")
    return None


def _managed(reference: str) -> Template:
    """Return a managed template as one of our own: it has no number among our versions."""
    found = managed.find(reference)
    return replace(
        NOTHING,
        template_id=found.reference,
        document=found.document,
        description=found.description,
        version=0,
    )


def set_priority(connection: Connection, job_id: str, priority: int) -> None:
    """Give a job another priority; whose queues it is in may have another one come first."""
    key = connection.execute(
        text("UPDATE jobs SET priority = :priority WHERE job_id = :id RETURNING id"),
        {"id": job_id, "priority": queue.priority(priority)},
    ).scalar_one()
    marks.mark_pending(connection, key)


def first_status(paced: Pacing) -> JobStatus:
    """A job with a start or windows is SCHEDULED until the clock opens it, which may be at once."""
    times = paced.scheduling_config
    waits = times is not None and (times.starts_at is not None or times.maintenance_windows)
    return JobStatus.SCHEDULED if waits else JobStatus.IN_PROGRESS
