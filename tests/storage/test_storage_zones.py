"""Windows by each thing's own clock, blackout dates, and what a close does, on a real store."""

from datetime import timedelta
from typing import Any

import pytest
from invariants import check
from paced_jobs import counts, paced, released, report
from sync_store import SyncStore

from domain.errors import InvalidRequest
from domain.job import JobStatus
from domain.timeout_config import TimeoutConfig
from storage import groups, things
from storage.policy import Policy

#: The test begins at 12:00 UTC on 1 March: 13:00 in Berlin, 21:00 in Tokyo, 17:45 in Kathmandu.
EVENING = [{"startTime": "cron(0 21 * * ? *)", "durationInMinutes": 120}]
LOCAL = {"timeZone": "thing", "maintenanceWindows": EVENING}


def scheduled(store: SyncStore, job: str, *targets: str, **schedule: Any) -> None:
    pacing = paced(schedulingConfig=schedule)
    store.create(job, *targets, continuous=True, pacing=pacing, policy=Policy(schedule_lead=timedelta(0)))


def thing(store: SyncStore, name: str, zone: str | None = None) -> None:
    store.do(things.create, name, time_zone=zone, at=store.now)


def zoned(store: SyncStore) -> dict[str, str]:
    """Return in which zone each thing waits or works."""
    return dict(
        store.rows(
            "SELECT t.name, w.zone FROM waiting w JOIN things t ON t.id = w.thing "
            "UNION SELECT t.name, e.zone FROM executions e JOIN things t ON t.id = e.thing "
            "WHERE e.status IN ('QUEUED', 'IN_PROGRESS')"
        )
    )


def sees(store: SyncStore, name: str) -> list[str]:
    answer = store.ask(name, "get")[1]
    return [entry["jobId"] for entry in (*answer["inProgressJobs"], *answer["queuedJobs"])]


def go(store: SyncStore, **delta: float) -> None:
    store.later(**delta)
    store.tick()


def test_each_thing_is_offered_its_work_when_its_own_clock_says_so(store: SyncStore) -> None:
    for name, zone in (("berlin", "Europe/Berlin"), ("tokyo", "Asia/Tokyo"), ("nowhere", None)):
        thing(store, name, zone)
    scheduled(store, "j", "berlin", "tokyo", "nowhere", **LOCAL)
    assert zoned(store) == {"berlin": "Europe/Berlin", "tokyo": "Asia/Tokyo", "nowhere": "UTC"}
    assert [sees(store, name) for name in ("tokyo", "berlin", "nowhere")] == [["j"], [], []]
    assert store.job("j").status == JobStatus.IN_PROGRESS
    report(store, "tokyo", "j", "IN_PROGRESS")
    go(store, hours=2)
    # Tokyo's window has closed and none is open: what works goes on.
    assert (store.job("j").status, sees(store, "tokyo")) == (JobStatus.SCHEDULED, ["j"])
    go(store, hours=6)
    assert [sees(store, name) for name in ("berlin", "nowhere")] == [["j"], []]
    go(store, hours=1)
    assert [sees(store, name) for name in ("berlin", "nowhere")] == [["j"], ["j"]]
    go(store, hours=1)
    assert [sees(store, name) for name in ("berlin", "nowhere")] == [[], ["j"]]
    assert released(store, "j") == 3
    check(store)


def test_the_nearest_group_with_a_zone_gives_its_things_theirs(store: SyncStore) -> None:
    store.do(groups.create, "world", time_zone="Asia/Tokyo", at=store.now)
    for name, parent, zone in (
        ("europe", "world", "Europe/Berlin"),
        ("alps", "europe", None),
        ("asia", "world", "Asia/Kathmandu"),
        ("plain", None, None),
    ):
        store.do(groups.create, name, parent_name=parent, time_zone=zone, at=store.now)
    members = {
        "world": ["a"],
        "alps": ["b", "both"],
        "asia": ["both", "c"],
        "plain": ["d"],
        "europe": ["own"],
    }
    thing(store, "own", "America/New_York")
    for name, inside in members.items():
        store.do(groups.add, name, inside, policy=Policy(), at=store.now)
    scheduled(store, "j", "thinggroup/world", "thinggroup/plain", **LOCAL)
    assert zoned(store) == {
        "a": "Asia/Tokyo",
        "b": "Europe/Berlin",
        "both": "Asia/Kathmandu",
        "c": "Asia/Kathmandu",
        "d": "UTC",
        "own": "America/New_York",
    }


def test_a_thing_that_moves_takes_what_it_has_not_begun_along(store: SyncStore) -> None:
    for name in ("a", "b"):
        thing(store, name, "Asia/Tokyo")
    scheduled(store, "j", "a", "b", **LOCAL)
    scheduled(store, "fixed", "a", timeZone="Asia/Tokyo", maintenanceWindows=EVENING)
    store.do(things.update, "a", time_zone="Europe/Berlin", at=store.now)
    store.do(things.update, "a", attributes={"x": "1"}, at=store.now)
    store.tick()
    assert (sees(store, "a"), sees(store, "b")) == (["fixed"], ["j"])
    check(store)
    go(store, hours=8)
    assert (sees(store, "a"), sees(store, "b")) == (["j"], [])
    check(store)
    # One that waits is moved too.
    thing(store, "c", "Asia/Tokyo")
    store.group("g", "c")
    scheduled(store, "k", "thinggroup/g", **LOCAL)
    assert released(store, "k") == 0
    store.do(things.update, "c", time_zone="Europe/Berlin", at=store.now)
    store.tick()
    assert sees(store, "c") == ["k"]
    check(store)


def test_the_queued_timer_runs_where_the_thing_is_by_then(store: SyncStore) -> None:
    thing(store, "a", "Asia/Tokyo")
    limit = TimeoutConfig(queued_timeout_in_minutes=60)
    store.create("j", "a", continuous=True, pacing=paced(schedulingConfig=LOCAL), timeout_config=limit)
    store.do(things.update, "a", time_zone="Europe/Berlin", at=store.now)
    go(store, hours=2)
    assert counts(store, "j") == {"QUEUED": 1}
    go(store, hours=6)
    store.do(things.update, "a", time_zone="Europe/Paris", at=store.now)
    store.tick()
    go(store, minutes=59)
    assert counts(store, "j") == {"QUEUED": 1}
    go(store, minutes=1)
    assert counts(store, "j") == {"TIMED_OUT": 1}
    check(store)


def test_a_retry_waits_where_its_thing_is_by_then(store: SyncStore) -> None:
    thing(store, "a", "Asia/Tokyo")
    again = {"criteriaList": [{"failureType": "FAILED", "numberOfRetries": 1}]}
    pacing = paced(schedulingConfig=LOCAL, jobExecutionsRetryConfig=again)
    store.create("j", "a", continuous=True, pacing=pacing)
    report(store, "a", "j", "IN_PROGRESS")
    store.do(things.update, "a", time_zone="Europe/Berlin", at=store.now)
    report(store, "a", "j", "FAILED")
    store.tick()
    assert (released(store, "j"), zoned(store)) == (1, {"a": "Europe/Berlin"})
    go(store, hours=8)
    assert released(store, "j") == 2


def test_on_blackout_dates_nothing_goes_out_with_windows_and_without(store: SyncStore) -> None:
    store.create(
        "snap",
        "a",
        pacing=paced(schedulingConfig={"blackoutDates": ["2026-03-01"], "timeZone": "Europe/Berlin"}),
    )
    late = [{"startTime": "cron(0 22 * * ? *)", "durationInMinutes": 240}]
    scheduled(store, "late", "a", maintenanceWindows=late, blackoutDates=["2026-03-02/2026-03-03"])
    assert [store.job(job).status for job in ("snap", "late")] == [JobStatus.SCHEDULED] * 2
    seen = []
    for _ in range(10):
        go(store, hours=1)
        seen.append(f"{store.now:%d %H} {' '.join(sees(store, 'a'))}")
    assert seen[-1] == "01 22 late"
    go(store, hours=1)
    # By the clocks of Berlin the first of March is over, by UTC the window goes on for an hour.
    assert sees(store, "a") == ["late", "snap"]
    go(store, hours=1)
    assert sees(store, "a") == ["snap"]
    go(store, hours=48)
    assert sees(store, "a") == ["late", "snap"]
    check(store)


@pytest.mark.parametrize(
    ("more", "left"),
    [({}, {"QUEUED": 1, "IN_PROGRESS": 1}), ({"closeBehavior": "TIME_OUT"}, {"QUEUED": 1, "TIMED_OUT": 1})],
)
def test_a_close_ends_work_only_where_it_was_told_so(store: SyncStore, more: dict, left: dict) -> None:
    for name in ("a", "b"):
        thing(store, name, "Asia/Tokyo")
    scheduled(store, "j", "a", "b", **LOCAL, **more)
    store.later(minutes=30)
    report(store, "a", "j", "IN_PROGRESS")
    seconds = store.ask("a", "j/get")[1]["execution"].get("approximateSecondsBeforeTimedOut")
    assert seconds == (90 * 60 if more else None)
    go(store, minutes=89)
    report(store, "a", "j", "IN_PROGRESS")
    go(store, minutes=1)
    assert counts(store, "j") == left
    check(store)


def test_the_time_out_of_the_job_holds_where_it_comes_before_the_close(store: SyncStore) -> None:
    thing(store, "a", "Asia/Tokyo")
    store.create(
        "j", "a", continuous=True, pacing=paced(schedulingConfig={**LOCAL, "closeBehavior": "TIME_OUT"}),
        timeout_config=TimeoutConfig(in_progress_timeout_in_minutes=10),
    )  # fmt: skip
    report(store, "a", "j", "IN_PROGRESS")
    assert store.ask("a", "j/get")[1]["execution"]["approximateSecondsBeforeTimedOut"] == 600


def test_work_that_is_begun_while_shut_ends_with_the_next_window(store: SyncStore) -> None:
    thing(store, "a", "Europe/Berlin")
    scheduled(store, "j", "a", **LOCAL, closeBehavior="TIME_OUT")
    go(store, hours=8)
    go(store, hours=2)
    report(store, "a", "j", "IN_PROGRESS")
    assert store.ask("a", "j/get")[1]["execution"]["approximateSecondsBeforeTimedOut"] == 24 * 3600


@pytest.mark.parametrize("zone", ["Mars/Olympus", "THING", ""])
def test_a_zone_that_is_none_is_refused(store: SyncStore, zone: str) -> None:
    with pytest.raises(InvalidRequest, match=r"schedulingConfig\.timeZone"):
        paced(schedulingConfig={"timeZone": zone})
    with pytest.raises(InvalidRequest, match="timeZone"):
        store.do(groups.create, "g", time_zone=zone or "x", at=store.now)
