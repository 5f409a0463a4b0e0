"""Moves between groups against a model: a call does all that its lists name, or nothing (contract 1.3)."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sites import Site, examples
from sync_store import SyncStore

from domain.errors import Conflict
from domain.registry import AWS_LIMITS
from storage import members, places, things
from storage.policy import Policy

#: Two trees and a group by itself: a group, and the one it lies in.
TREES = {"a": None, "b": "a", "c": "b", "d": "a", "x": None, "y": "x", "z": None}
LIMITS = replace(AWS_LIMITS, memberships=2)
NUMBERS = count()
LISTS = st.lists(st.sampled_from(sorted(TREES)), max_size=3)


def root(name: str) -> str:
    above = TREES[name]
    return name if above is None else root(above)


def after(held: frozenset[str], into: list[str], out_of: list[str]) -> frozenset[str] | None:
    """Return where the thing is then, or None if it may not be there."""
    found = (held - set(out_of)) | set(into)
    news = found - held
    crowded = len(found) > 2 and news
    related = any(root(new) == root(other) for new in news for other in found - {new})
    return None if crowded or related else found


@pytest.fixture(scope="module")
def forest(
    make_site: Callable[[Path], Site], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SyncStore]:
    """Give one store for all examples; each has a thing of its own."""
    store = SyncStore(make_site(tmp_path_factory.mktemp("forest")))
    for name, parent in TREES.items():
        store.group(name, parent=parent)
    yield store
    store.close()


def test_a_thing_is_where_the_model_has_it(dialect: str, forest: SyncStore) -> None:
    @settings(max_examples=examples(dialect, 150), deadline=None)
    @given(st.lists(st.tuples(LISTS, LISTS), min_size=1, max_size=6))
    def every_walk(calls: list[tuple[list[str], list[str]]]) -> None:
        walk(forest, calls)

    every_walk()


def walk(forest: SyncStore, calls: list[tuple[list[str], list[str]]]) -> None:
    thing = f"t{next(NUMBERS)}"
    forest.do(things.create, thing, at=forest.now)
    held: frozenset[str] = frozenset()
    for into, out_of in calls:
        expected = after(held, into, out_of)
        step = {"into": into, "out_of": out_of, "limits": LIMITS, "policy": Policy(), "at": forest.now}
        if expected is None:
            with pytest.raises(Conflict):
                forest.do(places.change, thing, **step)
        else:
            forest.do(places.change, thing, **step)
            held = expected
        assert set(forest.do(members.of_thing, thing).items) == held
