"""Jobs for operators: retry-safe creation, change, cancel, delete, and the feed of what happened."""

from dataclasses import replace

import pytest
from sync_store import AUTO, SyncStore

from domain.errors import AlreadyExists, InvalidRequest, NotFound, WrongJobState
from domain.execution import Status
from domain.job import NewJob, TargetSelection
from domain.timeout_config import UNLIMITED, TimeoutConfig
from storage import events, executions, jobs

MINUTES = TimeoutConfig(in_progress_timeout_in_minutes=5)
NEW = NewJob(targets=("t1", "t2"), target_selection=TargetSelection.SNAPSHOT, document='{"a":1}', job_id="j")


def create(store: SyncStore, new: NewJob):
    return store.do(jobs.create, new, policy=AUTO, at=store.now)


@pytest.mark.parametrize(
    "new", [NEW, replace(NEW, job_id=None, client_token="x"), replace(NEW, client_token="x")]
)
def test_the_same_call_again_gives_the_same_job_and_makes_nothing(store: SyncStore, new: NewJob) -> None:
    first = create(store, new)
    store.reopen()
    store.later(hours=1)
    assert create(store, new) == first
    assert store.rows("SELECT (SELECT count(*) FROM jobs), (SELECT count(*) FROM executions)") == [(1, 2)]
    store.ask("t1", f"{first.job_id}/update", {"status": "SUCCEEDED"})
    assert create(store, new).counts[Status.SUCCEEDED] == 1


@pytest.mark.parametrize(
    "other",
    [
        {"document": '{"a": 1}'}, {"targets": ("t1",)}, {"targets": ("t2", "t1")}, {"description": "x"},
        {"target_selection": TargetSelection.CONTINUOUS}, {"timeout_config": MINUTES},
    ],
    ids=str,
)  # fmt: skip
def test_the_same_id_or_token_with_anything_else_in_it_is_refused(store: SyncStore, other: dict) -> None:
    create(store, replace(NEW, client_token="x"))
    for wanted in (NEW, replace(NEW, job_id=None, client_token="x")):
        with pytest.raises(AlreadyExists, match="already exists with other content"):
            create(store, replace(wanted, **other))
    assert store.rows("SELECT count(*) FROM jobs") == [(1,)]


def test_without_id_and_token_every_call_makes_a_job(store: SyncStore) -> None:
    new = replace(NEW, job_id=None)
    assert create(store, new).job_id != create(store, new).job_id


@pytest.mark.parametrize(
    "bad",
    [
        {"job_id": ""}, {"job_id": "a:b"}, {"job_id": "x" * 65}, {"job_id": "\ud800"}, {"targets": ()},
        {"targets": ("a b",)}, {"targets": ("\ud800",)}, {"document": "\ud800"}, {"description": "\ud800"},
        {"description": "x" * 2029}, {"description": "a\tb"}, {"client_token": ""}, {"client_token": "é"},
        {"client_token": "x" * 65}, {"client_token": "\ud800"},
    ],
    ids=ascii,
)  # fmt: skip
def test_bad_members_are_refused_and_leave_nothing(store: SyncStore, bad: dict) -> None:
    with pytest.raises(InvalidRequest):
        create(store, replace(NEW, **bad))
    assert store.rows("SELECT (SELECT count(*) FROM jobs), (SELECT count(*) FROM things)") == [(0, 0)]


def test_an_id_is_free_again_after_deletion_and_so_is_the_token(store: SyncStore) -> None:
    create(store, replace(NEW, client_token="x"))
    store.do(jobs.delete, "j", force=True, at=store.now)
    assert create(store, replace(NEW, client_token="x", document="{}")).counts[Status.QUEUED] == 2


def test_a_new_time_out_holds_for_what_starts_later(store: SyncStore) -> None:
    create(store, NEW)
    store.ask("t1", "start-next")
    store.later(seconds=1)
    store.do(jobs.update, "j", description="new", timeout_config=MINUTES, at=store.now)
    store.ask("t2", "start-next")
    job = store.job("j")
    assert (job.description, job.timeout_config, job.last_updated_at) == ("new", MINUTES, store.now)
    assert store.execution("j", "t1").deadline_at is None
    assert store.execution("j", "t2").deadline_at is not None
    store.do(jobs.update, "j", timeout_config=UNLIMITED, at=store.now)
    assert (store.job("j").description, store.job("j").timeout_config) == ("new", UNLIMITED)


def test_a_finished_job_keeps_its_time_out_and_may_get_a_description(store: SyncStore) -> None:
    create(store, NEW)
    store.do(jobs.cancel, "j", at=store.now)
    with pytest.raises(WrongJobState, match="CANCELED"):
        store.do(jobs.update, "j", timeout_config=UNLIMITED, at=store.now)
    store.do(jobs.update, "j", description="why", at=store.now)
    assert store.job("j").description == "why"


def test_a_cancel_keeps_the_old_words_unless_new_ones_are_given(store: SyncStore) -> None:
    create(store, NEW)
    store.ask("t1", "start-next")
    store.do(jobs.cancel, "j", comment="first", reason_code="FIRST", at=store.now)
    job = store.do(jobs.cancel, "j", comment="second", force=True, at=store.now)
    assert (job.comment, job.reason_code, job.force_canceled) == ("second", "FIRST", True)


def test_what_has_ended_cannot_be_canceled_and_what_is_not_there_is_not_found(store: SyncStore) -> None:
    create(store, replace(NEW, targets=("t1",)))
    store.ask("t1", "j/update", {"status": "FAILED"})
    with pytest.raises(WrongJobState, match="COMPLETED"):
        store.do(jobs.cancel, "j", force=True, at=store.now)
    for verb in (jobs.cancel, jobs.delete, jobs.update):
        with pytest.raises(NotFound, match="no job nothing"):
            store.do(verb, "nothing", at=store.now)
    for verb in (executions.cancel, executions.delete):
        with pytest.raises(NotFound):
            store.do(verb, "j", "t2", at=store.now)


def test_deleting_the_last_pending_execution_completes_a_job(store: SyncStore) -> None:
    create(store, NEW)
    store.ask("t1", "j/update", {"status": "SUCCEEDED"})
    store.do(executions.delete, "j", "t2", at=store.now)
    job = store.job("j")
    assert (job.status, sum(job.counts.values())) == ("COMPLETED", 1)


def test_the_feed_tells_every_transition_once_and_goes_on_where_one_stopped(store: SyncStore) -> None:
    create(store, NEW)
    store.ask("t1", "start-next")
    store.ask("t1", "j/update", {"status": "SUCCEEDED"})
    store.do(executions.cancel, "j", "t2", at=store.now)
    whole = store.do(events.after, 0)
    assert [(e.thing_name, e.version_number, e.before, e.after, e.cause) for e in whole] == [
        ("t1", 1, None, "QUEUED", "RELEASE"),
        ("t2", 1, None, "QUEUED", "RELEASE"),
        ("t1", 2, "QUEUED", "IN_PROGRESS", "DEVICE"),
        ("t1", 3, "IN_PROGRESS", "SUCCEEDED", "DEVICE"),
        ("t2", 2, "QUEUED", "CANCELED", "CANCEL"),
    ]
    bit_by_bit, key = [], 0
    while piece := store.do(events.after, key, limit=2):
        bit_by_bit += piece
        key = piece[-1].key
    assert bit_by_bit == whole
