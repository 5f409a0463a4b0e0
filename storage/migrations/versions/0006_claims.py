"""Claims: which notifier tells a thing now, where several look for what is to be told."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("things", sa.Column("claimed_until", sa.BigInteger(), server_default="0", nullable=False))
