"""The tables. Surrogate integer keys inside, names outside; times are UTC epoch milliseconds."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from domain.execution import Status
from domain.job import OPEN
from storage.columns import Key, Millis, metadata
from storage.principal_tables import (
    access_keys,
    certificates,
    policies,
    policy_attachments,
    policy_versions,
    thing_principals,
)
from storage.registry_tables import (
    billing_groups,
    event_configurations,
    lifecycle_notes,
    positions,
    tags,
    thing_types,
)
from storage.side_tables import artifacts, job_acts, job_values, job_waves, leases, templates, tokens
from storage.thing_tables import group_members, thing_groups, things

__all__ = [
    "COUNTERS",
    "OPEN_SQL",
    "PENDING_SQL",
    "SUPERSEDED",
    "access_keys",
    "artifacts",
    "billing_groups",
    "certificates",
    "event_configurations",
    "group_members",
    "job_acts",
    "job_values",
    "job_waves",
    "leases",
    "lifecycle_notes",
    "metadata",
    "policies",
    "policy_attachments",
    "policy_versions",
    "positions",
    "tags",
    "templates",
    "thing_groups",
    "thing_principals",
    "thing_types",
    "things",
    "tokens",
]

#: The column of ``jobs`` that counts the executions of each status.
COUNTERS: Final = {status: status.value.lower() for status in Status}
#: The column that counts ended executions of each status which a later one of the same thing has replaced.
SUPERSEDED: Final = {
    status: f"superseded_{status.value.lower()}"
    for status in (Status.SUCCEEDED, Status.FAILED, Status.REJECTED, Status.TIMED_OUT)
}

#: A job's row: that work is still being handed out and taken back, or will be again.
OPEN_SQL: Final = f"status IN ({', '.join(sorted(repr(status.value) for status in OPEN))})"

meta = Table(
    "meta",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Key, primary_key=True),
    Column("job_id", Text, nullable=False, unique=True),
    Column("target_selection", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("document", Text, nullable=False),
    Column("description", Text),
    Column("timeout_config", Text, nullable=False, server_default="{}"),
    # Rollout, abort, retry and schedule, as JSON (domain.pacing).
    Column("pacing", Text, nullable=False, server_default="{}"),
    Column("template_id", Text),
    Column("comment", Text),
    Column("reason_code", Text),
    Column("force_canceled", Boolean, nullable=False, server_default=text("false")),
    Column("created_at", Millis, nullable=False),
    Column("last_updated_at", Millis, nullable=False),
    Column("completed_at", Millis),
    # Retry-safe creation: the caller's token and what exactly was asked for.
    Column("client_token", Text, unique=True),
    Column("request_digest", Text, nullable=False),
    Column("target_count", Integer, nullable=False),
    # How many things are latched as targets and have no execution yet.
    Column("waiting", Integer, nullable=False, server_default="0"),
    # What a cancel or delete still has to do to the executions: '' when nothing.
    Column("sweep", Text, nullable=False, server_default=""),
    *(Column(name, Integer, nullable=False, server_default="0") for name in COUNTERS.values()),
    *(Column(name, Integer, nullable=False, server_default="0") for name in SUPERSEDED.values()),
    # The rollout so far: all executions it has made, and those of the running minute.
    Column("released", BigInteger, nullable=False, server_default="0"),
    Column("minute_at", Millis),
    Column("minute_released", Integer, nullable=False, server_default="0"),
    Column("minute_rate", Integer),
    # The wave that is open (0: the job has none), whether windows are open by zone (JSON), retries given.
    Column("wave", Integer, nullable=False, server_default="0"),
    Column("open_zones", Text, nullable=False, server_default="{}"),
    Column("retried", BigInteger, nullable=False, server_default="0"),
    # Ends an operator has seen and resumed after, by status (JSON): abort criteria count from there.
    Column("forgiven", Text, nullable=False, server_default="{}"),
    # Between jobs on one thing: the higher goes first, and of one exclusive group only one runs at once.
    Column("priority", Integer, nullable=False, server_default="0"),
    Column("exclusive_group", Text),
    Column("template_version", Integer),
    # Values of the document's parameters for every thing, as JSON.
    Column("parameters", Text, nullable=False, server_default="{}"),
    # Up to which thing (key) the job has gone over what its targets cover; null: over all of it. It goes over
    # the targets from this position on.
    Column("latched_to", BigInteger),
    Column("latched_from", Integer, nullable=False, server_default="0"),
    # When the clock must look at the job again; 0 is at once, null is never.
    Column("look_at", Millis),
    # What only the AWS dialect says: whose job it is (Greengrass), where its document came from, what that
    # was before a managed template's parameters were filled in, and those (JSON); package versions (JSON).
    Column("namespace_id", Text),
    Column("document_source", Text),
    Column("original_document", Text),
    Column("document_parameters", Text, nullable=False, server_default="{}"),
    Column("package_versions", Text, nullable=False, server_default="[]"),
    CheckConstraint("waiting >= 0 AND queued >= 0 AND in_progress >= 0", name="counts"),
    Index("ix_jobs_status_id", "status", "id"),
    Index("ix_jobs_target_selection_id", "target_selection", "id"),
    Index("ix_jobs_status_target_selection_id", "status", "target_selection", "id"),
    sqlite_autoincrement=True,
)
Index(
    "ix_jobs_namespace_status_id",
    jobs.c.namespace_id,
    jobs.c.status,
    jobs.c.id,
    sqlite_where=text("namespace_id IS NOT NULL"),
    postgresql_where=text("namespace_id IS NOT NULL"),
)
Index(
    "ix_jobs_ended",
    jobs.c.last_updated_at,
    jobs.c.id,
    sqlite_where=text("status IN ('COMPLETED', 'CANCELED')"),
    postgresql_where=text("status IN ('COMPLETED', 'CANCELED')"),
)
Index(
    "ix_jobs_look_at",
    jobs.c.look_at,
    sqlite_where=text("look_at IS NOT NULL"),
    postgresql_where=text("look_at IS NOT NULL"),
)

job_targets = Table(
    "job_targets",
    metadata,
    Column("job", Key, ForeignKey("jobs.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("text", Text, nullable=False),
    # One of the two; a deleted group leaves its number behind, which nothing has any more.
    Column("thing", Key),
    Column("group", Key, index=True),
    # An exclusion: what it names gets nothing, although another target covers it.
    Column("excluded", Boolean, nullable=False, server_default=text("false")),
    sqlite_with_rowid=False,
)
Index(
    "ix_job_targets_job_thing",
    job_targets.c.job,
    job_targets.c.thing,
    sqlite_where=text("thing IS NOT NULL"),
    postgresql_where=text("thing IS NOT NULL"),
)

#: Things latched as targets of a job that have no execution yet.
waiting = Table(
    "waiting",
    metadata,
    Column("job", Key, ForeignKey("jobs.id"), primary_key=True),
    Column("thing", Key, ForeignKey("things.id"), primary_key=True, index=True),
    # Which retry its next execution is; 0 for a first one.
    Column("attempt", Integer, nullable=False, server_default="0"),
    # When it may go out: with which wave (0: no waves), in which zone's windows, and not before when.
    Column("wave", Integer, nullable=False, server_default="0"),
    Column("zone", Text, nullable=False, server_default=""),
    Column("ready_at", Millis, nullable=False, server_default="0"),
    # Whether the thing has an execution of this job that the next one will replace.
    Column("again", Boolean, nullable=False, server_default=text("false")),
    Index("ix_waiting_pool", "job", "wave", "zone", "ready_at", "thing"),
    sqlite_with_rowid=False,
)
Index(
    "ix_waiting_again",
    waiting.c.job,
    waiting.c.wave,
    sqlite_where=text("again"),
    postgresql_where=text("again"),
)

executions = Table(
    "executions",
    metadata,
    Column("id", Key, primary_key=True),
    Column("job", Key, ForeignKey("jobs.id"), nullable=False),
    Column("thing", Key, ForeignKey("things.id"), nullable=False),
    Column("number", BigInteger, nullable=False, server_default="1"),
    Column("version", BigInteger, nullable=False, server_default="1"),
    Column("status", Text, nullable=False),
    Column("status_details", Text, nullable=False, server_default="{}"),
    Column("queued_at", Millis, nullable=False),
    Column("started_at", Millis),
    Column("last_updated_at", Millis, nullable=False),
    Column("in_progress_deadline_at", Millis),
    Column("step_deadline_at", Millis),
    # Until when it may stay QUEUED.
    Column("queued_deadline_at", Millis),
    # The earliest that holds now, so that one index finds what is due.
    Column("deadline_at", Millis),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("force_canceled", Boolean, nullable=False, server_default=text("false")),
    # With which wave it went out, and whose windows it keeps.
    Column("wave", Integer, nullable=False, server_default="0"),
    Column("zone", Text, nullable=False, server_default=""),
    # The last answers given to this execution's updates (see storage.ring).
    Column("replies", Text, nullable=False, server_default="[]"),
    UniqueConstraint("job", "thing", "number"),
    Index("ix_executions_job_id", "job", "id"),
    Index("ix_executions_job_status_id", "job", "status", "id"),
    Index("ix_executions_thing_id", "thing", "id"),
    sqlite_autoincrement=True,
)
PENDING_SQL: Final = "status IN ('QUEUED', 'IN_PROGRESS')"
Index(
    "ix_executions_pending",
    executions.c.thing,
    executions.c.queued_at,
    executions.c.id,
    sqlite_where=text(PENDING_SQL),
    postgresql_where=text(PENDING_SQL),
)
Index(
    "ix_executions_due",
    executions.c.deadline_at,
    sqlite_where=text("deadline_at IS NOT NULL"),
    postgresql_where=text("deadline_at IS NOT NULL"),
)

#: One row per transition, never changed: the audit trail, the timeline, the feed's cursor. On PostgreSQL in
#: partitions by id (storage.partitions).
execution_events = Table(
    "execution_events",
    metadata,
    Column("id", Key, primary_key=True),
    Column("at", Millis, nullable=False),
    Column("job", Key, nullable=False),
    Column("thing", Key, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("from_status", Text),
    Column("to_status", Text, nullable=False),
    Column("cause", Text, nullable=False),
    # Who, where an operator did it.
    Column("actor", Text, nullable=False, server_default=""),
    Column("status_details", Text, nullable=False, server_default="{}"),
    Index("ix_execution_events_job_thing_id", "job", "thing", "id"),
    Index("ix_execution_events_job_id", "job", "id"),
    sqlite_autoincrement=True,
)
