"""Latching in pieces: which of its targets a job goes over, and up to which thing it has."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("latched_to", sa.BigInteger(), nullable=True))
    op.add_column("jobs", sa.Column("latched_from", sa.Integer(), nullable=False, server_default="0"))
