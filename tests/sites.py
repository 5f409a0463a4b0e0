"""Where a store of the tests lies: a file of SQLite's, or a database on a PostgreSQL server."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

import psycopg
import pytest
from migrated import lay, lay_in
from postgres_server import PostgresServer
from pydantic import SecretStr
from sqlalchemy import Engine, event

from storage import reach, sqlite
from storage.store import Store

Rows = Callable[[str], list[tuple]]

MakeSite = Callable[[Path], "Site"]
MakeSiteOf = Callable[[str], MakeSite]

#: For a module's ``DIALECTS`` in a folder that runs on SQLite for the most part.
BOTH = ("sqlite", "postgresql")
#: For a test of what only SQLite has: its file, its plans, its lock.
ON_SQLITE = pytest.mark.parametrize("dialect", ["sqlite"], scope="module")


def examples(dialect: str, number: int) -> int:
    """Return how many stories are made up: all of them on SQLite, a few where only the engine differs."""
    return number if dialect == "sqlite" else -(-number // 4)


class Site(Protocol):
    """One database with the tables as the migrations leave them."""

    #: Of the dialect, as SQLAlchemy spells it.
    name: str
    #: Where keys and, for SQLite, the database lie.
    folder: Path

    def writer(self) -> Engine: ...

    def looker(self) -> tuple[Rows, Callable[[], None]]:
        """Return how to look at what is committed, past the store, and how to stop."""

    def script(self, statements: str) -> None:
        """Run statements past the store."""

    def store(self, kind: type[Store] = Store) -> Store:
        """Open the real thing."""

    def settings(self) -> dict[str, Any]:
        """Return what tells a server to work on it."""

    def drop(self) -> None:
        """Be gone, if that is worth it: nobody uses it any more."""


class SqliteFile:
    """A file at ``folder``. ``durable=False`` for what opens hundreds of them."""

    name = "sqlite"

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self.folder, self._durable = folder, durable

    @property
    def file(self) -> Path:
        return self.folder / "thingjobs.sqlite3"

    def writer(self) -> Engine:
        engine = sqlite.writer(lay(self.file))
        if not self._durable:
            event.listen(engine, "connect", lambda c, _: c.execute("PRAGMA synchronous=OFF").close())
        return engine

    def looker(self) -> tuple[Rows, Callable[[], None]]:
        connection = sqlite3.connect(self.file, isolation_level=None)
        return lambda statement: connection.execute(statement).fetchall(), connection.close

    def script(self, statements: str) -> None:
        with closing(sqlite3.connect(self.file)) as connection:
            connection.executescript(statements)

    def store(self, kind: type[Store] = Store) -> Store:
        return kind.open(lay_in(self.folder))

    def settings(self) -> dict[str, Any]:
        return {"data_dir": lay_in(self.folder)}

    def drop(self) -> None:
        """Its folder goes with the test's."""


class PostgresDatabase:
    """A database of its own on a server."""

    name = "postgresql"

    def __init__(self, server: PostgresServer, folder: Path) -> None:
        self.server, self.folder = server, folder
        self._database = server.new_database()
        self.url = server.url(self._database)

    def writer(self) -> Engine:
        return reach.writer(self.url)

    def looker(self) -> tuple[Rows, Callable[[], None]]:
        connection = psycopg.connect(self.url, autocommit=True)
        return lambda statement: connection.execute(statement.encode()).fetchall(), connection.close

    def script(self, statements: str) -> None:
        with psycopg.connect(self.url) as connection:
            connection.execute(statements.encode())

    def store(self, kind: type[Store] = Store) -> Store:
        return kind.connect(self.url, data_dir=self.folder)

    def settings(self) -> dict[str, Any]:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return {"data_dir": self.folder, "database_url": SecretStr(self.url)}

    def drop(self) -> None:
        self.server.drop(self._database)
