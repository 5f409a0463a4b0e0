"""Rates, retries, aborts and schedules: what the clock must know of a job."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("superseded_succeeded", "superseded_failed", "superseded_rejected", "superseded_timed_out"):
        op.add_column("jobs", sa.Column(name, sa.Integer(), server_default="0", nullable=False))
    op.add_column("jobs", sa.Column("pacing", sa.Text(), server_default="{}", nullable=False))
    op.add_column("jobs", sa.Column("released", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("jobs", sa.Column("minute_at", sa.BigInteger(), nullable=True))
    op.add_column("jobs", sa.Column("minute_released", sa.Integer(), server_default="0", nullable=False))
    op.add_column("jobs", sa.Column("look_at", sa.BigInteger(), nullable=True))
    op.add_column("waiting", sa.Column("attempt", sa.Integer(), server_default="0", nullable=False))
    op.add_column("templates", sa.Column("pacing", sa.Text(), server_default="{}", nullable=False))
    op.execute("UPDATE jobs SET look_at = 0 WHERE waiting > 0 OR sweep <> ''")
    op.execute("UPDATE jobs SET released = (SELECT count(*) FROM executions e WHERE e.job = jobs.id)")
    op.drop_index("ix_jobs_unsettled", table_name="jobs")
    op.create_index(
        "ix_jobs_look_at",
        "jobs",
        ["look_at"],
        unique=False,
        sqlite_where=sa.text("look_at IS NOT NULL"),
        postgresql_where=sa.text("look_at IS NOT NULL"),
    )
