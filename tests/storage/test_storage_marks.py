"""Marks: whoever's pending list may have changed is told the list of now, at least once (promises C6, F4)."""

import pytest
from sync_store import SyncStore, listed

from storage import executions, jobs, marks
from storage.marks import Settled
from storage.signals import Signal, take


def marked(store: SyncStore) -> set[str]:
    return {thing.thing_name for thing in store.do(marks.dirty, limit=100, at=store.now)}


def settled(thing: marks.Dirty) -> Settled:
    return Settled(thing.thing_key, thing.notify_seq, thing.set_digest, thing.next_key)


def test_many_changes_are_told_once_as_they_are_now(store: SyncStore) -> None:
    for number in range(5):
        store.create(f"j{number}", "t")
    store.do(jobs.delete, "j0", force=True, at=store.now)
    said = store.tell()["t"]
    assert listed(said["notify"]) == {"QUEUED": ["j1", "j2", "j3", "j4"]}
    assert said["notify-next"]["execution"]["jobId"] == "j1"
    assert store.tell() == {}


def test_a_change_that_is_undone_before_it_is_told_is_not_told(store: SyncStore) -> None:
    store.create("keep", "t")
    store.tell()
    store.create("gone", "t")
    store.do(jobs.delete, "gone", force=True, at=store.now)
    assert marked(store) == {"t"}
    assert store.tell() == {}
    assert marked(store) == set()


def test_what_is_told_and_not_noted_is_told_again(store: SyncStore) -> None:
    store.create("j", "t")
    (before,) = store.do(marks.dirty, limit=10, at=store.now)
    store.reopen()
    (after,) = store.do(marks.dirty, limit=10, at=store.now)
    assert after == before
    assert store.tell()["t"].keys() == {"notify", "notify-next"}


def test_a_mark_made_while_another_is_told_stays(store: SyncStore) -> None:
    store.create("j1", "t")
    (first,) = store.do(marks.dirty, limit=10, at=store.now)
    store.create("j2", "t")
    store.do(marks.settle, [settled(first)])
    assert listed(store.tell()["t"]["notify"]) == {"QUEUED": ["j1", "j2"]}


def test_an_old_note_does_not_undo_a_newer_one(store: SyncStore) -> None:
    store.create("j1", "t")
    (old,) = store.do(marks.dirty, limit=10, at=store.now)
    store.create("j2", "t")
    store.tell()
    store.do(marks.settle, [settled(old)])
    assert store.tell() == {}
    store.ask("t", "j2/update", {"status": "REJECTED"})
    assert listed(store.tell()["t"]["notify"]) == {"QUEUED": ["j1"]}


def test_reads_progress_and_repeats_make_no_mark(store: SyncStore) -> None:
    store.create("j", "t")
    store.ask("t", "start-next")
    store.tell()
    for request, body in (
        ("get", {}), ("start-next", {}), ("$next/get", {}), ("j/get", {}),
        ("j/update", {"status": "IN_PROGRESS", "statusDetails": {"p": 1}, "clientToken": "x"}),
        ("j/update", {"status": "IN_PROGRESS", "statusDetails": {"p": 1}, "clientToken": "x"}),
        ("j/update", {"status": "IN_PROGRESS", "stepTimeoutInMinutes": 5}),
        ("j/update", {"status": "SUCCEEDED", "expectedVersion": 1}), ("nothing/update", {"status": "FAILED"}),
    ):  # fmt: skip
        store.ask("t", request, body)
        assert marked(store) == set(), request


def test_deleting_what_has_ended_makes_no_mark(store: SyncStore) -> None:
    store.create("j", "t")
    store.ask("t", "j/update", {"status": "SUCCEEDED"})
    store.tell()
    store.do(executions.delete, "j", "t", at=store.now)
    assert marked(store) == set()


def test_marked_things_are_read_in_pieces_by_key(store: SyncStore) -> None:
    store.create("j", *(f"t{number}" for number in range(7)))
    found, after = [], 0
    while piece := store.do(marks.dirty, limit=3, after=after, at=store.now):
        found += [thing.thing_name for thing in piece]
        after = piece[-1].thing_key
    assert found == [f"t{number}" for number in range(7)]


def test_notify_lists_ten_and_still_sees_a_change_of_the_eleventh(store: SyncStore) -> None:
    for number in range(12):
        store.create(f"j{number:02}", "t")
    assert len(store.tell()["t"]["notify"]["jobs"]["QUEUED"]) == 10
    store.ask("t", "j11/update", {"status": "REJECTED"})
    assert store.tell()["t"].keys() == {"notify"}


def test_after_the_broker_forgot_all_open_work_is_told_again_in_pieces(store: SyncStore) -> None:
    store.create("j", *(f"t{number}" for number in range(5)), "done")
    store.ask("done", "j/update", {"status": "SUCCEEDED"})
    store.ask("t0", "start-next")
    store.tell()
    pieces, after = 0, 0
    while (go_on := store.do(marks.forget_announcements, after=after, limit=2)) is not None:
        pieces, after = pieces + 1, go_on
    assert pieces == 3
    said = store.tell()
    assert said.keys() == {f"t{number}" for number in range(5)}
    assert all(messages.keys() == {"notify", "notify-next"} for messages in said.values())
    assert said["t0"]["notify-next"]["execution"]["status"] == "IN_PROGRESS"


def test_who_has_just_come_is_told_of_work_it_has_not_begun_and_that_was_announced(store: SyncStore) -> None:
    store.create("j", "announced", "begun", "done")
    store.ask("begun", "start-next")
    store.ask("done", "j/update", {"status": "FAILED"})
    store.tell()
    store.create("k", "marked")
    names = ["announced", "begun", "done", "marked", "nobody"]
    missed = store.do(marks.unbegun, names, at=store.now)
    assert [(entry.execution.thing_name, entry.execution.job_id, document) for entry, document in missed] == [
        ("announced", "j", '{"operation":"test"}')
    ]


@pytest.mark.parametrize("force", [False, True])
def test_a_cancel_signals_the_notifier(store: SyncStore, *, force: bool) -> None:
    store.create("j", "t")
    store.tell()

    def cancel(connection) -> frozenset[Signal]:
        take(connection)
        jobs.cancel(connection, "j", force=force, at=store.now)
        return take(connection)

    assert Signal.MARKS in store.do(cancel)
    assert store.tell()["t"]["notify"]["jobs"] == {}
