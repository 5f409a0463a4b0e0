"""Leases: one holder at a time, a next one when it is gone, and nothing more from one that was overtaken."""

from datetime import timedelta

import pytest
from sqlalchemy import Connection, text
from sync_store import SyncStore

from storage import leases
from storage.beside import beside, may_run_beside
from storage.leases import Deposed, Term

LONG = timedelta(minutes=5)
OVER = timedelta(0)


def take(store: SyncStore, holder: str, span: timedelta = LONG) -> Term | None:
    return store.do(leases.take, "duty", holder=holder, span=span)


def test_one_holds_it_and_others_do_not(store: SyncStore) -> None:
    assert take(store, "a") == Term("duty", 1)
    assert take(store, "b") is None
    assert store.do(leases.take, "another", holder="b", span=LONG) == Term("another", 1)


def test_its_holder_goes_on_in_the_same_term(store: SyncStore) -> None:
    assert take(store, "a") == take(store, "a") == Term("duty", 1)


def test_when_it_is_over_the_next_one_begins_a_new_term(store: SyncStore) -> None:
    take(store, "a", OVER)
    assert take(store, "b") == Term("duty", 2)
    assert take(store, "a") is None


def test_one_that_nobody_has_overtaken_goes_on_also_late(store: SyncStore) -> None:
    take(store, "a", OVER)
    assert take(store, "a") == Term("duty", 1)


def test_what_is_given_back_can_be_had_at_once(store: SyncStore) -> None:
    term = take(store, "a")
    store.do(leases.give_back, term, holder="a")
    assert take(store, "b") == Term("duty", 2)


def test_who_was_overtaken_gives_back_nothing(store: SyncStore) -> None:
    old = take(store, "a", OVER)
    take(store, "b")
    store.do(leases.give_back, old, holder="a")
    assert take(store, "c") is None


@beside
def put(connection: Connection, value: bytes) -> str:
    connection.execute(text("INSERT INTO meta (name, value) VALUES ('done', :value)"), {"value": value})
    return "done"


def test_a_verb_runs_in_its_term(store: SyncStore) -> None:
    assert store.do(leases.fenced(put, take(store, "a")), b"x") == "done"
    assert store.rows("SELECT count(*) FROM meta WHERE name = 'done'") == [(1,)]


def test_a_verb_of_a_term_that_was_overtaken_does_nothing(store: SyncStore) -> None:
    old = take(store, "a", OVER)
    take(store, "b")
    with pytest.raises(Deposed, match="another process has taken over as duty"):
        store.do(leases.fenced(put, old), b"x")
    assert store.rows("SELECT count(*) FROM meta WHERE name = 'done'") == [(0,)]


def test_a_fence_does_not_change_beside_whom_a_verb_may_run() -> None:
    def alone(connection: Connection) -> None:
        del connection

    term = Term("duty", 1)
    assert may_run_beside(leases.fenced(put, term))
    assert not may_run_beside(leases.fenced(alone, term))
    assert leases.fenced(put, None) is put
