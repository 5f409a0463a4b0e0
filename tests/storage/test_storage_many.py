"""One statement for many rows: each value lands under its own name, on every driver's way of spelling it."""

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.dialects.sqlite import pysqlite
from sqlalchemy.exc import IntegrityError

from storage.many import _compiled, execute_many

INSERT = text("INSERT INTO t (a, b, c) VALUES (:a, :b, :a || '!')")
UPDATE = text("UPDATE t SET b = :b WHERE a = :a AND b = :seen")


@pytest.fixture
def connection():
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (a TEXT PRIMARY KEY, b, c)"))
        yield connection
    engine.dispose()


def content(connection):
    return [tuple(row) for row in connection.execute(text("SELECT a, b, c FROM t ORDER BY a"))]


def test_values_go_by_name_whatever_their_order_and_one_name_may_stand_twice(connection):
    execute_many(connection, INSERT, [{"a": "x", "b": 1, "more": 0}, {"b": None, "a": "y"}])
    assert content(connection) == [("x", 1, "x!"), ("y", None, "y!")]


def test_it_tells_how_many_rows_were_hit_in_all(connection):
    execute_many(connection, INSERT, [{"a": name, "b": 1} for name in "xyz"])
    changed = execute_many(connection, UPDATE, [{"a": "x", "b": 2, "seen": 1}, {"a": "y", "b": 2, "seen": 7}])
    assert changed.rowcount == 1
    assert [row[1] for row in content(connection)] == [2, 1, 1]


def test_a_statement_that_fails_raises_what_sqlalchemy_raises(connection):
    with pytest.raises(IntegrityError):
        execute_many(connection, INSERT, [{"a": "x", "b": 1}, {"a": "x", "b": 2}])


def test_a_driver_with_positions_gets_them_and_one_with_names_keeps_them():
    assert _compiled(UPDATE, pysqlite.dialect()) == (
        "UPDATE t SET b = ? WHERE a = ? AND b = ?",
        ["b", "a", "seen"],
    )
    words, order = _compiled(UPDATE, psycopg.dialect())
    assert order is None
    assert words == "UPDATE t SET b = %(b)s WHERE a = %(a)s AND b = %(seen)s"
