"""Statements sent together: in order, each with its own rows and hits, and with SQLAlchemy's errors."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError

from storage.many import many
from storage.together import Asked, Found, together

PUT = "INSERT INTO meta (name, value) VALUES (:name, :value)"
LIST = "SELECT name FROM meta WHERE name LIKE :like ORDER BY name"
RENAME = many(
    "UPDATE meta SET name = :new WHERE name = :old",
    "UPDATE meta SET name = v.new FROM {rows} WHERE meta.name = v.old",
    new="text",
    old="text",
)


def test_each_sees_what_the_ones_before_it_did(store):
    def verb(connection):
        return together(
            connection,
            Asked(PUT, {"name": "x-%s", "value": b""}),
            Asked(PUT, {"name": "x-2", "value": b""}),
            Asked(LIST, {"like": "x-%"}),
            Asked(RENAME, [{"new": "y-2", "old": "x-2"}, {"new": "y-3", "old": "x-3"}]),
            Asked(LIST, {"like": "x-%"}),
        )

    first, _, both, renamed, rest = store.do(verb)
    assert first == Found((), 1)
    assert [tuple(row) for row in both.rows] == [("x-%s",), ("x-2",)]
    assert renamed.rowcount == 1
    assert [row[0] for row in rest.rows] == ["x-%s"]


def test_one_that_fails_raises_what_sqlalchemy_raises_and_nothing_is_kept(store):
    def verb(connection):
        put = Asked(PUT, {"name": "twice", "value": b""})
        together(connection, put, put, Asked(LIST, {"like": "t%"}))

    with pytest.raises(IntegrityError):
        store.do(verb)
    assert store.do(lambda c: c.execute(text(LIST), {"like": "twice"}).all()) == []


@pytest.mark.parametrize("dialect", ["postgresql"], indirect=True)
def test_a_connection_that_is_lost_is_known_as_lost(store):
    def verb(connection):
        mine = connection.execute(text("SELECT pg_backend_pid()")).scalar()
        with connection.engine.connect() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": mine})
        together(connection, Asked(LIST, {"like": "a"}), Asked(LIST, {"like": "b"}))

    with pytest.raises(OperationalError) as raised:
        store.do(verb)
    assert raised.value.connection_invalidated
    assert store.do(lambda c: c.execute(text("SELECT 1")).scalar()) == 1
