"""Priorities and exclusive groups on a real store: what a device is offered, and what it is told."""

from datetime import timedelta
from typing import Any

import pytest
from invariants import check
from paced_jobs import paced, report
from sqlalchemy import event
from sync_store import SyncStore, listed, names

from domain.errors import AlreadyExists, InvalidRequest, WrongJobState
from domain.timeout_config import TimeoutConfig
from storage import jobs, sweeps, templates


def offered(store: SyncStore, thing: str = "t") -> list[str]:
    answer = store.ask(thing, "get")[1]
    return [entry["jobId"] for entry in (*answer["inProgressJobs"], *answer["queuedJobs"])]


def test_a_higher_priority_goes_first_and_equal_ones_by_time(store: SyncStore) -> None:
    for job, priority in (("a", None), ("b", 5), ("c", -5), ("d", 5), ("e", 0)):
        store.create(job, "t", priority=priority)
        store.later(seconds=1)
    assert offered(store) == ["b", "d", "a", "e", "c"]
    assert [store.job(job).priority for job in "abc"] == [0, 5, -5]
    assert store.ask("t", "start-next")[1]["execution"]["jobId"] == "b"
    report(store, "t", "c", "IN_PROGRESS")
    assert offered(store) == ["b", "c", "d", "a", "e"]


def test_another_priority_may_put_another_job_first_and_tells_so(store: SyncStore) -> None:
    store.create("a", "t")
    store.later(seconds=1)
    store.create("b", "t")
    store.tell()
    store.do(jobs.update, "b", priority=1, at=store.now)
    told = store.tell()["t"]
    assert told.keys() == {"notify-next"}
    assert told["notify-next"]["execution"]["jobId"] == "b"
    store.do(jobs.update, "b", priority=2, at=store.now)
    assert store.tell() == {}
    with pytest.raises(InvalidRequest, match="priority 1001"):
        store.do(jobs.update, "b", priority=1001, at=store.now)
    store.do(jobs.cancel, "b", at=store.now)
    with pytest.raises(WrongJobState):
        store.do(jobs.update, "b", priority=3, at=store.now)


def test_one_of_an_exclusive_group_works_and_the_others_come_when_it_has_ended(store: SyncStore) -> None:
    for job, group in (("a", "flash"), ("b", "flash"), ("c", None), ("d", "net")):
        store.create(job, "t", "u", exclusive_group=group)
        store.later(seconds=1)
    store.tell()
    report(store, "t", "b", "IN_PROGRESS")
    told = store.tell()
    assert listed(told["t"]["notify"]) == {"IN_PROGRESS": ["b"], "QUEUED": ["c", "d"]}
    assert (told.keys(), offered(store), offered(store, "u")) == (
        {"t"}, ["b", "c", "d"], ["a", "b", "c", "d"],
    )  # fmt: skip
    outcome, answer = store.ask("t", "a/update", {"status": "IN_PROGRESS"})
    assert (outcome, answer["code"], answer["executionState"]["status"]) == (
        "rejected", "InvalidStateTransition", "QUEUED",
    )  # fmt: skip
    assert "while job b of the same exclusiveGroup flash is IN_PROGRESS" in answer["message"]
    # To look at it and to give it up is no beginning.
    assert store.ask("t", "a/get")[1]["execution"]["status"] == "QUEUED"
    check(store)
    report(store, "t", "b", "FAILED")
    assert listed(store.tell()["t"]["notify"]) == {"QUEUED": ["a", "c", "d"]}
    report(store, "t", "a", "IN_PROGRESS")
    report(store, "t", "a", "IN_PROGRESS")


def test_an_update_that_expects_another_version_is_told_so_first(store: SyncStore) -> None:
    for job in ("a", "b"):
        store.create(job, "t", exclusive_group="flash")
    report(store, "t", "a", "IN_PROGRESS")
    body = {"status": "IN_PROGRESS", "expectedVersion": 7}
    assert store.ask("t", "b/update", body)[1]["code"] == "VersionMismatch"


def test_two_that_exclude_each_other_cannot_begin_in_one_batch(store: SyncStore) -> None:
    for job in ("a", "b"):
        store.create(job, "t", exclusive_group="flash")
    begin = {"status": "IN_PROGRESS"}
    answers = store.ask_all(
        ("t", "a/update", begin), ("t", "b/update", begin), ("t", "start-next", None), ("t", "get", None)
    )
    assert [outcome for outcome, _ in answers] == ["accepted", "rejected", "accepted", "accepted"]
    assert answers[2][1]["execution"]["jobId"] == "a"
    assert (answers[3][1]["queuedJobs"], len(answers[3][1]["inProgressJobs"])) == ([], 1)
    ended = store.ask_all(("t", "a/update", {"status": "SUCCEEDED"}), ("t", "b/update", begin))
    assert [outcome for outcome, _ in ended] == ["accepted", "accepted"]
    check(store)


def test_one_whose_time_is_over_or_whose_job_is_being_deleted_excludes_nobody(
    store: SyncStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = list(names("x", 6))
    store.create("first", *others)
    timed = TimeoutConfig(in_progress_timeout_in_minutes=1)
    store.create("a", "t", exclusive_group="flash", timeout_config=timed)
    store.create("b", *others, "t", exclusive_group="flash")
    store.create("c", "t", exclusive_group="flash")
    report(store, "t", "a", "IN_PROGRESS")
    store.later(minutes=1)
    report(store, "t", "b", "IN_PROGRESS")
    # So small a piece that the deletion has not come to the thing yet.
    monkeypatch.setitem(sweeps.go_on.__kwdefaults__, "limit", 1)
    store.do(jobs.delete, "b", force=True, at=store.now)
    assert store.rows(
        "SELECT e.status FROM executions e JOIN jobs j ON j.id = e.job WHERE j.job_id = 'b' "
        "AND e.status = 'IN_PROGRESS'"
    )
    report(store, "t", "c", "IN_PROGRESS")
    check(store)


def test_a_job_takes_both_from_its_template_unless_it_says_so_itself(store: SyncStore) -> None:
    store.do(
        templates.create, template_id="tpl", document="{}", description="d", priority=7, exclusive_group="g",
        at=store.now,
    )  # fmt: skip
    store.create("a", "t", template_id="tpl")
    store.create("b", "t", template_id="tpl", priority=0, exclusive_group="h")
    found = [(store.job(job).priority, store.job(job).exclusive_group) for job in "ab"]
    assert found == [(7, "g"), (0, "h")]
    with pytest.raises(AlreadyExists):
        store.create("a", "t", template_id="tpl", priority=8)


@pytest.mark.parametrize(
    ("more", "why"), [({"priority": 1001}, "priority 1001"), ({"exclusive_group": "a b"}, "exclusiveGroup")]
)
def test_what_cannot_be_is_refused(store: SyncStore, more: dict, why: str) -> None:
    with pytest.raises(InvalidRequest, match=why):
        store.create("a", "t", **more)
    with pytest.raises(InvalidRequest, match=why):
        store.do(templates.create, template_id="x", document="{}", description="d", **more, at=store.now)


def test_only_the_beginning_of_an_exclusive_one_costs_a_further_statement(store: SyncStore) -> None:
    def statements(job: str) -> int:
        seen: list[str] = []

        def note(*asked: Any) -> None:
            seen.append(asked[2])

        event.listen(store.writer, "before_cursor_execute", note)
        report(store, "t", job, "IN_PROGRESS")
        event.remove(store.writer, "before_cursor_execute", note)
        return len(seen)

    store.create("plain", "t")
    store.create("exclusive", "t", exclusive_group="g")
    assert statements("exclusive") == statements("plain") + 1
    assert statements("exclusive") == statements("plain")


def test_windows_and_groups_hide_together(store: SyncStore) -> None:
    night = paced(
        schedulingConfig={"maintenanceWindows": [{"startTime": "cron(0 2 * * ? *)", "durationInMinutes": 60}]}
    )
    store.group("g", "t")
    store.create("a", "thinggroup/g", continuous=True, pacing=night, exclusive_group="flash")
    store.create("b", "t", exclusive_group="flash")
    assert offered(store) == ["b"]
    store.now += timedelta(hours=14)
    store.tick()
    report(store, "t", "b", "IN_PROGRESS")
    assert offered(store) == ["b"]
    report(store, "t", "b", "SUCCEEDED")
    assert offered(store) == ["a"]
