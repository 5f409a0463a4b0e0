"""Pages: a list once, whatever is inserted meanwhile, and no token can be bent (promises S27)."""

import base64
import string
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sites import Site
from sync_store import AUTO, SyncStore, names

from domain.errors import InvalidRequest
from domain.execution import Status
from domain.job import JobStatus
from storage import executions, groups, jobs, members, templates, things

Walk = Callable[..., Any]


def fill(store: SyncStore, first: int, last: int) -> None:
    """Add things, jobs, executions, groups and templates numbered so."""
    for number in range(first, last):
        store.do(things.create, f"thing{number:03}", at=store.now)
        store.group(f"group{number:03}")
        store.do(groups.add, "everybody", [f"thing{number:03}"], policy=AUTO, at=store.now)
        store.do(groups.add, f"group{number:03}", ["busy"], policy=AUTO, at=store.now)
        store.create(f"job{number:03}", "busy")
        store.do(templates.create, template_id=f"x{number:03}", document="{}", description="d", at=store.now)
    more = [f"thing{number:03}" for number in range(first, last)]
    store.do(jobs.associate, "wide", more, policy=AUTO, at=store.now)


LISTS: dict[str, tuple[Walk, tuple, Callable[[Any], str]]] = {
    "things": (things.page, (), lambda t: t.thing_name),
    "groups": (groups.page, (), lambda g: g.group_name),
    "jobs": (jobs.page, (), lambda j: j.job_id),
    "templates": (templates.page, (), lambda x: x.template_id),
    "members": (members.of_group, ("everybody",), str),
    "groups of": (members.of_thing, ("busy",), str),
    "executions of a job": (executions.page_for_job, ("wide",), lambda e: e.thing_name),
    "executions of a thing": (executions.page_for_thing, ("busy",), lambda e: e.job_id),
}


def filled_store(site: Site) -> SyncStore:
    store = SyncStore(site)
    store.group("everybody", "busy")
    store.create("wide", "busy", continuous=True)
    fill(store, 10, 20)
    return store


@pytest.fixture(scope="module")
def read_only(
    make_site: Callable[[Path], Site], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SyncStore]:
    store = filled_store(make_site(tmp_path_factory.mktemp("pages")))
    yield store
    store.close()


@pytest.fixture
def filled(site: Site) -> Iterator[SyncStore]:
    store = filled_store(site)
    yield store
    store.close()


def walk(store: SyncStore, verb: Walk, args: tuple, size: int, between: Callable[[], None]) -> list[Any]:
    found, token = [], None
    for _ in range(500):
        page = store.do(verb, *args, max_results=size, next_token=token)
        assert 1 <= len(page.items) <= size
        found += page.items
        token = page.next_token
        if token is None:
            return found
        between()
    raise AssertionError("the list has no end")


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("size", [1, 4, 11, 250])
def test_a_walk_sees_every_entry_once(read_only: SyncStore, name: str, size: int) -> None:
    verb, args, label = LISTS[name]
    whole = [label(e) for e in read_only.do(verb, *args).items]
    assert len(whole) == len(set(whole)) >= 10
    assert [label(e) for e in walk(read_only, verb, args, size, lambda: None)] == whole


@pytest.mark.parametrize("name", LISTS)
def test_a_walk_sees_what_was_there_once_although_more_is_added_before_and_behind(
    filled: SyncStore, name: str
) -> None:
    verb, args, label = LISTS[name]
    there = {label(e) for e in filled.do(verb, *args).items}
    fresh = iter([0, 40, 1, 41, 2, 42])

    def add() -> None:
        number = next(fresh, None)
        if number is not None:
            fill(filled, number, number + 1)

    found = [label(e) for e in walk(filled, verb, args, 3, add)]
    assert len(found) == len(set(found))
    assert there <= set(found)


@pytest.mark.parametrize("name", LISTS)
def test_a_token_is_good_for_its_own_list_only(read_only: SyncStore, name: str) -> None:
    verb, args, _ = LISTS[name]
    token = read_only.do(verb, *args, max_results=3).next_token
    assert token is not None
    for other, (other_verb, other_args, _) in LISTS.items():
        if other != name:
            with pytest.raises(InvalidRequest, match="nextToken"):
                read_only.do(other_verb, *other_args, next_token=token)


def test_a_token_is_good_for_its_own_filters_only(filled: SyncStore) -> None:
    token = filled.do(jobs.page, status=JobStatus.IN_PROGRESS, max_results=2).next_token
    assert filled.do(jobs.page, status=JobStatus.IN_PROGRESS, max_results=5, next_token=token).items
    for filters in ({}, {"status": JobStatus.COMPLETED}):
        with pytest.raises(InvalidRequest, match="nextToken"):
            filled.do(jobs.page, **filters, next_token=token)
    token = filled.do(things.page, name_prefix="thing", max_results=2).next_token
    for filters in ({}, {"name_prefix": "thing0"}, {"attribute": ("a", "b")}):
        with pytest.raises(InvalidRequest, match="nextToken"):
            filled.do(things.page, **filters, next_token=token)
    token = filled.do(executions.page_for_job, "wide", max_results=2).next_token
    filled.create("wide2", *names("y", 5))
    for job, filters in (("wide2", {}), ("wide", {"status": Status.QUEUED})):
        with pytest.raises(InvalidRequest, match="nextToken"):
            filled.do(executions.page_for_job, job, **filters, next_token=token)


def test_a_token_with_any_character_changed_is_refused(read_only: SyncStore) -> None:
    token = read_only.do(things.page, max_results=2).next_token
    assert token is not None
    assert token.endswith("=")
    for place, letter in enumerate(token):
        other = "A" if letter != "A" else "B"
        for bent in (
            token[:place] + other + token[place + 1 :],
            token[:place],
            token[:place] + token[place + 1 :],
        ):
            with pytest.raises(InvalidRequest, match="nextToken"):
                read_only.do(things.page, next_token=bent)
    # Several spellings decode to the same bytes; one of them is ours.
    last = max(place for place, letter in enumerate(token) if letter != "=")
    for letter in string.ascii_letters + string.digits + "+/-_":
        if letter != token[last]:
            with pytest.raises(InvalidRequest, match="nextToken"):
                read_only.do(things.page, next_token=token[:last] + letter + token[last + 1 :])
    body = base64.urlsafe_b64decode(token)[16:]
    assert b"thing" in body or b"busy" in body
    for forged in (body, bytes(16) + body, bytes(16) + b'"\\ud800"', bytes(16) + b"[", b"", bytes(15)):
        with pytest.raises(InvalidRequest, match="nextToken"):
            read_only.do(things.page, next_token=base64.urlsafe_b64encode(forged).decode())


@pytest.mark.parametrize("token", ["", " ", "x", "é", "\0", "\ud800", "====", "A" * 100_000, "+/+/", "null"])
def test_what_was_never_a_token_is_refused(store: SyncStore, token: str) -> None:
    with pytest.raises(InvalidRequest, match="nextToken"):
        store.do(jobs.page, next_token=token)


def test_a_token_of_another_installation_is_refused(read_only: SyncStore, site: Site) -> None:
    other = SyncStore(site)
    for number in range(4):
        other.do(things.create, f"thing{number}", at=other.now)
    token = other.do(things.page, max_results=2).next_token
    assert other.do(things.page, next_token=token).items
    other.close()
    with pytest.raises(InvalidRequest, match="nextToken"):
        read_only.do(things.page, next_token=token)


def test_a_token_lives_on_after_a_restart(filled: SyncStore) -> None:
    token = filled.do(things.page, max_results=2).next_token
    filled.reopen()
    assert filled.do(things.page, max_results=1, next_token=token).items[0].thing_name == "thing011"


@pytest.mark.parametrize("name", LISTS)
def test_a_page_has_1_to_250_entries(read_only: SyncStore, name: str) -> None:
    verb, args, _ = LISTS[name]
    for size in (0, -1, 251, 10**30):
        with pytest.raises(InvalidRequest, match="maxResults"):
            read_only.do(verb, *args, max_results=size)


def test_a_page_of_wide_jobs_ends_early_and_the_walk_still_sees_all(
    store: SyncStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "_TARGETS_A_PAGE", 20)
    for number in range(5):
        store.create(f"j{number}", *names("t", 7))
    store.create("wide", *names("t", 30))
    pages, token = [], None
    while token is not None or not pages:
        page = store.do(jobs.page, next_token=token)
        pages.append([job.job_id for job in page.items])
        token = page.next_token
    assert pages == [["wide"], ["j4", "j3"], ["j2", "j1"], ["j0"]]


def test_filters_pick_what_they_name(filled: SyncStore) -> None:
    filled.ask("busy", "job010/update", {"status": "SUCCEEDED"})
    assert [j.job_id for j in filled.do(jobs.page, status=JobStatus.COMPLETED).items] == ["job010"]
    ended = filled.do(executions.page_for_thing, "busy", status=Status.SUCCEEDED).items
    assert [e.job_id for e in ended] == ["job010"]
    prefixed = filled.do(things.page, name_prefix="thing01").items
    assert [t.thing_name for t in prefixed] == [f"thing{n:03}" for n in range(10, 20)]
    assert [g.group_name for g in filled.do(groups.page, name_prefix="e").items] == ["everybody"]
    filled.do(things.update, "busy", attributes={"a.b@": "1"}, at=filled.now)
    assert [t.thing_name for t in filled.do(things.page, attribute=("a.b@", "1")).items] == ["busy"]
    assert filled.do(things.page, attribute=("a.b@", "2")).items == ()
