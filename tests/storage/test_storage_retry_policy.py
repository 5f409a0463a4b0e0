"""Retries by class of failure on a real store: they wait for their back-off, and end with the budget."""

from datetime import timedelta

from paced_jobs import counts, paced, report, things
from sync_store import SyncStore

from domain.job import JobStatus
from domain.pacing import checked
from storage import agenda, jobs


def policy(**members):
    return paced(retryPolicyConfig=members)


def times(count: int, seconds: int = 60, **back_off) -> dict:
    return {"numberOfRetries": count, "backOff": {"initialSeconds": seconds, **back_off}}


def end(store: SyncStore, thing: str, job: str, status: str = "FAILED", **details: str) -> None:
    body = {"status": status, "statusDetails": details}
    assert store.ask(thing, f"{job}/update", body)[0] == "accepted"
    store.tick()


def number(store: SyncStore, job: str, thing: str) -> int:
    return store.execution(job, thing).execution_number


def test_a_retry_waits_for_its_back_off_and_the_job_with_it(store: SyncStore) -> None:
    store.create("j", "a", pacing=policy(retryable=times(2, 60, factor=3)))
    for attempt, seconds in ((1, 60), (2, 180)):
        end(store, "a", "j")
        assert store.do(agenda.next_look) == store.now + timedelta(seconds=seconds)
        assert store.job("j").status == JobStatus.IN_PROGRESS
        store.later(seconds=seconds - 1)
        assert store.tick() == 0
        assert number(store, "j", "a") == attempt
        store.later(seconds=1)
        store.tick()
        assert (number(store, "j", "a"), store.execution("j", "a").attempt) == (attempt + 1, attempt)
    end(store, "a", "j")
    assert store.job("j").status == JobStatus.COMPLETED
    assert counts(store, "j") == {"FAILED": 1}


def test_a_permanent_failure_ends_it_by_word_or_by_code(store: SyncStore) -> None:
    store.create("j", "a", "b", "c", pacing=policy(retryable=times(9, 0), codes={"E42": "permanent"}))
    end(store, "a", "j", failureClass="permanent")
    end(store, "b", "j", errorCode="E42")
    end(store, "c", "j", errorCode="E43")
    assert [number(store, "j", thing) for thing in "abc"] == [1, 1, 2]


def test_who_rejects_because_it_is_busy_is_asked_later(store: SyncStore) -> None:
    store.create("j", "a", "b", pacing=policy(busy=times(5, 600)))
    end(store, "a", "j", "REJECTED", failureClass="busy")
    end(store, "b", "j", "REJECTED")
    store.later(minutes=10)
    store.tick()
    assert (number(store, "j", "a"), number(store, "j", "b")) == (2, 1)
    assert store.execution("j", "a").status == "QUEUED"


def test_a_time_out_is_retryable_whatever_was_said_before_it(store: SyncStore) -> None:
    store.create(
        "j", "a", pacing=policy(retryable=times(1, 0)), timeout_config={"inProgressTimeoutInMinutes": 1}
    )
    store.ask("a", "j/update", {"status": "IN_PROGRESS", "statusDetails": {"failureClass": "permanent"}})
    store.later(minutes=1)
    store.tick()
    assert number(store, "j", "a") == 2


def test_the_budget_is_for_the_whole_job_also_within_one_batch(store: SyncStore) -> None:
    store.create("j", *things(20), pacing=policy(retryable=times(5, 0), budget={"percent": 25}))
    store.ask_all(*((thing, "j/update", {"status": "FAILED"}) for thing in things(8)))
    store.tick()
    assert counts(store, "j") == {"FAILED": 3, "QUEUED": 17}
    assert store.rows("SELECT retried FROM jobs") == [(5,)]
    end(store, "t019", "j")
    assert counts(store, "j") == {"FAILED": 4, "QUEUED": 16}


def test_things_that_have_not_had_a_turn_count_for_a_share_and_retries_do_not(store: SyncStore) -> None:
    slow = {"jobExecutionsRolloutConfig": {"maximumPerMinute": 2}}
    share = {"retryable": times(9, 3600), "budget": {"percent": 20}}
    store.create("j", *things(10), pacing=paced(**slow, retryPolicyConfig=share))
    for _ in range(5):
        for thing, status in store.rows(
            "SELECT t.name, e.status FROM executions e JOIN things t ON t.id = e.thing"
        ):
            if status == "QUEUED":
                report(store, thing, "j", "FAILED")
        store.later(minutes=1)
        store.tick()
    assert store.rows("SELECT retried, waiting FROM jobs") == [(2, 2)]


def test_a_back_off_survives_a_kill(store: SyncStore) -> None:
    store.create("j", "a", pacing=policy(retryable=times(1, 60)))
    report(store, "a", "j", "FAILED")
    store.reopen()
    store.tick()
    assert number(store, "j", "a") == 1
    store.later(seconds=60)
    store.reopen()
    store.tick()
    assert number(store, "j", "a") == 2


def test_things_that_fail_together_come_back_one_by_one(store: SyncStore) -> None:
    store.create("j", *things(50), pacing=policy(retryable=times(1, 1000, jitter=1)))
    store.ask_all(*((thing, "j/update", {"status": "FAILED"}) for thing in things(50)))
    waits = {ready_at for (ready_at,) in store.rows("SELECT ready_at FROM waiting")}
    assert len(waits) == 50
    back = []
    for _ in range(10):
        store.later(seconds=100)
        store.tick()
        back.append(counts(store, "j").get("QUEUED", 0))
    assert back == sorted(back)
    assert 10 < back[4] < 40
    assert back[-1] == 50


def test_a_cancel_drops_what_waits_for_its_back_off(store: SyncStore) -> None:
    store.create("j", "a", pacing=policy(retryable=times(3, 60)))
    report(store, "a", "j", "FAILED")
    store.do(jobs.cancel, "j", at=store.now)
    store.later(minutes=5)
    store.tick()
    assert number(store, "j", "a") == 1


def test_an_update_changes_the_policy_for_what_fails_later(store: SyncStore) -> None:
    store.create("j", "a", pacing=policy(retryable=times(9, 0)))
    end(store, "a", "j")
    none = {"criteriaList": [{"failureType": "ALL", "numberOfRetries": 0}]}
    store.do(jobs.update, "j", pacing=checked({"jobExecutionsRetryConfig": none}), at=store.now)
    end(store, "a", "j")
    assert (number(store, "j", "a"), store.job("j").status) == (2, JobStatus.COMPLETED)
    store.create("k", "a", pacing=policy(retryable=times(9, 0)))
    store.do(jobs.update, "k", pacing=policy(retryable=times(1, 0)), at=store.now)
    for _ in range(3):
        if store.execution("k", "a").status == "QUEUED":
            end(store, "a", "k")
    assert (number(store, "k", "a"), store.job("k").status) == (2, JobStatus.COMPLETED)
