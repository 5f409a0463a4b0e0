"""Thing types and billing groups, what things say of them, and the limits of a dialect (contract 1.2)."""

import pytest
from sync_store import SyncStore

from domain.errors import AlreadyExists, Conflict, InvalidRequest, NotFound, ThingVersionMismatch
from domain.registry import AWS_LIMITS, Limits
from storage import billing_groups, groups, members, tags, thing_types, things

FOUR = dict.fromkeys("abcd", "1")


@pytest.fixture
def typed(store: SyncStore) -> SyncStore:
    """Two types, and a thing of the first."""
    for name in ("pump", "valve"):
        store.do(thing_types.create, name, labels={"team": "lab"}, at=store.now)
    store.do(things.create, "t", thing_type="pump", at=store.now)
    return store


def test_a_type_is_kept_as_it_was_made(typed: SyncStore) -> None:
    made = typed.do(
        thing_types.create, "x", description="d", searchable=["b", "a", "b"], labels={}, at=typed.now
    )
    assert (made.description, made.searchable_attributes, made.created_at) == ("d", ("b", "a"), typed.now)
    assert typed.do(thing_types.get, "x") == made
    assert typed.do(thing_types.create, "x", description="d", searchable=["b", "a"], at=typed.now) == made
    with pytest.raises(AlreadyExists):
        typed.do(thing_types.create, "x", description="e", searchable=["b", "a"], at=typed.now)


def test_a_refused_type_leaves_nothing(typed: SyncStore) -> None:
    with pytest.raises(InvalidRequest):
        typed.do(thing_types.create, "x", labels={"aws:x": ""}, at=typed.now)
    with pytest.raises(NotFound):
        typed.do(thing_types.get, "x")


def test_a_thing_takes_only_a_type_that_is_there_and_not_deprecated(typed: SyncStore) -> None:
    with pytest.raises(NotFound, match="no thing type x"):
        typed.do(things.create, "u", thing_type="x", at=typed.now)
    with pytest.raises(NotFound, match="no thing type x"):
        typed.do(things.update, "t", thing_type="x", at=typed.now)
    typed.do(thing_types.deprecate, "valve", at=typed.now)
    with pytest.raises(Conflict, match="valve is deprecated"):
        typed.do(things.update, "t", thing_type="valve", at=typed.now)
    typed.do(thing_types.deprecate, "pump", at=typed.now)
    # It has it already.
    changed = typed.do(things.update, "t", thing_type="pump", attributes={"a": "1"}, at=typed.now)
    assert (changed.thing_type, changed.version) == ("pump", 2)
    typed.do(things.create, "t", thing_type="pump", attributes={"a": "1"}, at=typed.now)
    assert typed.do(things.update, "t", untype=True, at=typed.now).thing_type is None


def test_a_type_goes_deprecated_and_unused_and_takes_its_tags(typed: SyncStore) -> None:
    with pytest.raises(Conflict, match="pump is not deprecated"):
        typed.do(thing_types.delete, "pump")
    since = typed.do(thing_types.deprecate, "pump", at=typed.now).deprecated_at
    typed.later(minutes=1)
    assert typed.do(thing_types.deprecate, "pump", at=typed.now).deprecated_at == since
    with pytest.raises(Conflict, match="pump is still that of the thing t"):
        typed.do(thing_types.delete, "pump")
    typed.do(things.delete, "t", at=typed.now)
    typed.do(thing_types.delete, "pump")
    assert typed.do(tags.of, "thingtype/pump") == {}
    assert typed.do(tags.of, "thingtype/valve") == {"team": "lab"}
    assert typed.do(thing_types.deprecate, "valve", undo=True, at=typed.now).deprecated_at is None


def test_things_are_listed_by_type_and_by_the_beginning_of_a_value(typed: SyncStore) -> None:
    for name, kind, value in (("u", "pump", "rev1"), ("v", "valve", "rev2"), ("w", None, "REV1")):
        typed.do(things.create, name, thing_type=kind, attributes={"m": value}, at=typed.now)

    def found(**asked: object) -> str:
        return "".join(thing.thing_name for thing in typed.do(things.page, **asked).items)

    assert found(thing_type="pump") == "tu"
    assert found(attribute=("m", "rev"), begins=True) == "uv"
    assert found(attribute=("m", ""), begins=True) == "uvw"
    assert found(attribute=("m", "rev"), thing_type="valve", begins=True) == "v"
    assert found(attribute=("m", "rev")) == ""
    token = typed.do(things.page, thing_type="pump", max_results=1).next_token
    assert found(thing_type="pump", next_token=token) == "u"
    with pytest.raises(InvalidRequest, match="nextToken"):
        found(next_token=token)


def test_a_change_of_type_moves_a_thing_between_dynamic_groups(typed: SyncStore) -> None:
    for name in ("pump", "valve"):
        typed.do(groups.create, name, query=f"thingTypeName:{name}", at=typed.now)
    for kind in ("valve", "pump"):
        typed.do(things.update, "t", thing_type=kind, at=typed.now)
        assert typed.do(members.of_thing, "t").items == (kind,)
    typed.do(things.update, "t", untype=True, at=typed.now)
    assert typed.do(members.of_thing, "t").items == ()


@pytest.mark.parametrize(("limits", "refused"), [(AWS_LIMITS, True), (Limits(), False)])
def test_how_many_attributes_an_untyped_thing_has(typed: SyncStore, *, limits: Limits, refused: bool) -> None:
    def attempt(verb, *args, **more) -> None:
        if refused:
            with pytest.raises(InvalidRequest, match="attributes has 4 pairs; at most 3"):
                typed.do(verb, *args, limits=limits, at=typed.now, **more)
        else:
            typed.do(verb, *args, limits=limits, at=typed.now, **more)

    typed.do(things.create, "bare", limits=limits, at=typed.now)
    attempt(things.create, "new", attributes=FOUR)
    attempt(things.update, "bare", attributes=FOUR)
    typed.do(things.update, "t", attributes=FOUR, limits=limits, at=typed.now)
    attempt(things.update, "t", untype=True)


def test_billing_groups_are_labels(store: SyncStore) -> None:
    for name in ("a", "b"):
        store.do(billing_groups.create, name, description=name, labels={"x": "1"}, at=store.now)
    with pytest.raises(NotFound, match="no billing group c"):
        store.do(things.create, "t", billing_group="c", at=store.now)
    store.do(things.create, "t", billing_group="a", at=store.now)
    store.do(billing_groups.put, "t", "b")
    assert store.do(things.get, "t").billing_group == "b"
    store.do(billing_groups.take_out, "t", "a")
    assert store.do(billing_groups.members, "b").items == ("t",)
    assert store.do(billing_groups.members, "a").items == ()
    with pytest.raises(ThingVersionMismatch, match="expected version 2 but found version 1"):
        store.do(billing_groups.delete, "b", expected_version=2)
    store.do(billing_groups.delete, "b", expected_version=1)
    assert store.do(things.get, "t").billing_group is None
    assert (store.do(tags.of, "billinggroup/b"), store.do(tags.of, "billinggroup/a")) == ({}, {"x": "1"})
    assert store.do(billing_groups.update, "a", description="").description is None
    assert store.do(billing_groups.page).items == ("a",)
