"""One thing and its groups under a dialect's limits, and groups by where they lie (contract 1.3)."""

from dataclasses import replace

import pytest
from sync_store import SyncStore, names

from domain.errors import Conflict, InvalidRequest, LimitExceeded, NotFound
from domain.execution import Status
from domain.registry import AWS_LIMITS, OUR_LIMITS, Limits, Registration
from storage import groups, hierarchy, members, places, tags, things
from storage.policy import Policy

STRICT = Policy(registration=Registration.STRICT)


@pytest.fixture
def trees(store: SyncStore) -> SyncStore:
    """a > b > c and a > d in one tree, x > y in another; the thing t."""
    for name, parent in (("a", None), ("b", "a"), ("c", "b"), ("d", "a"), ("x", None), ("y", "x")):
        store.group(name, parent=parent)
    store.do(things.create, "t", at=store.now)
    return store


def change(store: SyncStore, thing: str = "t", *, limits: Limits = AWS_LIMITS, **lists: list[str]) -> None:
    store.do(places.change, thing, limits=limits, policy=STRICT, at=store.now, **lists)


def held(store: SyncStore, thing: str = "t") -> tuple[str, ...]:
    return store.do(members.of_thing, thing).items


def test_a_thing_is_in_one_group_of_a_hierarchy(trees: SyncStore) -> None:
    change(trees, into=["c"])
    for other in ("a", "b", "d"):
        with pytest.raises(Conflict, match=f"thingGroupName {other}: the thing is in c, a group of the same"):
            change(trees, into=[other])
    change(trees, into=["y"])
    assert held(trees) == ("c", "y")


def test_without_that_limit_it_may_be_in_several(trees: SyncStore) -> None:
    change(trees, into=["c", "d"], limits=OUR_LIMITS)
    assert held(trees) == ("c", "d")


def test_moving_inside_a_hierarchy_is_one_step(trees: SyncStore) -> None:
    change(trees, into=["c"])
    change(trees, into=["d"], out_of=["c"])
    assert held(trees) == ("d",)


def test_a_job_on_both_groups_never_sees_the_thing_without_one(trees: SyncStore) -> None:
    change(trees, into=["c"])
    trees.create("j", "thinggroup/c", "thinggroup/d", continuous=True)
    trees.finish_rollout("j")
    change(trees, into=["d"], out_of=["c"])
    trees.finish_rollout("j")
    found = trees.execution("j", "t")
    assert (found.execution_number, found.status) == (1, Status.QUEUED)


def test_a_group_of_both_lists_is_one_to_be_in(trees: SyncStore) -> None:
    change(trees, into=["c"])
    change(trees, into=["c"], out_of=["c"])
    assert held(trees) == ("c",)
    change(trees, into=["y"], out_of=["y"])
    assert held(trees) == ("c", "y")


def test_what_is_so_already_stays_so(trees: SyncStore) -> None:
    change(trees, into=["c"])
    change(trees, into=["c"])
    change(trees, out_of=["d"])
    assert held(trees) == ("c",)


def test_the_eleventh_group_is_refused_until_one_is_left(store: SyncStore) -> None:
    store.do(things.create, "t", at=store.now)
    for name in names("g", 11):
        store.group(name)
    first, *others, last = names("g", 11)
    change(store, into=[first, *others])
    with pytest.raises(LimitExceeded, match="in 10 groups; at most 10"):
        change(store, into=[last])
    # It is in this one already.
    change(store, into=[first])
    change(store, into=[last], out_of=[first])
    assert set(held(store)) == {*others, last}


def test_dynamic_groups_take_none_of_the_ten_places(store: SyncStore) -> None:
    store.do(things.create, "t", at=store.now)
    for name in names("d", 10):
        store.do(groups.create, name, query="thingName:t", at=store.now)
    store.group("g")
    change(store, into=["g"])
    assert len(held(store)) == 11


def test_a_step_that_fails_changes_nothing(trees: SyncStore) -> None:
    change(trees, into=["c"])
    with pytest.raises(NotFound, match="no thing group nowhere"):
        change(trees, into=["y", "nowhere"], out_of=["c"])
    with pytest.raises(NotFound, match="no thing group nowhere"):
        change(trees, into=["y"], out_of=["nowhere"])
    with pytest.raises(NotFound, match="no thing nobody"):
        change(trees, "nobody", into=["y"])
    assert held(trees) == ("c",)


@pytest.mark.parametrize("lists", [{"into": ["dyn"]}, {"out_of": ["dyn"]}])
def test_nobody_is_put_into_a_dynamic_group(trees: SyncStore, lists: dict[str, list[str]]) -> None:
    trees.do(groups.create, "dyn", query="thingName:t", at=trees.now)
    with pytest.raises(Conflict, match="dyn is dynamic"):
        change(trees, **lists)


def test_a_parent_holds_a_hundred_groups_where_that_is_the_limit(trees: SyncStore) -> None:
    few = replace(AWS_LIMITS, children=2)
    with pytest.raises(LimitExceeded, match="has 2 groups in it; at most 2"):
        trees.do(groups.create, "e", parent_name="a", limits=few, at=trees.now)
    trees.do(groups.create, "b", parent_name="a", limits=few, at=trees.now)
    trees.do(groups.create, "e", parent_name="a", at=trees.now)
    assert AWS_LIMITS.children == 100


def test_the_way_down_to_a_group_begins_outside(trees: SyncStore) -> None:
    assert trees.do(hierarchy.around, "c") == ("a", "b")
    assert trees.do(hierarchy.around, "a") == ()
    with pytest.raises(NotFound):
        trees.do(hierarchy.around, "nowhere")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, "ax"),
        ({"recursive": True}, "abcdxy"),
        ({"parent": "a"}, "bd"),
        ({"parent": "a", "recursive": True}, "bcd"),
        ({"parent": "c", "recursive": True}, ""),
        ({"recursive": True, "name_prefix": "x"}, "x"),
        ({"parent": "a", "name_prefix": "d"}, "d"),
    ],
)
def test_groups_inside_another(trees: SyncStore, asked: dict[str, object], found: str) -> None:
    assert trees.do(hierarchy.page, **asked).items == tuple(found)
    names_, token = [], None
    for _ in range(len(found) + 1):
        page = trees.do(hierarchy.page, **asked, max_results=1, next_token=token)
        names_ += page.items
        token = page.next_token
        if token is None:
            break
    assert names_ == list(found)


def test_groups_inside_one_that_is_not_there(trees: SyncStore) -> None:
    with pytest.raises(NotFound):
        trees.do(hierarchy.page, parent="nowhere")


@pytest.mark.usefixtures("small")
def test_what_is_being_deleted_is_listed_no_more(followed: SyncStore) -> None:
    followed.do(groups.delete, "g", at=followed.now)
    assert followed.do(hierarchy.page, recursive=True).items == ("around",)


def test_attributes_and_tags_of_a_group(store: SyncStore) -> None:
    made = store.do(groups.create, "g", attributes={"a": "1", "b": "2"}, labels={"team": "lab"}, at=store.now)
    assert made.attributes == {"a": "1", "b": "2"}
    assert store.do(tags.of, "thinggroup/g") == {"team": "lab"}
    merged = store.do(
        groups.update, "g", changes={}, attributes={"b": "", "c": "3"}, merge=True, at=store.now
    )
    assert (merged.attributes, merged.version) == ({"a": "1", "c": "3"}, 2)
    replaced = store.do(groups.update, "g", changes={"description": "d"}, attributes={"z": "9"}, at=store.now)
    assert (replaced.attributes, replaced.description) == ({"z": "9"}, "d")
    kept = store.do(groups.update, "g", changes={}, at=store.now)
    assert (kept.attributes, kept.description) == ({"z": "9"}, "d")
    with pytest.raises(InvalidRequest, match="attributes"):
        store.do(groups.update, "g", changes={}, attributes={"ü": "9"}, at=store.now)
    store.do(groups.delete, "g", at=store.now)
    assert store.do(tags.of, "thinggroup/g") == {}


def test_a_group_of_the_other_kind_is_not_changed(store: SyncStore) -> None:
    store.do(groups.create, "static", at=store.now)
    store.do(groups.create, "dynamic", query="thingName:t", at=store.now)
    for name, is_dynamic in (("static", True), ("dynamic", False)):
        with pytest.raises(Conflict, match=f"{name} is {name}"):
            store.do(groups.update, name, changes={}, is_dynamic=is_dynamic, at=store.now)
        with pytest.raises(Conflict, match=f"{name} is {name}"):
            store.do(groups.delete, name, is_dynamic=is_dynamic, at=store.now)
        store.do(groups.delete, name, is_dynamic=not is_dynamic, at=store.now)
