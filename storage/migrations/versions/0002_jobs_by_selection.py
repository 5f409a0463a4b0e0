"""Lists of jobs by target selection, alone and with a status, are read from an index."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_jobs_target_selection_id", "jobs", ["target_selection", "id"])
    op.create_index("ix_jobs_status_target_selection_id", "jobs", ["status", "target_selection", "id"])
