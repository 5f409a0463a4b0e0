"""Servers of several versions on one PostgreSQL: who may start on which schema, what brings it up to date."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from alembic import command
from postgres_server import PostgresServer
from sqlalchemy import Connection, text

from domain.errors import Unavailable
from storage import postgres, reach, schema, serving
from storage.store import Store


@pytest.fixture
def empty(postgres_server: PostgresServer) -> str:
    return postgres_server.url(postgres_server.new_database(template=None))


def do(url: str, *statements: str) -> None:
    engine = reach.writer(url)
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
    url = reach.with_password("postgresql://me@db:5432/name?sslmode=require", "p@ss:/%")
    assert url == "postgresql://me@db:5432/name?sslmode=require&password=p%40ss%3A%2F%25"


def test_what_older_programs_do_not_know_is_not_done_before_they_are_gone(empty: str) -> None:
    knows = partial(looked, empty, lambda connection: serving.all_know(connection, serving.PIECEWISE))
    engine = reach.writer(empty)
    with engine.begin() as connection:
        command.upgrade(schema.config(connection), "0007")
    engine.dispose()
    postgres.upgrade(empty)
    assert not knows()
    postgres.upgrade(empty)
    assert not knows(), "doing it again says nothing of who is at work"
    postgres.upgrade(empty, finish=True)
    assert knows()


def test_on_a_new_database_nobody_is_older(empty: str) -> None:
    with pytest.raises(Unavailable, match="no tables of ours yet"):
        postgres.upgrade(empty, finish=True)
    postgres.upgrade(empty)
    assert looked(empty, serving.oldest) == schema.HEAD


def looked(url: str, look: Callable[[Connection], object]) -> object:
    engine = reach.writer(url)
    try:
        with engine.begin() as connection:
            return look(connection)
    finally:
        engine.dispose()
