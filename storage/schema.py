"""Brings a database to the newest schema, or tells whether it is there; forward only, in this process."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.util.exc import CommandError
from sqlalchemy import Connection, Engine, text

from domain.errors import Unavailable
from storage import artifacts, pages, serving
from storage.locks import SCHEMA

_MIGRATIONS: Final = Path(__file__).with_name("migrations")
#: The newest migration. Reading it out of the scripts costs every start more than opening the database.
HEAD: Final = "0009"
#: The oldest program, by its own newest migration, that runs on this schema: what came since was only added.
#: Servers go from one version to the next one by one, on the schema of the newer.
SERVES: Final = "0006"
#: A migration must not wait for longer: whoever comes behind it waits as well.
_LOCK_TIMEOUT: Final = "10s"


def upgrade(engine: Engine) -> None:
    """Apply every migration the database lacks, all in one transaction.

    Raises ``Unavailable`` for a database that a newer version of this program has made.
    """
    with engine.begin() as connection:
        if connection.dialect.name != "sqlite":
            # Of several processes that start together one does it, and the others find it done.
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": SCHEMA})
            connection.execute(text("SELECT set_config('lock_timeout', :for, true)"), {"for": _LOCK_TIMEOUT})
        # Whatever else it is (older, newer, empty, of several heads) is for alembic to judge.
        before = found(connection)
        if before != (HEAD,):
            try:
                command.upgrade(config(connection), "head")
            except CommandError as error:
                raise Unavailable(
                    f"the database does not fit this version of the program: {error}"
                ) from error
            # On a new one no older program can be at work, and none may begin to be.
            serving.note(connection, SERVES if before else HEAD)
        _create_keys(connection)


def finish(engine: Engine) -> None:
    """Let no older program than this one start from now on: the last has been replaced.

    Until then nothing is done that older ones would not understand. Raises ``Unavailable`` unless the
    database has this program's schema.
    """
    with engine.begin() as connection:
        heads = found(connection)
        if heads != (HEAD,):
            _refuse_unless_newer(connection, heads)
            raise Unavailable(f"the database has schema {heads[0]} of a newer program: finish with that one")
        serving.note(connection, HEAD)


def require(engine: Engine) -> None:
    """Raise ``Unavailable`` unless this program may run on the database as it is; it says what to do."""
    with engine.begin() as connection:
        heads = found(connection)
        if heads != (HEAD,):
            _refuse_unless_newer(connection, heads)
        _create_keys(connection)


def found(connection: Connection) -> tuple[str, ...]:
    """Return the newest migration that a database has had: one, or none."""
    return tuple(MigrationContext.configure(connection).get_current_heads())


def _refuse_unless_newer(connection: Connection, heads: tuple[str, ...]) -> None:
    if not heads:
        raise Unavailable("the database has no tables of ours yet; make them with: thingjobs db upgrade")
    has = ", ".join(heads)
    if has < HEAD:
        raise Unavailable(
            f"the database has schema {has}, and this program needs {HEAD}; "
            "bring it up to date with: thingjobs db upgrade"
        )
    if not _serves_this(connection):
        raise Unavailable(
            f"the database has schema {has} of a newer program; this one knows {HEAD} and cannot run on it"
        )


def _serves_this(connection: Connection) -> bool:
    oldest = serving.oldest(connection)
    return oldest is not None and oldest <= HEAD


def _create_keys(connection: Connection) -> None:
    pages.create_key(connection)
    artifacts.create_key(connection)


def config(connection: Connection) -> Config:
    """Return alembic's configuration for one open connection (no alembic.ini anywhere)."""
    settings = Config()
    settings.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    settings.attributes["connection"] = connection
    return settings
