"""Dynamic groups at random: things and queries change in any order, while passes are under way."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from invariants import check
from sites import Site, examples
from sync_store import SyncStore

from domain.errors import NotFound
from storage import dynamic, groups, presence, thing_types, things
from storage.presence import Contacts

NAMES = st.sampled_from(["a1", "a2", "A3", "b1", "b2"])
VALUES = st.sampled_from(["x", "X", "y", ""])
QUERIES = st.sampled_from(
    [
        "thingName:a*",
        "attributes.v:x",
        "NOT attributes.v:x",
        "connectivity.connected:true OR thingName:b1",
        "thingName:a* -attributes.v:y",
        "thingTypeName:PUMP",
        "NOT thingTypeName:p* attributes.v:x",
    ]
)


class Fleet(RuleBasedStateMachine):
    """Things and queries change in any order, while passes are under way in tiny chunks."""

    store: SyncStore

    @initialize()
    def empty(self) -> None:
        for group in ("g", "h"):
            self.store.do(groups.create, group, query="thingName:none", at=self.store.now)
        for kind in ("pump", "valve"):
            self.store.do(thing_types.create, kind, at=self.store.now)
        self.store.create("j", "thinggroup/g", continuous=True)

    @rule(name=NAMES, value=VALUES)
    def change(self, name: str, value: str) -> None:
        try:
            self.store.do(things.update, name, attributes={"v": value}, at=self.store.now)
        except NotFound:
            self.store.do(things.create, name, attributes={"v": value}, at=self.store.now)

    @rule(name=NAMES, kind=st.sampled_from(["pump", "valve", None]))
    def type(self, name: str, kind: str | None) -> None:
        with suppress(NotFound):
            self.store.do(things.update, name, thing_type=kind, untype=kind is None, at=self.store.now)

    @rule(name=NAMES)
    def delete(self, name: str) -> None:
        try:
            self.store.do(things.delete, name, at=self.store.now)
        except NotFound:
            self.store.create(None, name)

    @rule(came=st.sets(NAMES), left=st.sets(NAMES))
    def turn(self, came: set[str], left: set[str]) -> None:
        contacts = Contacts(came=sorted(came), left=sorted(left - came))
        self.store.do(presence.note, contacts, at=self.store.now)

    @rule(group=st.sampled_from("gh"), query=QUERIES)
    def redefine(self, group: str, query: str) -> None:
        self.store.do(groups.update, group, changes={"query": query}, at=self.store.now)

    @rule()
    def build(self) -> None:
        for group in self.store.do(dynamic.unbuilt):
            self.store.do(dynamic.build_some, group, at=self.store.now)

    @rule()
    def tick(self) -> None:
        self.store.tick()

    @invariant()
    def holds(self) -> None:
        check(self.store, "dynamic-groups")

    def teardown(self) -> None:
        self.store.tick()
        check(self.store)
        assert self.store.do(dynamic.unbuilt) == []


def test_whatever_happens_members_are_those_who_meet_the_query(
    dialect: str, make_site: Callable[[Path], Site], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dynamic, "CHUNK", 2)
    opened: list[SyncStore] = []

    class Anew(Fleet):
        def __init__(self) -> None:
            super().__init__()
            self.store = SyncStore(make_site(tmp_path / f"store{len(opened)}"))
            opened.append(self.store)

        def teardown(self) -> None:
            super().teardown()
            self.store.close()

    run_state_machine_as_test(
        Anew,
        settings=settings(max_examples=examples(dialect, 15), stateful_step_count=30, deadline=None),
    )
