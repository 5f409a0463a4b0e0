"""The tables beside jobs and executions: waves, values, acts, artifacts, templates, tokens, leases."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
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
from storage.columns import Key, Millis, metadata

#: The waves of a job's rollout, numbered from 1; counters as in ``jobs``, of the things of this wave.
job_waves = Table(
    "job_waves",
    metadata,
    Column("job", Key, ForeignKey("jobs.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    # How many of its things have not had an execution.
    Column("waiting", Integer, nullable=False, server_default="0"),
    *(Column(status.value.lower(), Integer, nullable=False, server_default="0") for status in Status),
    Column("opened_at", Millis),
    # When its gate's thresholds were met, and when a person said yes.
    Column("passed_at", Millis),
    Column("approved_at", Millis),
    # How many failures an operator has seen and resumed after: they count no more against the gate.
    Column("forgiven", Integer, nullable=False, server_default="0"),
    sqlite_with_rowid=False,
)

#: Values of a job's parameters for one thing, as JSON.
job_values = Table(
    "job_values",
    metadata,
    Column("job", Key, ForeignKey("jobs.id"), primary_key=True),
    Column("thing", Key, ForeignKey("things.id"), primary_key=True, index=True),
    Column("values", Text, nullable=False),
    sqlite_with_rowid=False,
)

#: What operators and the clock did to a job as a whole; never changed.
job_acts = Table(
    "job_acts",
    metadata,
    Column("id", Key, primary_key=True),
    Column("at", Millis, nullable=False),
    Column("job", Key, nullable=False),
    # The last transition the job had had by then: the act's place among them.
    Column("event", Key, nullable=False),
    Column("act", Text, nullable=False),
    # Whose execution it concerns, where it is about one.
    Column("thing", Key),
    # Who (domain.acts.Actor), or '' for the clock.
    Column("actor", Text, nullable=False, server_default=""),
    Column("comment", Text),
    Column("details", Text, nullable=False, server_default="{}"),
    Index("ix_job_acts_job_event_id", "job", "event", "id"),
    sqlite_autoincrement=True,
)

Index(
    "ix_job_acts_of_thing",
    *(job_acts.c[name] for name in ("job", "thing", "event", "id")),
    sqlite_where=text("thing IS NOT NULL"),
    postgresql_where=text("thing IS NOT NULL"),
)

#: Files that job documents may point to; the content lies beside the database under its digest.
artifacts = Table(
    "artifacts",
    metadata,
    Column("id", Key, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("sha256", Text, nullable=False, index=True),
    Column("size", BigInteger, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("created_at", Millis, nullable=False),
    sqlite_autoincrement=True,
)

#: What devices show at the broker's door.
tokens = Table(
    "tokens",
    metadata,
    Column("id", Key, primary_key=True),
    # The public half of the token; the secret half is stored as its hash only.
    Column("name", Text, nullable=False, unique=True),
    Column("digest", LargeBinary, nullable=False),
    Column("thing", Key, ForeignKey("things.id"), nullable=False, index=True),
    Column("created_at", Millis, nullable=False),
    Column("revoked_at", Millis, index=True),
    sqlite_autoincrement=True,
)

templates = Table(
    "templates",
    metadata,
    Column("id", Key, primary_key=True),
    Column("template_id", Text, nullable=False),
    Column("version", Integer, nullable=False, server_default="1"),
    # The highest version there has been, deleted ones among them: no number is used again.
    Column("highest", Integer, nullable=False, server_default="0"),
    Column("document", Text, nullable=False),
    Column("description", Text, nullable=False),
    # JSON Schema of the parameters that the document's placeholders name.
    Column("parameters", Text, nullable=False, server_default="{}"),
    Column("timeout_config", Text, nullable=False, server_default="{}"),
    Column("pacing", Text, nullable=False, server_default="{}"),
    Column("priority", Integer, nullable=False, server_default="0"),
    Column("exclusive_group", Text),
    # Where its document came from, and package versions (JSON): what only the AWS dialect says.
    Column("document_source", Text),
    Column("package_versions", Text, nullable=False, server_default="[]"),
    Column("created_at", Millis, nullable=False),
    UniqueConstraint("template_id", "version"),
    sqlite_autoincrement=True,
)

#: Which of several processes does what only one at a time may do.
leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    # By the database's own clock.
    Column("until", Millis, nullable=False),
    Column("term", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
