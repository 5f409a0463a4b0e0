"""Lists as the contract has them, and jobs described in full, on a real store (contract 2.13, 4.2)."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from paced_jobs import paced
from sites import Site
from sync_store import AUTO, SyncStore, names

from domain.errors import AlreadyExists, InvalidRequest, LimitExceeded, NeedsForce, NotFound
from domain.job import JobStatus, NewJob, TargetSelection
from storage import descriptions, execution_lists, executions, jobs, orders, steering, summaries, tags
from storage.policy import Quotas
from storage.summaries import Asked

NEW = NewJob(targets=("t",), target_selection=TargetSelection.SNAPSHOT, document="{}", job_id="j")


@pytest.fixture(scope="module")
def filled(
    make_site: Callable[[Path], Site], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SyncStore]:
    """Give a store with jobs of all kinds made in turns."""
    store = SyncStore(make_site(tmp_path_factory.mktemp("summaries")))
    store.group("g", "a")
    store.group("h", "b")
    for number in range(4):
        store.create(f"open{number}", "thinggroup/g", continuous=True, namespace_id="edge")
        store.create(f"done{number}", "x")
        store.ask("x", f"done{number}/update", {"status": "SUCCEEDED"})
        store.create(f"gone{number}", "b", "thinggroup/h")
        store.do(jobs.cancel, f"gone{number}", at=store.now)
        store.create(f"paused{number}", "thinggroup/g", "thinggroup/h", continuous=True)
        store.do(steering.pause, f"paused{number}", comment=None, at=store.now)
        gates = {"waves": [{"percent": 50, "gate": {"approval": True}}]}
        store.create(f"waits{number}", "a", "b", pacing=paced(stagedRolloutConfig=gates))
        for entry in store.do(execution_lists.of_job, f"waits{number}").items:
            store.ask(entry.execution.thing_name, f"waits{number}/update", {"status": "SUCCEEDED"})
        store.tick()
    yield store
    store.close()


def listed(store: SyncStore, asked: Asked, size: int = 250) -> list[str]:
    found, token = [], None
    for _ in range(100):
        page = store.do(summaries.page, asked, max_results=size, next_token=token)
        found += [job.job_id for job in page.items]
        token = page.next_token
        if token is None:
            return found
    raise AssertionError("the list has no end")


def newest(*words: str) -> list[str]:
    return [f"{word}{number}" for number in (3, 2, 1, 0) for word in words]


LISTS = {
    "all": (Asked(), [*newest("waits", "paused", "open"), *newest("done"), *newest("gone")]),
    "open": (Asked(status=JobStatus.IN_PROGRESS), newest("waits", "paused", "open")),
    "over": (Asked(status=JobStatus.COMPLETED), newest("done")),
    "followed": (Asked(target_selection=TargetSelection.CONTINUOUS), newest("paused", "open")),
    "group": (Asked(group_name="h"), [*newest("paused"), *newest("gone")]),
    "namespace": (Asked(namespace_id="edge"), newest("open")),
    "both": (Asked(group_name="g", namespace_id="edge"), newest("open")),
    "none": (Asked(status=JobStatus.DELETION_IN_PROGRESS), []),
}


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("size", [1, 3, 7, 250])
def test_jobs_come_by_status_and_the_newest_first_on_pages_of_any_size(
    filled: SyncStore, name: str, size: int
) -> None:
    asked, expected = LISTS[name]
    assert {filled.job(job).status for job in newest("waits")} == {JobStatus.WAITING_FOR_APPROVAL}
    assert listed(filled, asked, size) == expected


def test_a_token_is_good_for_its_own_question_only(filled: SyncStore) -> None:
    token = filled.do(summaries.page, Asked(), max_results=3).next_token
    for asked, _ in list(LISTS.values())[1:]:
        with pytest.raises(InvalidRequest, match="nextToken"):
            filled.do(summaries.page, asked, next_token=token)


def test_what_is_added_between_pages_neither_repeats_nor_hides_anything(store: SyncStore) -> None:
    for number in range(6):
        store.create(f"j{number}", "t")
    first = store.do(summaries.page, Asked(), max_results=2)
    store.create("more", "t")
    rest = store.do(summaries.page, Asked(), next_token=first.next_token)
    assert [job.job_id for job in (*first.items, *rest.items)] == ["j5", "j4", "j3", "j2", "j1", "j0"]


def test_the_executions_on_a_thing_of_one_job_and_of_one_namespace(filled: SyncStore) -> None:
    def found(**asked: Any) -> list[str]:
        token, seen = None, []
        for _ in itertools.count():
            page = filled.do(execution_lists.on_thing, "a", max_results=1, next_token=token, **asked)
            seen += [entry.execution.job_id for entry in page.items]
            token = page.next_token
            if token is None:
                return seen
        raise AssertionError

    assert found(namespace_id="edge") == newest("open")
    assert found(job_id="open2") == ["open2"]
    assert found(job_id="open2", namespace_id="other") == []
    with pytest.raises(NotFound, match="There is no job nobody"):
        found(job_id="nobody")


# --- descriptions ---


def test_what_still_goes_out_is_told_by_target(store: SyncStore) -> None:
    store.group("around")
    store.group("inside", *names("m", 3), parent="around")
    store.group("empty")
    rate = paced(jobExecutionsRolloutConfig={"maximumPerMinute": 2})
    targets = ("a", "thing/b", "thinggroup/around", "thinggroup/empty")
    store.create("j", *targets, continuous=True, pacing=rate)
    seen = []
    for _ in range(3):
        found = store.do(descriptions.describe, "j")
        seen.append([target.name for target in found.processing])
        store.later(minutes=1)
        store.tick()
    assert [target.kind for target in found.targets] == ["thing", "thing", "thinggroup", "thinggroup"]
    assert [target.name for target in found.targets] == ["a", "b", "around", "empty"]
    # Five things, two a minute, those first that were there first.
    assert seen == [["a", "b", "around"], ["b"], []]


def test_a_retry_that_is_owed_is_no_rollout(store: SyncStore) -> None:
    retry = {"jobExecutionsRetryConfig": {"criteriaList": [{"failureType": "FAILED", "numberOfRetries": 1}]}}
    store.create("j", "a", pacing=paced(**retry))
    store.ask("a", "j/update", {"status": "FAILED"})
    found = store.do(descriptions.describe, "j")
    assert (found.processing, found.job.is_concurrent) == ((), True)
    assert found.job.status == JobStatus.IN_PROGRESS


# --- what creation knows ---


def create(store: SyncStore, new: NewJob = NEW, **more: Any):
    return store.do(jobs.create, new, policy=AUTO, at=store.now, **more)


def test_by_token_alone_an_id_that_is_taken_is_taken(store: SyncStore) -> None:
    named = replace(NEW, client_token="x")
    first = create(store, named, by_token=True)
    assert create(store, named, by_token=True) == first
    for other in (NEW, replace(NEW, client_token="y"), replace(named, description="z")):
        with pytest.raises(AlreadyExists, match="already exists"):
            create(store, other, by_token=True)
    # By the id, as ever, where nobody says otherwise.
    create(store, replace(NEW, job_id="k"))
    create(store, replace(NEW, job_id="k"))


def test_a_call_from_before_there_were_more_members_is_still_the_same_call() -> None:
    assert orders.digest(NEW) == "3451aefef3a7f5cc85b520882e553f71769a026c263deca027317e6d86c5e7c3"
    for more in (
        {"namespace_id": "x"},
        {"document_source": "x"},
        {"document_parameters": {"a": "b"}},
        {"package_versions": ("arn:x",)},
        {"tags": {"a": "b"}},
    ):
        assert orders.digest(replace(NEW, **more)) != orders.digest(NEW)


def test_quotas_hold_where_they_are_given(store: SyncStore) -> None:
    few = Quotas(targets=2, open_jobs=2, leaving_jobs=1)
    create(store, replace(NEW, job_id="a"), quotas=few)
    with pytest.raises(InvalidRequest, match="at most 2 are allowed"):
        create(store, replace(NEW, job_id="b", targets=("a", "b", "c")), quotas=few)
    create(store, replace(NEW, job_id="b"), quotas=few)
    with pytest.raises(LimitExceeded, match="2 jobs IN_PROGRESS"):
        create(store, replace(NEW, job_id="c"), quotas=few)
    create(store, replace(NEW, job_id="c"))
    with pytest.raises(NeedsForce):
        store.do(jobs.delete, "a", quotas=few, at=store.now)
    store.do(jobs.delete, "a", force=True, quotas=few, at=store.now)


def test_tags_come_and_go_with_a_job(store: SyncStore) -> None:
    create(store, replace(NEW, tags={"a": "b"}))
    assert store.do(tags.of, "job/j") == {"a": "b"}
    store.do(jobs.delete, "j", force=True, at=store.now)
    assert store.rows("SELECT * FROM tags") == []


@pytest.mark.parametrize(
    ("verb", "more"),
    [
        (jobs.update, {"description": "d"}),
        (jobs.delete, {"force": True}),
        (jobs.associate, {"more": ["u"], "policy": AUTO}),
        (executions.delete, {"thing_name": "t"}),
    ],
)
def test_a_job_of_another_namespace_is_not_there(
    store: SyncStore, verb: Callable[..., Any], more: dict[str, Any]
) -> None:
    create(store, replace(NEW, namespace_id="edge", target_selection=TargetSelection.CONTINUOUS))
    with pytest.raises(NotFound, match="no job j in namespaceId other"):
        store.do(verb, "j", **more, namespace_id="other", at=store.now)
    store.do(verb, "j", **more, namespace_id="edge", at=store.now)


def test_a_change_of_nothing_leaves_no_trace(store: SyncStore) -> None:
    before = create(store)
    store.later(minutes=1)
    acts = store.rows("SELECT count(*) FROM job_acts")
    store.do(jobs.update, "j", at=store.now)
    assert (store.job("j"), store.rows("SELECT count(*) FROM job_acts")) == (before, acts)


@pytest.mark.parametrize("code", ["", "a", "A B", "A-B", "É", "X" * 129, "A\n"])
def test_a_reason_has_its_form(store: SyncStore, code: str) -> None:
    create(store)
    with pytest.raises(InvalidRequest, match="reasonCode"):
        store.do(jobs.cancel, "j", reason_code=code, at=store.now)
    assert store.job("j").status == JobStatus.IN_PROGRESS
