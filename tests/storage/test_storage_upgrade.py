"""Servers of several versions on one PostgreSQL: who may start on which schema, what brings it up to date."""

from collections.abc import Callable
from pathlib import Path

import pytest
from postgres_server import PostgresServer
from sqlalchemy import text

from domain.errors import Unavailable
from storage import postgres, schema
from storage.store import Store


@pytest.fixture
def empty(postgres_server: PostgresServer) -> str:
    return postgres_server.url(postgres_server.new_database(template=None))


def do(url: str, *statements: str) -> None:
    engine = postgres.writer(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


async def opens(url: str, folder: Path) -> None:
    await Store.connect(url, data_dir=folder).close()


async def test_an_empty_database_is_refused_with_the_command_that_helps(empty: str, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="no tables of ours yet; make them with: thingjobs db upgrade"):
        await opens(empty, tmp_path)
    postgres.upgrade(empty)
    await opens(empty, tmp_path)
    postgres.upgrade(empty)


async def test_an_older_schema_is_refused_with_the_command_that_helps(empty: str, tmp_path: Path) -> None:
    postgres.upgrade(empty)
    do(empty, "UPDATE alembic_version SET version_num = '0001'")
    said = f"has schema 0001, and this program needs {schema.HEAD}; bring it up to date with: thingjobs db"
    with pytest.raises(Unavailable, match=said):
        await opens(empty, tmp_path)


@pytest.mark.parametrize("serves", ["0001", schema.HEAD])
async def test_a_newer_schema_that_serves_older_programs_serves_this_one(
    empty: str, tmp_path: Path, serves: str
) -> None:
    postgres.upgrade(empty)
    do(
        empty,
        "UPDATE alembic_version SET version_num = '9999'",
        f"UPDATE meta SET value = convert_to('{serves}', 'UTF8') WHERE name = 'schema-serves'",
    )
    await opens(empty, tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE meta SET value = convert_to('9998', 'UTF8') WHERE name = 'schema-serves'",
        "DELETE FROM meta WHERE name = 'schema-serves'",
    ],
)
async def test_a_newer_schema_that_does_not_is_refused(empty: str, tmp_path: Path, change: str) -> None:
    postgres.upgrade(empty)
    do(empty, "UPDATE alembic_version SET version_num = '9999'", change)
    with pytest.raises(Unavailable, match="schema 9999 of a newer program"):
        await opens(empty, tmp_path)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda url: url.replace("/postgresql", "") + "x", "there is no such database"),
        (lambda url: url.replace("postgres@", "stranger@"), "refuses our name or password"),
    ],
)
async def test_a_database_that_cannot_be_used_is_told_in_one_line(
    empty: str, tmp_path: Path, change: Callable[[str], str], why: str
) -> None:
    with pytest.raises(Unavailable, match="the database cannot be used") as refused:
        await opens(change(empty), tmp_path)
    assert "\n" not in str(refused.value)


def test_a_password_goes_into_the_url_whatever_is_in_it() -> None:
    url = postgres.with_password("postgresql://me@db:5432/name?sslmode=require", "p@ss:/%")
    assert url == "postgresql://me:p%40ss%3A%2F%25@db:5432/name?sslmode=require"
