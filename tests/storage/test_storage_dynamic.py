"""Dynamic groups: whoever meets the query is a member, at once for changes, in chunks for a new query."""

import pytest
from invariants import check
from sites import ON_SQLITE
from sync_store import AUTO, SyncStore, names

from domain.errors import Conflict, NotFound
from domain.query import parse
from domain.registry import GroupStatus
from storage import dynamic, groups, members, presence, things
from storage.dynamic import CHUNK, MAX_GROUPS
from storage.presence import Contacts


def define(store: SyncStore, name: str, query: str) -> GroupStatus:
    return store.do(groups.create, name, query=query, at=store.now).status


def redefine(store: SyncStore, name: str, query: str) -> GroupStatus:
    return store.do(groups.update, name, changes={"query": query}, at=store.now).status


def thing(store: SyncStore, name: str, **attributes: str) -> None:
    store.do(things.create, name, attributes=attributes, at=store.now)


def change(store: SyncStore, name: str, **attributes: str) -> None:
    store.do(things.update, name, attributes=attributes, at=store.now)


def inside(store: SyncStore, group: str) -> list[str]:
    return sorted(store.do(members.of_group, group).items)


def crowd(store: SyncStore, count: int) -> None:
    store.do(groups.create, "crowd", at=store.now)
    store.do(groups.add, "crowd", list(names("t", count)), policy=AUTO, at=store.now)


@pytest.fixture
def pumps(store: SyncStore) -> SyncStore:
    for name, model in (("eu-1", "rev1"), ("eu-2", "rev2"), ("US-1", "rev2")):
        thing(store, name, model=model)
    return store


def test_a_new_group_holds_whoever_meets_its_query_at_once(pumps: SyncStore) -> None:
    assert define(pumps, "g", "attributes.model:rev2") is GroupStatus.ACTIVE
    assert inside(pumps, "g") == ["US-1", "eu-2"]


def test_members_follow_every_change_of_a_thing(pumps: SyncStore) -> None:
    define(pumps, "rev2", "attributes.model:rev2")
    define(pumps, "eu", "thingName:eu-*")
    thing(pumps, "eu-3", model="Rev2")
    assert (inside(pumps, "rev2"), inside(pumps, "eu")) == (
        ["US-1", "eu-2", "eu-3"],
        ["eu-1", "eu-2", "eu-3"],
    )
    change(pumps, "eu-2", model="rev1")
    change(pumps, "eu-1", model="rev2")
    assert inside(pumps, "rev2") == ["US-1", "eu-1", "eu-3"]
    pumps.do(things.delete, "eu-3", at=pumps.now)
    assert (inside(pumps, "rev2"), inside(pumps, "eu")) == (["US-1", "eu-1"], ["eu-1", "eu-2"])


def test_a_thing_that_a_job_or_a_group_registers_is_followed_too(pumps: SyncStore) -> None:
    define(pumps, "eu", "thingName:eu-*")
    pumps.create("j", "eu-7")
    pumps.group("static", "eu-8", "us-8")
    assert inside(pumps, "eu") == ["eu-1", "eu-2", "eu-7", "eu-8"]


def test_a_continuous_job_follows_a_dynamic_group(pumps: SyncStore) -> None:
    define(pumps, "rev2", "attributes.model:rev2")
    pumps.create("j", "thinggroup/rev2", continuous=True)
    pumps.tick()
    change(pumps, "eu-1", model="rev2")
    change(pumps, "eu-2", model="rev1")
    pumps.tick()
    assert {name: pumps.execution("j", name).status for name in ("eu-1", "eu-2", "US-1")} == {
        "eu-1": "QUEUED",
        "eu-2": "REMOVED",
        "US-1": "QUEUED",
    }


def test_who_moves_between_two_groups_of_one_job_keeps_its_execution(pumps: SyncStore) -> None:
    define(pumps, "rev1", "attributes.model:rev1")
    define(pumps, "rev2", "attributes.model:rev2")
    pumps.create("j", "thinggroup/rev1", "thinggroup/rev2", continuous=True)
    pumps.tick()
    change(pumps, "eu-1", model="rev2")
    change(pumps, "eu-2", model="rev1")
    pumps.tick()
    assert pumps.rows("SELECT status, count(*) FROM executions GROUP BY status") == [("QUEUED", 3)]


def test_another_query_makes_other_members(pumps: SyncStore) -> None:
    define(pumps, "g", "attributes.model:rev2")
    pumps.create("j", "thinggroup/g", continuous=True)
    pumps.tick()
    assert redefine(pumps, "g", "thingName:eu-*") is GroupStatus.ACTIVE
    pumps.tick()
    assert inside(pumps, "g") == ["eu-1", "eu-2"]
    assert pumps.execution("j", "US-1").status == "REMOVED"
    assert pumps.execution("j", "eu-2").execution_number == 1


@pytest.mark.parametrize("verb", [groups.add, groups.remove])
def test_nobody_is_put_into_a_dynamic_group_or_taken_out(pumps: SyncStore, verb: object) -> None:
    define(pumps, "g", "thingName:eu-*")
    more = {"policy": AUTO} if verb is groups.add else {}
    with pytest.raises(Conflict, match="g is dynamic"):
        pumps.do(verb, "g", ["eu-1"], at=pumps.now, **more)
    assert inside(pumps, "g") == ["eu-1", "eu-2"]


def test_a_deleted_dynamic_group_holds_nobody_and_follows_nothing(pumps: SyncStore) -> None:
    define(pumps, "g", "thingName:eu-*")
    pumps.create("j", "thinggroup/g", continuous=True)
    pumps.tick()
    pumps.do(groups.delete, "g", at=pumps.now)
    thing(pumps, "eu-3")
    pumps.tick()
    assert pumps.execution("j", "eu-1").status == "REMOVED"
    with pytest.raises(NotFound):
        pumps.do(members.of_group, "g")
    with pytest.raises(NotFound):
        pumps.execution("j", "eu-3")


def test_so_many_dynamic_groups_and_no_more(store: SyncStore) -> None:
    for number in range(MAX_GROUPS):
        define(store, f"g{number}", f"thingName:t{number}*")
    with pytest.raises(Conflict, match=f"at most {MAX_GROUPS} are allowed"):
        define(store, "more", "thingName:x")
    store.group("static")
    assert store.rows("SELECT count(*) FROM thing_groups WHERE name = 'more'") == [(0,)]
    thing(store, "t1")
    assert inside(store, "g1") == ["t1"]


# --- a large fleet ---


def test_a_large_fleet_is_gone_over_in_chunks_that_survive_a_kill(store: SyncStore) -> None:
    crowd(store, 4 * CHUNK)
    assert define(store, "g", "thingName:t*9") is GroupStatus.BUILDING
    (group,) = store.do(dynamic.unbuilt)
    seen = []
    while store.do(dynamic.build_some, group, at=store.now):
        store.reopen()
        seen.append(store.rows('SELECT count(*) FROM group_members WHERE "group" <> 1')[0][0])
    assert len(seen) > 1
    assert seen == sorted(set(seen)), "no piece is done twice"
    assert store.do(groups.get, "g").status is GroupStatus.ACTIVE
    check(store)


def test_what_changes_during_the_pass_is_right_on_both_sides_of_it(store: SyncStore) -> None:
    crowd(store, 3 * CHUNK)
    define(store, "g", "attributes.on:yes OR thingName:t0")
    change(store, "t0", on="no")
    change(store, "t1", on="yes")
    change(store, f"t{3 * CHUNK - 1}", on="yes")
    thing(store, "a", on="yes")
    thing(store, "z", on="yes")
    store.tick()
    assert inside(store, "g") == sorted(["a", "t0", "t1", f"t{3 * CHUNK - 1}", "z"])
    assert redefine(store, "g", "attributes.on:no") is GroupStatus.REBUILDING
    change(store, "t1", on="no")
    change(store, "t2", on="no")
    store.reopen()
    store.tick()
    assert inside(store, "g") == ["t0", "t1", "t2"]


def test_a_job_waits_for_a_group_that_is_being_built(store: SyncStore) -> None:
    crowd(store, 2 * CHUNK)
    define(store, "g", "thingName:*")
    for targets in (["thinggroup/g"], ["t1", "g"]):
        with pytest.raises(Conflict, match="'g' is still being built"):
            store.create("j", *targets)
    store.tick()
    store.create("j", "thinggroup/g")
    assert store.rows("SELECT waiting + queued FROM jobs") == [(2 * CHUNK,)]


def test_a_query_for_names_looks_only_at_those_names(store: SyncStore) -> None:
    crowd(store, 50)
    for name in ("eu-1", "EU-2", "Eu-3", "ev-1", "e", "eu", "f"):
        thing(store, name)
    query = parse("thingName:eu-*")
    found = [row.name for row in store.do(dynamic.candidates, query, after="", limit=100)]
    assert found == sorted(["eu-1", "EU-2", "Eu-3"])
    exact = store.do(dynamic.candidates, parse("thingName:eu"), after="", limit=1)
    assert [row.name for row in exact] == ["EU-2"], "the first that begins like it in any case"
    first = [row.name for row in store.do(dynamic.candidates, query, after="", limit=2)]
    rest = [row.name for row in store.do(dynamic.candidates, query, after=first[-1], limit=2)]
    assert first + rest == found


@ON_SQLITE
def test_a_query_for_names_walks_their_index(store: SyncStore) -> None:
    plan = store.rows(
        "EXPLAIN QUERY PLAN SELECT * FROM things WHERE deleted_at IS NULL AND name >= 'eu' AND name > 'a' "
        "AND name < 'eu{' ORDER BY name LIMIT 10"
    )
    assert "uq_things_name" in plan[0][3]


# --- connectivity ---


def note(store: SyncStore, **contacts: list[str]) -> list[str]:
    return store.do(presence.note, Contacts(**contacts), at=store.now)


def told(store: SyncStore, name: str) -> tuple:
    found = store.do(things.get, name)
    return found.connected, found.connection_changed_at, found.last_seen_at


def test_groups_that_ask_for_connectivity_follow_who_comes_and_goes(pumps: SyncStore) -> None:
    define(pumps, "on", "connectivity.connected:true attributes.model:rev2")
    define(pumps, "off", "connectivity.connected:false")
    assert note(pumps, came=["eu-1", "eu-2", "stranger"]) == ["stranger"]
    assert (inside(pumps, "on"), inside(pumps, "off")) == (["eu-2"], ["US-1"])
    note(pumps, came=["US-1"], left=["eu-2"])
    assert (inside(pumps, "on"), inside(pumps, "off")) == (["US-1"], ["eu-2"])


def test_presence_says_since_when_and_when_heard_last(pumps: SyncStore) -> None:
    first = pumps.now
    note(pumps, came=["eu-1"], heard=["eu-2"])
    pumps.later(minutes=1)
    second = pumps.now
    note(pumps, came=["eu-1"])
    assert told(pumps, "eu-1") == (True, first, second)
    assert told(pumps, "eu-2") == (False, None, first)
    pumps.later(minutes=1)
    note(pumps, left=["eu-1"])
    assert told(pumps, "eu-1") == (False, pumps.now, pumps.now)
    assert told(pumps, "US-1") == (False, None, None)


def test_a_broker_that_starts_anew_has_nobody_connected(store: SyncStore) -> None:
    crowd(store, presence.CHUNK + 1)
    define(store, "on", "connectivity.connected:true")
    store.tick()
    for start in range(0, presence.CHUNK + 1, 1000):
        note(store, came=[f"t{n}" for n in range(start, min(start + 1000, presence.CHUNK + 1))])
    assert store.do(presence.reset, at=store.now)
    assert not store.do(presence.reset, at=store.now)
    assert store.rows("SELECT count(*) FROM things WHERE connected") == [(0,)]
    assert inside(store, "on") == []


def test_who_has_been_silent_for_long_is_taken_for_gone(pumps: SyncStore) -> None:
    note(pumps, came=["eu-1", "eu-2"])
    pumps.later(minutes=50)
    note(pumps, heard=["eu-2"])
    pumps.later(minutes=20)
    long_ago = pumps.now.replace(hour=pumps.now.hour - 1)
    assert not pumps.do(presence.lapse, silent_since=long_ago, at=pumps.now)
    assert [told(pumps, name)[0] for name in ("eu-1", "eu-2")] == [False, True]
