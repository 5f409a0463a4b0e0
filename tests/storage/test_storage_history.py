"""Retention: what is older than it is to be kept goes in pieces, and nothing else; on both databases."""

from datetime import timedelta

import pytest
from invariants import check
from lifecycle_reader import Reader, switch
from old_jobs import AHEAD, KEPT, SPAN, TABLES, begins, divide, ended, keep, left, live, piece
from paced_jobs import counts, report
from sync_store import SyncStore

from domain.event_kinds import EventKind
from domain.execution import Status
from domain.job import JobStatus
from storage import audit, events, executions, history, jobs, sweeps, timeline
from storage.events import Event
from storage.history import Kept, Kind


@pytest.fixture
def cut(store: SyncStore, monkeypatch: pytest.MonkeyPatch) -> SyncStore:
    """Small pieces, so that little is much."""
    divide(store)
    monkeypatch.setattr(history, "CHUNK", 4)
    return store


def fill(store: SyncStore) -> None:
    """Let jobs of all kinds come some way, on the first day and on one that is kept."""
    store.group("g", "t0", "t1")
    store.create("follows", "thinggroup/g", continuous=True)
    report(store, "t0", "follows", "SUCCEEDED")
    ended(store, "old", "t2", "t3")
    store.create("canceled", "t4")
    store.do(jobs.cancel, "canceled", at=store.now)
    store.create("hangs", "t5")
    report(store, "t5", "hangs", "IN_PROGRESS")
    store.do(jobs.cancel, "hangs", at=store.now)
    store.create("open", "t6", "t7")
    report(store, "t6", "open", "SUCCEEDED")
    live(store, 20)
    ended(store, "new", "t2", "t3")
    report(store, "t7", "open", "IN_PROGRESS")
    store.tick()


def test_what_is_old_and_over_goes_and_what_goes_on_stays(cut: SyncStore) -> None:
    fill(cut)
    assert set(keep(cut)) <= {Kind.PROVIDE, Kind.CLOSE}
    assert begins(cut) is None
    before = left(cut, "jobs")
    done = live(cut, 15)
    goes = Kind.FORGET if cut.site.name == "sqlite" else Kind.DROP
    assert done.count(goes) > 1
    assert done.count(Kind.DELETE) == 2
    assert set(before) - set(left(cut, "jobs")) == {"old", "canceled"}
    for table in TABLES:
        assert not {"old", "canceled"} & set(left(cut, table)), table
    assert left(cut, "executions") == ["follows", "hangs", "new", "open"]
    # "open" has done something since.
    assert left(cut, "execution_events") == ["new", "open"]
    assert counts(cut, "follows") == {"SUCCEEDED": 1, "QUEUED": 1}
    assert piece(cut) is None


def test_what_has_lost_its_beginning_goes_on_and_then_goes_as_well(cut: SyncStore) -> None:
    fill(cut)
    live(cut, 15)
    report(cut, "t7", "open", "SUCCEEDED")
    report(cut, "t1", "follows", "SUCCEEDED")
    report(cut, "t5", "hangs", "FAILED")
    assert cut.job("open").status is JobStatus.COMPLETED
    # A continuous job knows who has had it.
    cut.create("other", "thinggroup/g", continuous=True)
    cut.tick()
    assert counts(cut, "follows") == {"SUCCEEDED": 2}
    check(cut)
    live(cut, 35)
    assert left(cut, "jobs") == ["follows", "other"]
    assert left(cut, "execution_events") == []
    assert cut.execution("follows", "t0").status is Status.SUCCEEDED


def test_a_job_is_kept_for_as_long_after_it_was_changed(cut: SyncStore) -> None:
    ended(cut, "j", "t0")
    live(cut, 25)
    cut.do(jobs.update, "j", description="kept in mind", at=cut.now)
    live(cut, 25)
    assert (left(cut, "jobs"), left(cut, "execution_events")) == (["j"], [])
    assert Kind.DELETE in live(cut, 10)
    assert left(cut, "jobs") == []


def test_a_large_job_goes_in_pieces_of_its_own(cut: SyncStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sweeps.go_on.__kwdefaults__, "limit", 2)
    ended(cut, "large", *(f"t{number}" for number in range(20)))
    cut.later(days=40)
    due = []
    while (kind := piece(cut)) is not None:
        due.append(kind)
    assert due[-1] is Kind.DELETE
    [(count,)] = cut.rows("SELECT count(*) FROM executions")
    assert 0 < count < 20
    while cut.do(sweeps.go_on, cut.job_key("large"), limit=2, at=cut.now):
        check(cut)
        assert piece(cut) is None
        cut.reopen()
        [(fewer,)] = cut.rows("SELECT count(*) FROM executions")
        assert count - fewer in (0, 2)
        count = fewer
    assert left(cut, "jobs") == []


def test_by_default_everything_is_kept(cut: SyncStore) -> None:
    fill(cut)
    cut.later(days=5000)
    assert set(keep(cut, Kept(None, SPAN, AHEAD))) <= {Kind.PROVIDE}
    assert begins(cut) is None


def test_nothing_goes_before_its_events_are_published(cut: SyncStore) -> None:
    switch(cut, EventKind.JOB_EXECUTION)
    ended(cut, "j", "t0", "t1")
    assert set(live(cut, 40)) <= {Kind.PROVIDE, Kind.CLOSE}
    assert Reader(cut).all() == ["j/t0#1 succeeded", "j/t1#1 succeeded"]
    assert Kind.DELETE in keep(cut)
    assert Reader(cut).all() == ["j/t0#1 deleted", "j/t1#1 deleted"]


def test_what_a_clock_ahead_wrote_keeps_what_is_beside_it(cut: SyncStore) -> None:
    """Times are those of whoever wrote, and several clocks are never one."""
    ended(cut, "j", "t0", "t1")
    ahead = "= at + 864000000 WHERE thing = (SELECT id FROM things WHERE name = 't1')"
    cut.do(lambda c: c.exec_driver_sql(f"UPDATE execution_events SET at {ahead}"))
    live(cut, 35)
    seen = cut.rows("SELECT min(id) FROM execution_events")
    # Row by row the first one goes; it shares its partition with the second.
    assert seen == [(2 if cut.site.name == "sqlite" else 1,)]
    live(cut, 10)
    assert left(cut, "jobs") == []


def test_a_reader_with_an_old_cursor_begins_where_history_begins(cut: SyncStore) -> None:
    fill(cut)
    first = cut.do(events.after, 0)[0].key
    live(cut, 15)
    found = cut.do(events.after, first)
    gone, _ = begins(cut)
    assert found[0].key > gone
    assert {event.job_id for event in found} == {"new", "open"}
    page = cut.do(timeline.page_for_job, "open", timeline.Asked())
    told = [item.after.value if isinstance(item, Event) else item.act.value for item in page.items]
    assert told == ["CREATE", "RELEASE", "IN_PROGRESS"]


def test_acts_keep_their_order_when_no_transition_is_left(cut: SyncStore) -> None:
    fill(cut)
    cut.do(jobs.update, "follows", description="x", actor="before", at=cut.now)
    live(cut, 60)
    cut.do(jobs.update, "follows", description="y", actor="after", at=cut.now)
    check(cut)
    page = cut.do(timeline.page_for_job, "follows", timeline.Asked(newest_first=True))
    assert [item.actor for item in page.items][:2] == ["after", "before"]


#: What breaks a database whose history has begun late, and which check says so.
BREAKS = {
    "DELETE FROM execution_events WHERE job = {new} AND version = 1": "versions",
    "DELETE FROM execution_events WHERE job = {new} AND version = 2": "versions",
    "DELETE FROM execution_events WHERE job = {new} AND version = 3": "last-event",
    "DELETE FROM execution_events WHERE job = {new}": "last-event",
    "UPDATE executions SET last_updated_at = last_updated_at + 86400000 WHERE job = {follows}": "last-event",
    "UPDATE positions SET at = 1 WHERE name = 'history'": "last-event",
    "UPDATE positions SET position = 1 WHERE name = 'history'": "act-place",
    "DELETE FROM positions WHERE name = 'history'": "versions",
    "UPDATE job_acts SET event = 1000 WHERE act = 'COMPLETE' AND job = {new}": "act-place",
}


def test_what_a_late_beginning_does_not_explain_is_a_fault(cut: SyncStore) -> None:
    fill(cut)
    cut.do(jobs.update, "follows", description="x", at=cut.now - timedelta(days=20))
    live(cut, 15)
    check(cut)
    keys = {name: cut.job_key(name) for name in ("new", "follows")}
    for statement, name in BREAKS.items():
        with cut.writer.connect() as connection:
            connection.exec_driver_sql(statement.format(**keys))
            found = {fault.check.name for fault in audit.faults(connection)}
        assert name in found, statement


def test_a_number_that_was_freed_and_used_again_is_no_fault(cut: SyncStore) -> None:
    cut.group("g", "t0", "t1")
    cut.create("j", "thinggroup/g", continuous=True)
    report(cut, "t0", "j", "SUCCEEDED")
    live(cut, 20)
    cut.do(executions.delete, "j", "t0", at=cut.now)
    cut.do(jobs.associate, "j", ["t0"], policy=cut.policy, at=cut.now)
    cut.tick()
    report(cut, "t1", "j", "IN_PROGRESS")
    check(cut)
    live(cut, 15)
    assert begins(cut) is not None


def test_two_who_saw_the_same_do_it_once(cut: SyncStore) -> None:
    fill(cut)
    cut.later(days=45)
    while (due := cut.do(history.due, KEPT, at=cut.now)) is not None:
        for _ in range(2):
            cut.do(history.go_on, due, KEPT, at=cut.now)
            check(cut)
    cut.tick()
    assert left(cut, "jobs") == ["follows", "hangs", "open"]
