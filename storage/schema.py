"""Brings a database to the newest schema; forward only, in this process."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.util.exc import CommandError
from sqlalchemy import Connection, Engine, text

from domain.errors import Unavailable
from storage import artifacts, pages
from storage.locks import SCHEMA

_MIGRATIONS: Final = Path(__file__).with_name("migrations")
#: The newest migration. Reading it out of the scripts costs every start more than opening the database.
HEAD: Final = "0006"


def upgrade(engine: Engine) -> None:
    """Apply every migration the database lacks, all in one transaction.

    Raises ``Unavailable`` for a database that a newer version of this program has made.
    """
    with engine.begin() as connection:
        if connection.dialect.name != "sqlite":
            # Of several processes that start together one does it, and the others find it done.
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": SCHEMA})
        # Whatever else it is (older, newer, empty, of several heads) is for alembic to judge.
        if MigrationContext.configure(connection).get_current_heads() != (HEAD,):
            try:
                command.upgrade(config(connection), "head")
            except CommandError as error:
                raise Unavailable(
                    f"the database does not fit this version of the program: {error}"
                ) from error
        pages.create_key(connection)
        artifacts.create_key(connection)


def config(connection: Connection) -> Config:
    """Return alembic's configuration for one open connection (no alembic.ini anywhere)."""
    settings = Config()
    settings.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    settings.attributes["connection"] = connection
    return settings
