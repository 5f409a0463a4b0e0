"""Quarantine on a real store: who fails job after job waits, counts against no cap, and comes back."""

from datetime import timedelta

import pytest
from paced_jobs import counts, paced, report, retry
from sync_store import SyncStore

from domain.errors import NotFound
from domain.execution import Status
from domain.quarantine import Quarantine
from storage import agenda, things
from storage.policy import Policy

THREE = Policy(quarantine=Quarantine(3, timedelta(minutes=30)))


@pytest.fixture
def strict(store: SyncStore) -> SyncStore:
    """A store that quarantines after three failures in a row, for half an hour."""
    store.policy = THREE
    return store


def fail(store: SyncStore, thing: str, *jobs: str, status: str = "FAILED") -> None:
    for job in jobs:
        store.create(job, thing)
        report(store, thing, job, status)


def queued(store: SyncStore, job: str, thing: str) -> bool:
    return counts(store, job).get("QUEUED", 0) == 1 and store.execution(job, thing).status is Status.QUEUED


def test_after_three_failures_in_a_row_a_thing_gets_no_new_work_for_its_time(strict: SyncStore) -> None:
    fail(strict, "a", "1", "2")
    strict.create("before", "a")
    assert queued(strict, "before", "a")
    fail(strict, "a", "3")
    thing = strict.do(things.get, "a")
    assert (thing.failures, thing.quarantined_until) == (3, strict.now + timedelta(minutes=30))
    strict.create("after", "a", "b")
    strict.tick()
    assert counts(strict, "after") == {"QUEUED": 1}, "b alone"
    assert strict.do(agenda.next_look) == thing.quarantined_until
    strict.later(minutes=30, seconds=-1)
    assert strict.tick() == 0
    strict.later(seconds=1)
    strict.tick()
    assert counts(strict, "after") == {"QUEUED": 2}


@pytest.mark.parametrize("ends", ["FFSFF", "FF", "FFS", "RRRRR", "FRRF", "FFSSS"])
def test_what_is_no_row_of_failures_puts_nobody_in_quarantine(strict: SyncStore, ends: str) -> None:
    words = {"F": "FAILED", "S": "SUCCEEDED", "R": "REJECTED"}
    for number, letter in enumerate(ends):
        fail(strict, "a", str(number), status=words[letter])
    assert strict.do(things.get, "a").quarantined_until is None


def test_time_outs_by_the_clock_count_as_failures(strict: SyncStore) -> None:
    for job in "123":
        strict.create(job, "a", timeout_config={"inProgressTimeoutInMinutes": 1})
        strict.ask("a", "start-next")
        strict.later(minutes=1)
        strict.tick()
    assert strict.do(things.get, "a").quarantined_until == strict.now + timedelta(minutes=30)


def test_several_ends_in_one_batch_count_one_by_one(strict: SyncStore) -> None:
    for job in "1234":
        strict.create(job, "a")
    strict.ask_all(*(("a", f"{job}/update", {"status": "FAILED"}) for job in "1234"))
    thing = strict.do(things.get, "a")
    assert (thing.failures, thing.quarantined_until) == (4, strict.now + timedelta(minutes=30))


def test_the_retry_of_the_failure_that_was_one_too_many_waits_too(strict: SyncStore) -> None:
    fail(strict, "a", "1", "2")
    strict.create("j", "a", pacing=retry("FAILED", 5))
    report(strict, "a", "j", "FAILED")
    strict.tick()
    assert strict.execution("j", "a").execution_number == 1
    strict.later(minutes=30)
    strict.tick()
    assert strict.execution("j", "a").execution_number == 2


def test_what_waits_already_is_held_back(strict: SyncStore) -> None:
    rate = {"jobExecutionsRolloutConfig": {"maximumPerMinute": 1}}
    strict.create("slow", "a", "b", pacing=paced(**rate))
    assert strict.rows("SELECT t.name FROM waiting w JOIN things t ON t.id = w.thing") == [("b",)]
    fail(strict, "b", "1", "2", "3")
    strict.later(minutes=1)
    strict.tick()
    assert counts(strict, "slow") == {"QUEUED": 1}
    strict.later(minutes=29)
    strict.tick()
    assert counts(strict, "slow") == {"QUEUED": 2}


def test_pending_work_of_a_quarantined_thing_takes_no_place_under_a_cap(strict: SyncStore) -> None:
    strict.create("j", "a", "b", pacing=paced(stagedRolloutConfig={"maximumInFlight": 1}))
    strict.tick()
    assert counts(strict, "j") == {"QUEUED": 1}
    fail(strict, "a", "1", "2", "3")
    strict.tick()
    assert counts(strict, "j") == {"QUEUED": 2}


def test_after_its_time_the_next_failure_sends_it_back_and_a_success_frees_it(strict: SyncStore) -> None:
    fail(strict, "a", "1", "2", "3")
    strict.later(minutes=31)
    fail(strict, "a", "4")
    assert strict.do(things.get, "a").quarantined_until == strict.now + timedelta(minutes=30)
    strict.later(minutes=31)
    fail(strict, "a", "5", status="SUCCEEDED")
    fail(strict, "a", "6", "7")
    thing = strict.do(things.get, "a")
    assert thing.failures == 2
    assert thing.quarantined_until is not None
    assert thing.quarantined_until < strict.now


def test_an_operator_lets_a_thing_out_at_once(strict: SyncStore) -> None:
    fail(strict, "a", "1", "2", "3")
    back_off = {"retryable": {"numberOfRetries": 1, "backOff": {"initialSeconds": 7200, "maxSeconds": 7200}}}
    strict.create("j", "a")
    strict.do(things.let_out, "a")
    strict.tick()
    assert queued(strict, "j", "a")
    thing = strict.do(things.get, "a")
    assert (thing.failures, thing.quarantined_until) == (0, None)
    # A back-off that lasts longer than the quarantine is none of its business.
    fail(strict, "a", "4", "5")
    strict.create("k", "a", pacing=paced(retryPolicyConfig=back_off))
    report(strict, "a", "k", "FAILED")
    strict.do(things.let_out, "a")
    strict.tick()
    assert strict.execution("k", "a").execution_number == 1
    with pytest.raises(NotFound):
        strict.do(things.let_out, "nobody")


def test_a_quarantine_survives_a_kill(strict: SyncStore) -> None:
    fail(strict, "a", "1", "2", "3")
    strict.create("j", "a")
    strict.reopen()
    strict.tick()
    assert counts(strict, "j") == {}
    strict.later(minutes=30)
    strict.reopen()
    strict.tick()
    assert queued(strict, "j", "a")


def test_without_the_setting_failures_are_counted_and_nothing_follows(store: SyncStore) -> None:
    fail(store, "a", *map(str, range(10)))
    thing = store.do(things.get, "a")
    assert (thing.failures, thing.quarantined_until) == (10, None)
