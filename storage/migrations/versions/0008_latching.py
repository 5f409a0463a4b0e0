"""Latching in pieces: up to which thing a job has gone over what its targets cover."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("latched_to", sa.BigInteger(), nullable=True))
