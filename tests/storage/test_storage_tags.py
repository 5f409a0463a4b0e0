"""Tags: put, taken off, listed, at most so many (contract 1.4, 2.15)."""

import pytest
from sync_store import SyncStore

from domain.errors import InvalidRequest, LimitExceeded, NotFound
from domain.tags import gathered
from storage import billing_groups, groups, tags, templates, thing_types


def test_tags_are_put_on_one_resource_and_listed_by_key(store: SyncStore) -> None:
    store.do(tags.put, "job/a", {"team": "lab", "cost": "17"})
    store.do(tags.put, "job/b", {"team": "shop"})
    assert list(store.do(tags.of, "job/a").items()) == [("cost", "17"), ("team", "lab")]
    assert store.do(tags.of, "job/b") == {"team": "shop"}
    assert store.do(tags.of, "job/c") == {}


def test_a_tag_that_is_there_gets_the_new_value_and_no_other_changes(store: SyncStore) -> None:
    store.do(tags.put, "job/a", {"team": "lab", "cost": "17"})
    store.do(tags.put, "job/a", {"team": ""})
    assert store.do(tags.of, "job/a") == {"cost": "17", "team": ""}


def test_only_the_named_tags_are_taken_off(store: SyncStore) -> None:
    store.do(tags.put, "job/a", {"x": "1", "y": "2", "z": "3"})
    store.do(tags.put, "job/b", {"x": "1"})
    store.do(tags.remove, "job/a", ["x", "z", "never"])
    assert store.do(tags.of, "job/a") == {"y": "2"}
    assert store.do(tags.of, "job/b") == {"x": "1"}


def test_clearing_takes_all_tags_off_one_resource(store: SyncStore) -> None:
    store.do(tags.put, "job/a", {"x": "1", "y": "2"})
    store.do(tags.put, "job/ab", {"x": "1"})
    store.do(tags.clear, "job/a")
    assert store.do(tags.of, "job/a") == {}
    assert store.do(tags.of, "job/ab") == {"x": "1"}


def test_the_fifty_first_tag_is_refused_and_a_new_value_for_the_fiftieth_is_not(store: SyncStore) -> None:
    store.do(tags.put, "job/a", {f"k{n}": "" for n in range(50)})
    store.do(tags.put, "job/a", {"k49": "new"})
    with pytest.raises(LimitExceeded, match="51 tags"):
        store.do(tags.put, "job/a", {"k50": ""})
    assert len(store.do(tags.of, "job/a")) == 50


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ({"": "v"}, "key ''"),
        ({"k" * 129: "v"}, "is not 1 to 128"),
        ({"tab\t": "v"}, "letters, digits"),
        ({"aws:mine": "v"}, "reserved"),
        ({"k": "v" * 257}, "is not up to 256"),
        ({"k": "semi;colon"}, "'semi;colon'"),
    ],
)
def test_a_tag_that_cannot_be_is_named(store: SyncStore, pairs: dict[str, str], said: str) -> None:
    with pytest.raises(InvalidRequest, match=said):
        store.do(tags.put, "job/a", pairs)


def test_letters_of_any_script_are_fine(store: SyncStore) -> None:
    pairs = {"Größe 大": "a.b:c/d=e+f-g@h_1²", "k" * 128: "v" * 256}
    store.do(tags.put, "job/a", pairs)
    assert store.do(tags.of, "job/a") == pairs


def test_a_key_that_comes_twice_is_refused() -> None:
    assert gathered([("a", "1"), ("b", "1")]) == {"a": "1", "b": "1"}
    with pytest.raises(InvalidRequest, match="'a' comes more than once"):
        gathered([("a", "1"), ("a", "2")])


def test_pages_go_on_where_they_ended(store: SyncStore) -> None:
    store.create("a", "t")
    store.do(tags.put, "job/a", {key: key.upper() for key in "cab"})
    first = store.do(tags.page, "job/a", max_results=2)
    assert first.items == (("a", "A"), ("b", "B"))
    last = store.do(tags.page, "job/a", max_results=2, next_token=first.next_token)
    assert (last.items, last.next_token) == ((("c", "C"),), None)


MAKE = {
    "billinggroup/x": lambda s: s.do(billing_groups.create, "x", at=s.now),
    "job/x": lambda s: s.create("x", "t"),
    "jobtemplate/x": lambda s: s.do(
        templates.create, template_id="x", document="{}", description="", at=s.now
    ),
    "thinggroup/x": lambda s: s.group("x"),
    "thingtype/x": lambda s: s.do(thing_types.create, "x", at=s.now),
}


@pytest.mark.parametrize("resource", MAKE)
def test_only_what_is_there_can_be_labelled(store: SyncStore, resource: str) -> None:
    for verb, *rest in ((tags.label, {"a": "1"}), (tags.unlabel, ["a"]), (tags.page,)):
        with pytest.raises(NotFound, match=f"no {resource}"):
            store.do(verb, resource, *rest)
    MAKE[resource](store)
    store.do(tags.label, resource, {"a": "1", "b": "2"})
    store.do(tags.unlabel, resource, ["a"])
    assert store.do(tags.page, resource).items == (("b", "2"),)


@pytest.mark.usefixtures("small")
def test_a_group_that_is_being_deleted_gets_no_tags_that_the_next_would_have(followed: SyncStore) -> None:
    followed.do(groups.delete, "g", at=followed.now)
    with pytest.raises(NotFound):
        followed.do(tags.label, "thinggroup/g", {"a": "1"})


@pytest.mark.parametrize("resource", ["thing/t", "cert/1", "x"])
def test_other_things_have_no_tags(store: SyncStore, resource: str) -> None:
    with pytest.raises(InvalidRequest, match="only billinggroup, job, "):
        store.do(tags.label, resource, {"a": "1"})
