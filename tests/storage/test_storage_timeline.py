"""The timeline of a job: what happened and who did it, in the order it happened, paged."""

from dataclasses import replace
from pathlib import Path

import pytest
from sites import SqliteFile
from sync_store import AUTO, SyncStore

from domain.acts import Act
from domain.errors import InvalidRequest, NotFound
from domain.execution import Status
from domain.job import NewJob, TargetSelection
from domain.pacing import checked
from storage import acts, executions, jobs, timeline
from storage.timeline import Asked, Kind, Noted

WHO = "api-key/anna"
TWO = NewJob(targets=("t1", "t2"), target_selection=TargetSelection.SNAPSHOT, document="{}", job_id="j")

SLOW = checked({"jobExecutionsRolloutConfig": {"maximumPerMinute": 10}})


def story(store: SyncStore, job_id: str = "j", thing: str | None = None, **asked) -> list[tuple]:
    """Return a whole timeline: acts as (act, thing, actor), transitions as (thing, status, actor)."""
    return [entry for _, entry in walk(store, job_id, thing, **asked)]


def walk(store: SyncStore, job_id: str, thing: str | None, **asked):
    names = (job_id,) if thing is None else (job_id, thing)
    verb = timeline.page_for_job if thing is None else timeline.page_for_thing
    question = Asked(**asked)
    for _ in range(1000):
        page = store.do(verb, *names, question)
        assert len(page.items) <= question.max_results
        for item in page.items:
            yield item, told(item)
        if page.next_token is None:
            return
        question = replace(question, next_token=page.next_token)
    raise AssertionError("the pages have no end")


def told(item) -> tuple:
    if isinstance(item, Noted):
        return (item.act.value, item.thing_name, item.actor)
    return (item.thing_name, item.after.value, item.actor)


def test_a_job_that_runs_through_tells_all_of_it_in_the_order_it_happened(store: SyncStore) -> None:
    store.do(jobs.create, TWO, policy=AUTO, actor=WHO, at=store.now)
    store.tick()
    for thing in ("t1", "t2"):
        store.later(seconds=1)
        store.ask(thing, "start-next")
        store.ask(thing, "j/update", {"status": "SUCCEEDED"})
    assert story(store) == [
        ("CREATE", None, WHO),
        ("t1", "QUEUED", ""),
        ("t2", "QUEUED", ""),
        ("RELEASE", None, ""),
        ("t1", "IN_PROGRESS", ""),
        ("t1", "SUCCEEDED", ""),
        ("t2", "IN_PROGRESS", ""),
        ("t2", "SUCCEEDED", ""),
        ("COMPLETE", None, ""),
    ]
    assert story(store, thing="t2") == [
        ("t2", status, "") for status in ("QUEUED", "IN_PROGRESS", "SUCCEEDED")
    ]


def test_an_operator_s_acts_say_who_and_why(store: SyncStore) -> None:
    store.create("j", "t1", "t2", continuous=True)
    store.tick()
    store.do(jobs.update, "j", description="new", pacing=SLOW, actor=WHO, at=store.now)
    store.do(jobs.associate, "j", ["t3"], comment="one more", policy=AUTO, actor=WHO, at=store.now)
    store.do(jobs.cancel, "j", comment="enough", reason_code="R", actor=WHO, at=store.now)
    done = {item.act: item for item, _ in walk(store, "j", None, kind=Kind.ACT) if item.actor}
    assert {act: (item.comment, dict(item.details)) for act, item in done.items()} == {
        Act.UPDATE: (None, {"members": ["description", "jobExecutionsRolloutConfig"]}),
        Act.ASSOCIATE: ("one more", {"targets": 1}),
        Act.CANCEL: ("enough", {"reasonCode": "R"}),
    }
    assert {item.at for item in done.values()} == {store.now}


def test_a_cancel_stands_before_what_it_ends_and_a_forced_one_says_so(store: SyncStore) -> None:
    store.create("j", "t1", "t2")
    store.tick()
    store.ask("t1", "start-next")
    store.do(jobs.cancel, "j", force=True, actor=WHO, at=store.now)
    assert story(store)[-3:] == [("FORCE_CANCEL", None, WHO), ("t2", "CANCELED", ""), ("t1", "CANCELED", "")]


def test_who_cancels_one_execution_stands_at_the_transition(store: SyncStore) -> None:
    store.create("j", "t1", "t2")
    store.tick()
    store.do(executions.cancel, "j", "t1", actor=WHO, at=store.now)
    assert story(store, thing="t1")[-1] == ("t1", "CANCELED", WHO)
    assert story(store, thing="t2") == [("t2", "QUEUED", "")]


def test_the_deletion_of_an_execution_is_an_act_on_its_thing(store: SyncStore) -> None:
    store.create("j", "t1", "t2")
    store.tick()
    store.do(executions.delete, "j", "t1", actor=WHO, at=store.now)
    [(item, _)] = walk(store, "j", "t1", kind=Kind.ACT)
    assert told(item) == ("DELETE_EXECUTION", "t1", WHO)
    assert item.details == {"executionNumber": "1", "status": "QUEUED", "forced": False}
    assert story(store, thing="t2", kind=Kind.ACT) == []
    assert ("DELETE_EXECUTION", "t1", WHO) in story(store)


def test_the_order_is_what_happened_although_the_clock_is_set_back(store: SyncStore) -> None:
    store.create("j", "t1")
    store.tick()
    store.later(hours=-1)
    store.ask("t1", "start-next")
    store.do(jobs.cancel, "j", force=True, actor=WHO, at=store.now)
    words = [entry[0] if entry[0].isupper() else entry[1] for entry in story(store)]
    assert words == ["CREATE", "QUEUED", "RELEASE", "IN_PROGRESS", "FORCE_CANCEL", "CANCELED"]


@pytest.mark.parametrize("thing", [None, "t1"])
@pytest.mark.parametrize("kind", [None, *Kind])
@pytest.mark.parametrize("size", [1, 2, 3, 250])
def test_pages_of_any_size_make_the_whole_in_both_directions(
    store: SyncStore, thing: str | None, kind: Kind | None, size: int
) -> None:
    store.create("other", "t1", "t2")
    store.create("j", "t1", "t2", continuous=True)
    store.tick()
    for number in range(3):
        store.do(jobs.update, "j", description=f"{number}", at=store.now)
        store.ask("t1", "other/update", {"status": "IN_PROGRESS"})
    store.ask("t1", "j/update", {"status": "FAILED"})
    store.do(executions.delete, "j", "t1", at=store.now)
    whole = story(store, thing=thing, kind=kind)
    assert len(whole) >= 1
    assert story(store, thing=thing, kind=kind, max_results=size) == whole
    backwards = story(store, thing=thing, kind=kind, max_results=size, newest_first=True)
    assert backwards == whole[::-1]
    both = story(store, thing=thing)
    assert [entry for entry in both if kind is None or (entry[0].isupper() == (kind is Kind.ACT))] == whole


def test_what_happens_while_somebody_pages_neither_repeats_nor_hides_anything(store: SyncStore) -> None:
    store.create("j", "t1", "t2", "t3", continuous=True)
    store.tick()
    before = story(store)
    for newest in (False, True):
        seen = []
        for _, entry in walk(store, "j", None, max_results=1, newest_first=newest):
            seen.append(entry)
            if len(seen) < 4:
                store.later(hours=-1)
                store.ask(f"t{len(seen)}", "j/update", {"status": "IN_PROGRESS"})
                store.do(jobs.update, "j", description=f"{len(seen)}", at=store.now)
        kept = [entry for entry in (seen[::-1] if newest else seen) if entry in before]
        assert kept[: len(before)] == before
    assert len(story(store)) == len(before) + 6 + 6


def test_a_token_of_another_timeline_or_order_is_refused(store: SyncStore) -> None:
    store.create("j", "t1", "t2")
    store.tick()
    token = store.do(timeline.page_for_job, "j", Asked(max_results=1)).next_token
    assert token is not None
    for other in (
        Asked(max_results=1, newest_first=True, next_token=token),
        Asked(max_results=1, kind=Kind.ACT, next_token=token),
    ):
        with pytest.raises(InvalidRequest, match="nextToken"):
            store.do(timeline.page_for_job, "j", other)
    with pytest.raises(InvalidRequest, match="nextToken"):
        store.do(timeline.page_for_thing, "j", "t1", Asked(next_token=token))


def test_unknown_jobs_and_things_have_no_timeline_and_a_thing_without_work_an_empty_one(
    store: SyncStore,
) -> None:
    store.create("j", "t1")
    store.create("k", "t2")
    for names in (("x", "t1"), ("j", "x")):
        with pytest.raises(NotFound):
            store.do(timeline.page_for_thing, *names, Asked())
    with pytest.raises(NotFound):
        store.do(timeline.page_for_job, "x", Asked())
    assert story(store, thing="t2") == []


def test_a_repeated_creation_is_one_act(store: SyncStore) -> None:
    for _ in range(3):
        store.do(jobs.create, TWO, policy=AUTO, actor=WHO, at=store.now)
    assert [word for word, *_ in story(store)].count("CREATE") == 1


def test_what_is_refused_leaves_no_act(store: SyncStore) -> None:
    store.create("j", "t1")
    before = story(store)
    with pytest.raises(InvalidRequest):
        store.do(jobs.update, "j", description="a\tb", at=store.now)
    with pytest.raises(InvalidRequest):
        store.do(jobs.cancel, "j", comment="a\tb", at=store.now)
    assert story(store) == before


def test_a_deleted_job_takes_its_acts_along_and_no_others(store: SyncStore) -> None:
    for job in ("j", "k"):
        store.create(job, "t1")
    store.tick()
    for number in range(20):
        store.do(jobs.update, "j", description=f"{number}", at=store.now)
    store.do(jobs.delete, "j", force=True, actor=WHO, at=store.now)
    store.tick()
    assert store.rows("SELECT DISTINCT j.job_id FROM job_acts a LEFT JOIN jobs j ON j.id = a.job") == [("k",)]


def test_acts_are_forgotten_in_pieces(store: SyncStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.create("j", "t1")
    key = store.job_key("j")
    before = len(story(store, kind=Kind.ACT))
    for number in range(5):
        store.do(acts.note, key, Act.UPDATE, details={"n": number}, at=store.now)
    monkeypatch.setattr(acts, "CHUNK", before + 2)
    assert store.do(acts.forget, key) is True
    assert [item.details for item, _ in walk(store, "j", None, kind=Kind.ACT)] == [
        {"n": n} for n in (2, 3, 4)
    ]
    assert store.do(acts.forget, key) is False
    assert story(store, kind=Kind.ACT) == []
    store.do(jobs.delete, "j", force=True, at=store.now)


@pytest.mark.parametrize("newest", [False, True])
@pytest.mark.parametrize("thing", [None, "t1"])
def test_a_page_is_found_by_an_index_and_never_sorts(
    tmp_path: Path, *, thing: str | None, newest: bool
) -> None:
    """Page n costs what page 1 costs, however long the story is; what SQLite plans can be asked."""
    store = SyncStore(SqliteFile(tmp_path))
    store.create("j", "t1")
    plans: list[str] = []

    def explained(connection, *names):
        asked = []
        raw = connection.connection.driver_connection
        raw.set_trace_callback(asked.append)
        verb = timeline.page_for_job if thing is None else timeline.page_for_thing
        verb(connection, *names, Asked(newest_first=newest))
        raw.set_trace_callback(None)
        for statement in asked:
            if "execution_events" in statement or "job_acts" in statement:
                plans.extend(row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {statement}"))

    store.do(explained, "j", *([] if thing is None else [thing]))
    assert len([plan for plan in plans if "INDEX ix_" in plan]) == 2, plans
    assert not any("SCAN" in plan or "TEMP B-TREE" in plan for plan in plans), plans
    store.close()


def test_a_transition_tells_its_versions_and_details(store: SyncStore) -> None:
    store.create("j", "t1")
    store.tick()
    store.ask("t1", "j/update", {"status": "IN_PROGRESS", "statusDetails": {"a": "b"}})
    last = [item for item, _ in walk(store, "j", "t1")][-1]
    assert (last.before, last.after, last.version_number) == (Status.QUEUED, Status.IN_PROGRESS, 2)
    assert (last.cause, dict(last.status_details), last.execution_number) == ("DEVICE", {"a": "b"}, 1)
