"""Alembic's entry: runs migrations on the connection that storage.schema hands over."""

from __future__ import annotations

from typing import Any

from alembic import context
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from storage.tables import metadata

#: Columns of ours that PostgreSQL would compare by the database's language.
_BY_LANGUAGE = text(
    "SELECT table_name, column_name FROM information_schema.columns "
    "WHERE table_schema = current_schema() AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C' "
    "AND table_name <> 'alembic_version'"
)


def by_bytes(ctx: MigrationContext, *_: Any, **__: Any) -> None:
    """Have PostgreSQL order and compare text by its bytes, as SQLite does: the order of pages rests on it."""
    if ctx.dialect.name == "postgresql":
        assert ctx.connection is not None
        for table, column in ctx.connection.execute(_BY_LANGUAGE).all():
            change = f'ALTER TABLE "{table}" ALTER COLUMN "{column}" TYPE text COLLATE "C"'
            ctx.connection.execute(text(change))


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,
    on_version_apply=by_bytes,
)
context.run_migrations()
