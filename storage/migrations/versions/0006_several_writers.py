"""Several writers: which notifier tells a thing now; room on PostgreSQL's pages for rows that change."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("things", sa.Column("claimed_until", sa.BigInteger(), server_default="0", nullable=False))
    if op.get_bind().dialect.name == "postgresql":
        # A row that finds room on its page needs no new entry in any index.
        for table, filled in (("executions", 80), ("things", 80), ("jobs", 50), ("job_waves", 50)):
            op.execute(f"ALTER TABLE {table} SET (fillfactor = {filled})")
