"""Queued time-outs on a real store: what nobody begins ends, but not while its thing cannot see it."""

from datetime import timedelta

import pytest
from paced_jobs import counts, paced, retry, things
from sync_store import START, SyncStore, listed

from domain.job import JobStatus
from domain.timeout_config import TimeoutConfig
from storage import agenda, jobs, steering
from storage import things as registry

HOUR = {"queuedTimeoutInMinutes": 60}


def left(store: SyncStore, job: str, thing: str) -> timedelta | None:
    deadline = store.execution(job, thing).deadline_at
    return None if deadline is None else deadline - store.now


def test_what_stays_queued_for_too_long_times_out_and_the_job_ends(store: SyncStore) -> None:
    store.create("j", "away", "here", timeout_config=HOUR)
    store.ask("here", "start-next")
    store.tell()
    assert store.do(agenda.next_look) == START + timedelta(hours=1)
    store.later(minutes=60, seconds=-1)
    assert store.tick() == 0
    store.later(seconds=1)
    store.tick()
    away = store.execution("j", "away")
    assert (away.status, away.version_number, away.started_at) == ("TIMED_OUT", 2, None)
    assert store.execution("j", "here").status == "IN_PROGRESS", "its timer has stopped when it began"
    assert listed(store.tell()["away"]["notify"]) == {}
    store.ask("here", "j/update", {"status": "SUCCEEDED"})
    assert store.job("j").status == JobStatus.COMPLETED
    cause = store.rows("SELECT cause FROM execution_events WHERE to_status = 'TIMED_OUT'")
    assert cause == [("TIMEOUT",)]


def test_a_device_that_begins_in_time_has_the_other_timers_from_then_on(store: SyncStore) -> None:
    store.create("j", "a", timeout_config={**HOUR, "inProgressTimeoutInMinutes": 5})
    store.later(minutes=59)
    store.ask("a", "start-next")
    assert left(store, "j", "a") == timedelta(minutes=5)
    assert store.rows("SELECT queued_deadline_at FROM executions") == [(None,)]


def test_a_deadline_that_has_passed_comes_before_an_answer(store: SyncStore) -> None:
    store.create("j", "a", timeout_config=HOUR)
    store.create("k", "a")
    store.later(minutes=60)
    assert store.ask("a", "start-next")[1]["execution"]["jobId"] == "k"
    assert store.execution("j", "a").status == "TIMED_OUT"
    outcome, answer = store.ask("a", "j/update", {"status": "SUCCEEDED"})
    assert (outcome, answer["code"]) == ("rejected", "InvalidStateTransition")


def test_without_the_setting_nothing_pins_a_timer_on_what_is_queued(store: SyncStore) -> None:
    store.create("j", "a", timeout_config={"inProgressTimeoutInMinutes": 1})
    store.later(days=400)
    assert store.tick() == 0
    assert left(store, "j", "a") is None


def test_a_pause_stops_the_timer_and_a_resume_begins_it_anew(store: SyncStore) -> None:
    store.create("j", "a", timeout_config=HOUR)
    store.later(minutes=50)
    store.do(steering.pause, "j", at=store.now)
    assert left(store, "j", "a") is None
    store.later(days=3)
    store.tick()
    assert store.execution("j", "a").status == "QUEUED"
    store.do(steering.resume, "j", at=store.now)
    assert left(store, "j", "a") == timedelta(hours=1)


def test_a_shut_window_stops_the_timer_and_the_next_one_begins_it_anew(store: SyncStore) -> None:
    # 12:00 on a Sunday in March; the window opens at noon for an hour.
    window = {"startTime": "cron(0 12 * * ? *)", "durationInMinutes": 60}
    store.create(
        "j",
        "a",
        continuous=True,
        pacing=paced(schedulingConfig={"maintenanceWindows": [window]}),
        timeout_config={"queuedTimeoutInMinutes": 70},
    )
    store.tick()
    assert left(store, "j", "a") == timedelta(minutes=70)
    store.later(minutes=60)
    store.tick()
    assert left(store, "j", "a") is None
    store.later(hours=23)
    store.tick()
    assert left(store, "j", "a") == timedelta(minutes=70)
    store.later(minutes=30)
    store.ask("a", "start-next")
    assert store.execution("j", "a").status == "IN_PROGRESS"


def test_only_where_windows_are_shut_timers_stop(store: SyncStore) -> None:
    for name, zone in (("here", "Europe/London"), ("there", "Asia/Tokyo")):
        store.do(registry.create, name, time_zone=zone, at=store.now)
    window = {"startTime": "cron(0 12 * * ? *)", "durationInMinutes": 60}
    schedule = {"maintenanceWindows": [window], "timeZone": "thing"}
    store.create(
        "j", "here", "there", continuous=True, pacing=paced(schedulingConfig=schedule),
        timeout_config={"queuedTimeoutInMinutes": 1000},
    )  # fmt: skip
    store.tick()
    assert left(store, "j", "here") == timedelta(minutes=1000)
    store.later(hours=15)  # 03:00 in London, noon in Tokyo
    store.tick()
    assert left(store, "j", "here") is None
    assert left(store, "j", "there") == timedelta(minutes=1000)


def test_a_time_out_while_queued_is_tried_again_where_that_is_asked_for(store: SyncStore) -> None:
    store.create("j", "a", timeout_config=HOUR, pacing=retry("TIMED_OUT", 1))
    for number in (1, 2):
        assert store.execution("j", "a").execution_number == number
        assert left(store, "j", "a") == timedelta(hours=1)
        store.later(hours=1)
        store.tick()
    assert counts(store, "j") == {"TIMED_OUT": 1}
    assert store.job("j").status == JobStatus.COMPLETED


def test_a_new_time_out_holds_for_what_is_released_later(store: SyncStore) -> None:
    rate = {"jobExecutionsRolloutConfig": {"maximumPerMinute": 1}}
    store.create("j", "a", "b", pacing=paced(**rate))
    store.do(jobs.update, "j", timeout_config=TimeoutConfig.model_validate(HOUR), at=store.now)
    store.later(minutes=1)
    store.tick()
    assert (left(store, "j", "a"), left(store, "j", "b")) == (None, timedelta(hours=1))


@pytest.mark.parametrize("reopened", [False, True])
def test_many_time_out_in_pieces_also_after_a_kill(store: SyncStore, reopened) -> None:
    store.create("j", *things(1000), timeout_config=HOUR)
    store.later(hours=1)
    if reopened:
        store.reopen()
    store.expire()
    assert counts(store, "j") == {"TIMED_OUT": 500, "QUEUED": 500}
    store.tick()
    assert counts(store, "j") == {"TIMED_OUT": 1000}
    assert store.job("j").status == JobStatus.COMPLETED
