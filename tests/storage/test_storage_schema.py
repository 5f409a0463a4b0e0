"""Migrations: they make what the tables say, do it once, and refuse a database from the future."""

from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sites import ON_SQLITE, SqliteFile
from sqlalchemy import text
from sync_store import SyncStore

from domain.errors import Unavailable
from storage import schema, sqlite, things
from storage.store import Store
from storage.tables import metadata


def shape(path: Path) -> list[str]:
    engine = sqlite.readers(path)
    with engine.begin() as connection:
        found = connection.execute(
            text("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'alembic%'")
        )
        statements = sorted(" ".join(row[0].replace('"', "").split()) for row in found)
    engine.dispose()
    return statements


def columns(path: Path, table: str) -> list[tuple]:
    """Name, type, not null, default and place in the key of each column."""
    engine = sqlite.readers(path)
    with engine.begin() as connection:
        found = connection.exec_driver_sql(f'PRAGMA table_info("{table}")').all()
    engine.dispose()
    return sorted(tuple(row)[1:] for row in found)


def is_no_partition(name: str | None, kind: str, _parents: object) -> bool:
    """Tell whether a table is one of ours: partitions are made while servers run."""
    return kind != "table" or not str(name).startswith("execution_events_")


def test_the_migrations_make_what_the_tables_say(store: SyncStore) -> None:
    with store.writer.begin() as connection:
        opts = {"compare_type": True, "include_name": is_no_partition}
        context = MigrationContext.configure(connection, opts=opts)
        assert compare_metadata(context, metadata) == []


@ON_SQLITE
def test_also_where_the_comparison_is_blind(tmp_path: Path, store: SyncStore) -> None:
    # Defaults, checks, partial indexes and tables without a row id: alembic does not compare them well.
    plain = sqlite.writer(tmp_path / "plain")
    with plain.begin() as connection:
        metadata.create_all(connection)
    plain.dispose()
    for table in metadata.tables:
        assert columns(store.site.file, table) == columns(tmp_path / "plain", table)
    migrated = shape(store.site.file)
    assert len(migrated) > 20
    kinds = ("CREATE INDEX", "CREATE UNIQUE INDEX")
    assert [s for s in migrated if s.startswith(kinds)] == [
        s for s in shape(tmp_path / "plain") if s.startswith(kinds)
    ]
    for word in ("CHECK", "WITHOUT ROWID", "AUTOINCREMENT", "REFERENCES", "UNIQUE"):
        files = (store.site.file, tmp_path / "plain")
        counts = {path: sum(s.count(word) for s in shape(path)) for path in files}
        assert len(set(counts.values())) == 1, (word, counts)


@ON_SQLITE
def test_an_upgrade_of_what_is_new_changes_nothing(store: SyncStore) -> None:
    before = shape(store.site.file), store.rows("SELECT * FROM meta")
    schema.upgrade(store.writer)
    store.reopen()
    assert (shape(store.site.file), store.rows("SELECT * FROM meta")) == before


def test_the_head_that_is_known_is_the_newest_of_the_migrations(store: SyncStore) -> None:
    with store.writer.begin() as connection:
        assert ScriptDirectory.from_config(schema.config(connection)).get_heads() == [schema.HEAD]


def test_only_a_database_at_the_head_is_spared_the_migrations(
    store: SyncStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(command, "upgrade", lambda _config, revision: asked.append(revision))
    schema.upgrade(store.writer)
    assert asked == []
    for change in (
        "UPDATE alembic_version SET version_num = '0001'",
        "INSERT INTO alembic_version (version_num) VALUES ('0002')",
        "DELETE FROM alembic_version",
        "DROP TABLE alembic_version",
    ):
        store.do(lambda connection, change=change: connection.execute(text(change)))
        schema.upgrade(store.writer)
    assert asked == ["head"] * 4


def test_a_database_of_the_first_version_is_brought_up_to_date_with_what_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    engine = sqlite.writer(tmp_path / "old" / "thingjobs.sqlite3")
    with engine.begin() as connection:
        command.upgrade(schema.config(connection), "0001")
        connection.execute(text("INSERT INTO things (name, thing_id, created_at) VALUES ('kept', 'x', 1)"))
    engine.dispose()
    old = SyncStore(SqliteFile(tmp_path / "old"))
    assert old.do(things.get, "kept").version == 1
    new = SyncStore(SqliteFile(tmp_path / "new"))
    assert shape(old.site.file) == shape(new.site.file)
    old.close()
    new.close()


async def test_a_database_of_a_newer_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    await Store.open(tmp_path).close()
    engine = sqlite.writer(tmp_path / "thingjobs.sqlite3")
    version = text("SELECT version_num FROM alembic_version")
    with engine.begin() as connection:
        ours = connection.execute(version).scalar()
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Unavailable, match="does not fit this version of the program"):
        Store.open(tmp_path)
    with engine.begin() as connection:
        assert connection.execute(version).scalar() == "9999"
        connection.execute(text("UPDATE alembic_version SET version_num = :ours"), {"ours": ours})
    engine.dispose()
    await Store.open(tmp_path).close()
