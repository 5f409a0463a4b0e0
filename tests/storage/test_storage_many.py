"""One statement for many rows: each value lands under its own name, on every driver's way of spelling it."""

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.dialects.sqlite import pysqlite
from sqlalchemy.exc import IntegrityError

from storage import reach
from storage.many import execute_many, many, spelt

INSERT = text("INSERT INTO t (a, b, c) VALUES (:a, :b, :a || '!')")
UPDATE = text("UPDATE t SET b = :b WHERE a = :a AND b = :seen")
INSERT_MANY = many(
    "INSERT INTO t (a, b, c) VALUES (:a, :b, :c)",
    "INSERT INTO t (a, b, c) SELECT v.a, v.b, v.c FROM {rows} ORDER BY v.ordinality",
    a="text",
    b="bigint",
    c="text",
)
UPDATE_MANY = many(
    "UPDATE t SET b = :b WHERE a = :a AND b = :seen",
    "UPDATE t SET b = v.b FROM {rows} WHERE t.a = v.a AND t.b = v.seen",
    a="text",
    b="bigint",
    seen="bigint",
)


@pytest.fixture
def connection(dialect, request):
    if dialect == "sqlite":
        engine = create_engine("sqlite://")
    else:
        server = request.getfixturevalue("postgres_server")
        engine = reach.writer(server.url(server.new_database(template=None)))
    with engine.begin() as connection:
        key = "INTEGER PRIMARY KEY" if dialect == "sqlite" else "SERIAL PRIMARY KEY"
        connection.execute(text(f"CREATE TABLE t (id {key}, a TEXT UNIQUE, b BIGINT, c TEXT)"))
        yield connection
    engine.dispose()


def content(connection):
    return [tuple(row) for row in connection.execute(text("SELECT a, b, c FROM t ORDER BY id"))]


def test_values_go_by_name_whatever_their_order_and_one_name_may_stand_twice(connection):
    execute_many(connection, INSERT, [{"a": "x", "b": 1, "more": 0}, {"b": None, "a": "y"}])
    assert content(connection) == [("x", 1, "x!"), ("y", None, "y!")]


@pytest.mark.parametrize("statement", [UPDATE, UPDATE_MANY], ids=["each", "many"])
def test_it_tells_how_many_rows_were_hit_in_all(connection, statement):
    execute_many(connection, INSERT, [{"a": name, "b": 1} for name in "xyz"])
    changed = execute_many(
        connection, statement, [{"a": "x", "b": 2, "seen": 1}, {"a": "y", "b": 2, "seen": 7}]
    )
    assert changed.rowcount == 1
    assert [row[1] for row in content(connection)] == [2, 1, 1]


@pytest.mark.parametrize("statement", [INSERT, INSERT_MANY], ids=["each", "many"])
def test_a_statement_that_fails_raises_what_sqlalchemy_raises(connection, statement):
    with pytest.raises(IntegrityError):
        execute_many(connection, statement, [{"a": "x", "b": 1, "c": ""}, {"a": "x", "b": 2, "c": ""}])


def test_whatever_a_value_holds_comes_out_again_and_in_order(connection):
    values = ["", "ü", "'", '"', "\\", "\\u0041", "%s", "%(a)s", ":a", "{}", '{"a": "\\u0000"}', "\n", "𝄞"]
    rows = [{"a": value, "b": 2**62 - number, "c": None} for number, value in enumerate(values)]
    execute_many(connection, INSERT_MANY, rows)
    assert content(connection) == [(row["a"], row["b"], None) for row in rows]


def test_a_driver_with_positions_gets_them_and_one_with_names_keeps_them():
    assert spelt(UPDATE.text, pysqlite.dialect()) == (
        "UPDATE t SET b = ? WHERE a = ? AND b = ?",
        ["b", "a", "seen"],
    )
    words, order = spelt(UPDATE.text, psycopg.dialect())
    assert order is None
    assert words == "UPDATE t SET b = %(b)s WHERE a = %(a)s AND b = %(seen)s"
