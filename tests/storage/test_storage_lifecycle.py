"""Lifecycle events out of the store: which there are, in what order, and what they say of what is gone."""

from datetime import timedelta
from itertools import pairwise

import pytest
from lifecycle_reader import Reader, switch
from paced_jobs import abort, paced, report
from sync_store import SyncStore, names

from domain.event_kinds import EventKind
from domain.execution import Status
from domain.names import Target
from storage import executions, groups, jobs, lifecycle, things
from storage.signals import Signal, take


@pytest.fixture
def reader(store: SyncStore) -> Reader:
    switch(store)
    return Reader(store)


def cancel(store: SyncStore, job: str, **more: object) -> None:
    store.do(jobs.cancel, job, at=store.now, **more)


def delete(store: SyncStore, job: str = "j") -> None:
    store.do(jobs.delete, job, force=True, at=store.now)


def delete_execution(store: SyncStore, job: str, thing: str) -> None:
    store.do(executions.delete, job, thing, force=True, at=store.now)


def test_the_ends_of_executions_and_of_their_job_come_in_order(store: SyncStore, reader: Reader) -> None:
    store.create("j", "a", "b", "c")
    for thing, status in (("b", "SUCCEEDED"), ("a", "IN_PROGRESS"), ("c", "FAILED"), ("a", "REJECTED")):
        report(store, thing, "j", status)
    assert reader.all() == ["j/b#1 succeeded", "j/c#1 failed", "j/a#1 rejected", "j completed"]
    assert reader.all() == []


def test_what_is_said_of_a_job_is_what_it_was_like_then(store: SyncStore, reader: Reader) -> None:
    store.group("g", "a")
    store.create("j", "thinggroup/g", "b", description="d")
    report(store, "a", "j", "SUCCEEDED")
    report(store, "b", "j", "FAILED")
    store.later(hours=1)
    delete(store)
    store.do(groups.delete, "g", at=store.now)
    while reader.round():
        pass
    done, *_, gone = [event for event in reader.events if hasattr(event, "targets")]
    assert done.targets == (Target("thinggroup", "g"), Target("thing", "b"))
    assert done.counts[Status.SUCCEEDED] == done.counts[Status.FAILED] == 1
    assert (done.completed_at, done.description, done.target_selection) == (done.at, "d", "SNAPSHOT")
    assert (gone.description, gone.created_at) == ("d", done.created_at)
    assert gone.at == gone.last_updated_at == done.at + timedelta(hours=1)


def test_a_target_that_is_gone_keeps_its_name(store: SyncStore, reader: Reader) -> None:
    store.group("g", "a")
    store.create("j", "thinggroup/g", continuous=True)
    store.do(groups.delete, "g", at=store.now)
    store.tick()
    delete(store)
    while reader.round():
        pass
    assert reader.events[-1].targets == (Target("thinggroup", "g"),)


def test_no_more_targets_are_named_than_a_packet_takes(store: SyncStore, reader: Reader) -> None:
    store.create("j", *names("t", 130))
    delete(store)
    while reader.round():
        pass
    assert [target.name for target in reader.events[-1].targets] == list(names("t", 100))


def test_a_cancel_is_told_when_it_begins_and_when_it_is_through(store: SyncStore, reader: Reader) -> None:
    store.create("j", "a", "b")
    report(store, "a", "j", "IN_PROGRESS")
    cancel(store, "j", comment="no")
    assert reader.all() == ["j cancellation_in_progress", "j/b#1 canceled", "j canceled"]
    report(store, "a", "j", "SUCCEEDED")
    assert reader.all() == ["j/a#1 succeeded"]


def test_a_large_cancel_is_through_when_the_last_is_canceled(
    store: SyncStore, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.sweeps.CHUNK", 2)
    monkeypatch.setattr("storage.sweeps.go_on.__kwdefaults__", {"limit": 2})
    store.create("j", *names("t", 20))
    cancel(store, "j", force=True)
    told = reader.all()
    assert told[0] == "j cancellation_in_progress"
    assert "j canceled" not in told
    assert len(told) < 20
    store.tick()
    told += reader.all()
    assert len(told) == 22
    assert told[-1] == "j canceled"


def test_a_job_that_a_rule_aborts_is_canceled(store: SyncStore, reader: Reader) -> None:
    store.create("j", "a", "b", pacing=paced(**abort("FAILED", 10, 1)))
    report(store, "a", "j", "FAILED")
    store.tick()
    assert reader.all() == ["j/a#1 failed", "j cancellation_in_progress", "j/b#1 canceled", "j canceled"]


def test_a_job_that_its_end_cancels_is_canceled(store: SyncStore, reader: Reader) -> None:
    end = store.now + timedelta(hours=1)
    times = paced(schedulingConfig={"endTime": end.isoformat(), "endBehavior": "FORCE_CANCEL"})
    store.create("j", "a", pacing=times)
    report(store, "a", "j", "IN_PROGRESS")
    store.later(hours=2)
    store.tick()
    assert reader.all() == ["j cancellation_in_progress", "j/a#1 canceled", "j canceled"]


def test_time_outs_and_removals_are_told(store: SyncStore, reader: Reader) -> None:
    store.create("j", "a", "b", timeout_config={"inProgressTimeoutInMinutes": 5})
    report(store, "a", "j", "IN_PROGRESS")
    store.later(minutes=6)
    store.expire()
    store.do(things.delete, "b", at=store.now)
    store.tick()
    assert reader.all() == ["j/a#1 timed_out", "j/b#1 removed", "j completed"]


def test_a_deleted_job_tells_what_was_not_told_yet_and_that_it_is_gone(
    store: SyncStore, reader: Reader
) -> None:
    store.create("other", "a", "b")
    store.create("j", "a", "b")
    report(store, "a", "j", "SUCCEEDED")
    report(store, "a", "other", "SUCCEEDED")
    report(store, "b", "j", "FAILED")
    delete(store)
    report(store, "b", "other", "SUCCEEDED")
    assert store.rows("SELECT count(*) FROM lifecycle_notes")[0][0] > 3
    assert reader.all() == [
        "j/a#1 succeeded",
        "other/a#1 succeeded",
        "j/b#1 failed",
        "j completed",
        "j deletion_in_progress",
        "j/a#1 deleted",
        "j/b#1 deleted",
        "j deleted",
        "other/b#1 succeeded",
        "other completed",
    ]
    assert store.rows("SELECT * FROM lifecycle_notes") == []


def test_an_end_that_was_read_before_its_job_was_deleted_is_not_told_again(
    store: SyncStore, reader: Reader
) -> None:
    store.create("j", "a")
    report(store, "a", "j", "SUCCEEDED")
    due = store.do(lifecycle.due)
    delete(store)
    store.do(lifecycle.settle, due.items, due.position)
    assert reader.all() == ["j deletion_in_progress", "j/a#1 deleted", "j deleted"]


def test_what_is_told_again_of_a_deleted_job_has_the_same_record(store: SyncStore, reader: Reader) -> None:
    store.create("j", "a")
    report(store, "a", "j", "SUCCEEDED")
    reader.round(dies=True)
    first = list(reader.events)
    delete(store)
    reader.events.clear()
    while reader.round():
        pass
    assert reader.events[: len(first)] == first


def test_the_last_job_that_is_deleted_takes_no_later_event_back(store: SyncStore, reader: Reader) -> None:
    # With its transitions goes the highest number: what comes later must still stand behind.
    store.create("j", "a")
    report(store, "a", "j", "SUCCEEDED")
    reader.all()
    delete(store)
    store.create("k", "a")
    report(store, "a", "k", "FAILED")
    assert reader.all() == [
        "j deletion_in_progress",
        "j/a#1 deleted",
        "j deleted",
        "k/a#1 failed",
        "k completed",
    ]


def test_a_deleted_execution_is_told_with_its_details(store: SyncStore, reader: Reader) -> None:
    store.create("j", "a", "b")
    store.ask("a", "j/update", {"status": "IN_PROGRESS", "statusDetails": {"step": "2"}})
    delete_execution(store, "j", "a")
    while reader.round():
        pass
    (event,) = reader.events
    assert (event.operation, event.thing_name, event.status_details) == ("deleted", "a", {"step": "2"})


def test_a_deleted_execution_may_complete_its_job(store: SyncStore, reader: Reader) -> None:
    store.create("j", "a")
    delete_execution(store, "j", "a")
    assert reader.all() == ["j/a#1 deleted", "j completed"]


def test_retries_have_an_event_each(store: SyncStore, reader: Reader) -> None:
    criteria = [{"failureType": "FAILED", "numberOfRetries": 1}]
    store.create("j", "a", pacing=paced(jobExecutionsRetryConfig={"criteriaList": criteria}))
    report(store, "a", "j", "FAILED")
    store.tick()
    report(store, "a", "j", "FAILED")
    assert reader.all() == ["j/a#1 failed", "j/a#2 failed", "j completed"]


def test_while_off_nothing_is_kept_for_later(store: SyncStore) -> None:
    store.create("j", "a", "b")
    report(store, "a", "j", "SUCCEEDED")
    cancel(store, "j")
    store.create("k", "a")
    delete(store, "k")
    assert store.rows("SELECT * FROM lifecycle_notes") == []
    switch(store)
    reader = Reader(store)
    assert reader.all() == []
    delete(store, "j")
    assert reader.all() == ["j deletion_in_progress", "j/a#1 deleted", "j/b#1 deleted", "j deleted"]


def test_what_is_switched_off_says_nothing_of_before_either(store: SyncStore, reader: Reader) -> None:
    store.create("j", "a")
    report(store, "a", "j", "SUCCEEDED")
    delete(store)
    switch(store, on=False)
    assert store.rows("SELECT * FROM lifecycle_notes") == []
    switch(store)
    assert reader.all() == []


def test_switching_on_what_is_on_loses_nothing(store: SyncStore, reader: Reader) -> None:
    store.create("j", "a")
    report(store, "a", "j", "SUCCEEDED")
    switch(store)
    assert reader.all() == ["j/a#1 succeeded", "j completed"]


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (EventKind.JOB, ["j completed", "j deletion_in_progress", "j deleted"]),
        (EventKind.JOB_EXECUTION, ["j/a#1 succeeded", "j/a#1 deleted"]),
        (EventKind.THING, []),
    ],
)
def test_each_kind_is_switched_alone(store: SyncStore, kind: EventKind, told: list[str]) -> None:
    switch(store, kind)
    reader = Reader(store)
    store.create("j", "a")
    report(store, "a", "j", "SUCCEEDED")
    delete(store)
    assert reader.all() == told


def test_a_publisher_is_woken_by_every_event_and_by_every_switch(store: SyncStore) -> None:
    with store.writer.begin() as connection:
        take(connection)
    switch(store)
    with store.writer.begin() as connection:
        assert take(connection) == {Signal.SWITCHED}
    store.create("j", "a")
    delete_execution(store, "j", "a")
    store.create("k", "a", continuous=True)
    with store.writer.begin() as connection:
        take(connection)
    delete(store, "k")
    with store.writer.begin() as connection:
        assert Signal.EVENTS in take(connection)


def test_a_job_of_many_things_is_told_in_bounded_pieces(store: SyncStore) -> None:
    switch(store)
    store.create("j", *names("t", 1500))
    store.tick()
    delete(store)
    store.tick()
    reader = Reader(store, limit=lifecycle.CHUNK)
    sizes = [0]
    while reader.round():
        sizes.append(len(reader.events))
    told = reader.events
    assert len(told) == 1502
    assert max(after - before for before, after in pairwise(sizes)) <= 2 * lifecycle.CHUNK
    assert [told[0].operation, told[-1].operation] == ["deletion_in_progress", "deleted"]
