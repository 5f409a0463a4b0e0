"""Waves, zones, exclusions, priorities, contact, quarantine, dynamic groups, parameters, artifacts, acts."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_STATUSES = (
    "queued",
    "in_progress",
    "succeeded",
    "failed",
    "timed_out",
    "rejected",
    "removed",
    "canceled",
)


def _number(name: str, kind: type[sa.Integer] = sa.Integer) -> sa.Column[Any]:
    return sa.Column(name, kind(), server_default="0", nullable=False)


def _moment(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger(), nullable=True)


def _text(name: str, default: str | None = None) -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), server_default=default, nullable=default is None)


def _flag(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Boolean(), server_default=sa.text("false"), nullable=False)


_COLUMNS: dict[str, list[sa.Column[Any]]] = {
    "things": [
        _flag("connected"),
        _moment("connection_changed_at"),
        _moment("last_seen_at"),
        _number("failures"),
        _moment("quarantined_until"),
        _text("sweep", ""),
    ],
    "thing_groups": [
        _text("time_zone"),
        _text("query"),
        _text("built_to"),
        _text("sweep", ""),
    ],
    "jobs": [
        sa.Column("minute_rate", sa.Integer(), nullable=True),
        _number("wave"),
        _text("open_zones", "{}"),
        _number("retried", sa.BigInteger),
        _text("forgiven", "{}"),
        _number("priority"),
        _text("exclusive_group"),
        sa.Column("template_version", sa.Integer(), nullable=True),
        _text("parameters", "{}"),
    ],
    "job_targets": [_flag("excluded")],
    "waiting": [_number("wave"), _text("zone", ""), _number("ready_at", sa.BigInteger), _flag("again")],
    "executions": [_moment("queued_deadline_at"), _number("wave"), _text("zone", "")],
    "execution_events": [_text("actor", "")],
}


def upgrade() -> None:
    for table, columns in _COLUMNS.items():
        for column in columns:
            op.add_column(table, column)
    op.create_index("ix_waiting_pool", "waiting", ["job", "wave", "zone", "ready_at", "thing"], unique=False)
    op.create_index(
        "ix_waiting_again",
        "waiting",
        ["job", "wave"],
        unique=False,
        sqlite_where=sa.text("again"),
        postgresql_where=sa.text("again"),
    )
    # Who keeps windows learns from the clock which are open.
    op.execute("UPDATE jobs SET look_at = 0 WHERE pacing LIKE '%schedulingConfig%'")
    _partial("ix_things_sweep", "things", "sweep <> ''", "id")
    _partial("ix_thing_groups_sweep", "thing_groups", "sweep <> ''", "id")
    _partial("ix_thing_groups_query", "thing_groups", "query IS NOT NULL", "id")
    _partial("ix_things_connected", "things", "connected", "last_seen_at")
    _partial("ix_job_targets_job_thing", "job_targets", "thing IS NOT NULL", "job", "thing")
    _partial("ix_things_quarantined_until", "things", "quarantined_until IS NOT NULL", "quarantined_until")
    _side_tables()
    _templates()


def _partial(name: str, table: str, where: str, *columns: str) -> None:
    condition = sa.text(where)
    op.create_index(
        name, table, list(columns), unique=False, sqlite_where=condition, postgresql_where=condition
    )


def _side_tables() -> None:
    op.create_table(
        "job_waves",
        sa.Column("job", _KEY, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        _number("waiting"),
        *(_number(status) for status in _STATUSES),
        _moment("opened_at"),
        _moment("passed_at"),
        _moment("approved_at"),
        _number("forgiven"),
        sa.ForeignKeyConstraint(["job"], ["jobs.id"], name=op.f("fk_job_waves_job")),
        sa.PrimaryKeyConstraint("job", "number", name=op.f("pk_job_waves")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "job_values",
        sa.Column("job", _KEY, nullable=False),
        sa.Column("thing", _KEY, nullable=False),
        sa.Column("values", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["job"], ["jobs.id"], name=op.f("fk_job_values_job")),
        sa.ForeignKeyConstraint(["thing"], ["things.id"], name=op.f("fk_job_values_thing")),
        sa.PrimaryKeyConstraint("job", "thing", name=op.f("pk_job_values")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_job_values_thing"), "job_values", ["thing"], unique=False)
    op.create_table(
        "job_acts",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("job", _KEY, nullable=False),
        sa.Column("event", _KEY, nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("thing", _KEY, nullable=True),
        _text("actor", ""),
        _text("comment"),
        _text("details", "{}"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_acts")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_job_acts_job_event_id", "job_acts", ["job", "event", "id"], unique=False)
    op.create_index(
        "ix_job_acts_of_thing",
        "job_acts",
        ["job", "thing", "event", "id"],
        unique=False,
        sqlite_where=sa.text("thing IS NOT NULL"),
        postgresql_where=sa.text("thing IS NOT NULL"),
    )
    op.create_index("ix_execution_events_job_id", "execution_events", ["job", "id"], unique=False)
    op.create_table(
        "artifacts",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_artifacts")),
        sa.UniqueConstraint("name", name=op.f("uq_artifacts_name")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_artifacts_sha256"), "artifacts", ["sha256"], unique=False)


def _templates() -> None:
    """A template has versions now: its id alone is no longer unique. SQLite needs a new table for that."""
    added = [
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        _number("highest"),
        _text("parameters", "{}"),
        _number("priority"),
        _text("exclusive_group"),
    ]
    if op.get_bind().dialect.name != "sqlite":
        for column in added:
            op.add_column("templates", column)
        op.drop_constraint("uq_templates_template_id", "templates")
        op.create_unique_constraint(
            "uq_templates_template_id_version", "templates", ["template_id", "version"]
        )
        return
    op.create_table(
        "templates_with_versions",
        sa.Column("id", _KEY, nullable=False),
        sa.Column("template_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        _number("highest"),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        _text("parameters", "{}"),
        _text("timeout_config", "{}"),
        _text("pacing", "{}"),
        _number("priority"),
        _text("exclusive_group"),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_templates")),
        sa.UniqueConstraint("template_id", "version", name=op.f("uq_templates_template_id_version")),
        sqlite_autoincrement=True,
    )
    kept = "id, template_id, document, description, timeout_config, pacing, created_at"
    op.execute(f"INSERT INTO templates_with_versions ({kept}) SELECT {kept} FROM templates")
    op.drop_table("templates")
    op.rename_table("templates_with_versions", "templates")
