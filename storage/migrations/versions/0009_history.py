"""Retention: where history begins, jobs by when they ended; transitions in partitions on PostgreSQL."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_ENDED = sa.text("status IN ('COMPLETED', 'CANCELED')")
#: How many numbers of transitions a partition takes, and how many partitions lie ready.
_SPAN, _AHEAD = 5_000_000, 4
_INDEXES = {
    "ix_execution_events_job_thing_id": "job, thing, id",
    "ix_execution_events_job_id": "job, id",
}


def upgrade() -> None:
    op.add_column("positions", sa.Column("at", sa.BigInteger(), nullable=True))
    op.create_index(
        "ix_jobs_ended",
        "jobs",
        ["last_updated_at", "id"],
        unique=False,
        sqlite_where=_ENDED,
        postgresql_where=_ENDED,
    )
    if op.get_bind().dialect.name == "postgresql":
        _divide()


def _divide() -> None:
    """Put the table as it is, with its indexes, under a new one of its name as that one's first partition."""
    first = "execution_events_0"
    op.execute(f"ALTER TABLE execution_events RENAME TO {first}")
    op.execute(f"ALTER INDEX pk_execution_events RENAME TO pk_{first}")
    for number, index in enumerate(_INDEXES):
        op.execute(f"ALTER INDEX {index} RENAME TO ix_{first}_{number}")
    op.execute(
        f"CREATE TABLE execution_events (LIKE {first} INCLUDING DEFAULTS, "
        "CONSTRAINT pk_execution_events PRIMARY KEY (id)) PARTITION BY RANGE (id)"
    )
    for index, columns in _INDEXES.items():
        op.execute(f"CREATE INDEX {index} ON execution_events ({columns})")
    op.execute("ALTER SEQUENCE execution_events_id_seq OWNED BY execution_events.id")
    op.execute(f"ALTER TABLE {first} ALTER COLUMN id DROP DEFAULT")
    newest = op.get_bind().execute(sa.text(f"SELECT max(id) FROM {first}")).scalar() or 0
    begin = (newest // _SPAN + 1) * _SPAN
    # Reads the table once, to see that all of it lies below.
    op.execute(
        f"ALTER TABLE execution_events ATTACH PARTITION {first} FOR VALUES FROM (MINVALUE) TO ({begin})"
    )
    for low in range(begin, begin + _AHEAD * _SPAN, _SPAN):
        op.execute(
            f"CREATE TABLE execution_events_{low} PARTITION OF execution_events "
            f"FOR VALUES FROM ({low}) TO ({low + _SPAN})"
        )
    # For what finds no partition because nobody has made one.
    op.execute("CREATE TABLE execution_events_rest PARTITION OF execution_events DEFAULT")
