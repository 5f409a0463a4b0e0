"""The engine in time on a real store: rates, aborts, retries, schedules, windows; the clock is set."""

from itertools import pairwise

from paced_jobs import abort, counts, paced, released, report, retry, things
from sync_store import SyncStore, listed

from domain.job import JobStatus
from storage import groups, jobs, rollouts
from storage.policy import Policy

RATE_10 = {"jobExecutionsRolloutConfig": {"maximumPerMinute": 10}}


# --- rates ---


def test_a_rate_lets_so_many_out_a_minute_v25(store: SyncStore) -> None:
    store.create("j", *things(25), pacing=paced(**RATE_10))
    seen = [(released(store, "j"), store.job("j").is_concurrent)]
    for _ in range(3):
        store.later(seconds=59)
        store.tick()
        held = released(store, "j")
        store.later(seconds=1)
        store.tick()
        assert held == seen[-1][0], "nothing more goes out within the minute"
        seen.append((released(store, "j"), store.job("j").is_concurrent))
    assert seen == [(10, True), (20, True), (25, False), (25, False)]


def test_an_exponential_rate_grows_with_what_was_told_v26(store: SyncStore) -> None:
    growing = {
        "maximumPerMinute": 1000,
        "exponentialRate": {
            "baseRatePerMinute": 5,
            "incrementFactor": 2,
            "rateIncreaseCriteria": {"numberOfNotifiedThings": 10},
        },
    }
    store.create("j", *things(100), pacing=paced(jobExecutionsRolloutConfig=growing))
    steps = [released(store, "j")]
    for _ in range(5):
        store.later(minutes=1)
        store.tick()
        steps.append(released(store, "j"))
    assert [after - before for before, after in pairwise(steps)] == [5, 10, 20, 60, 0]


def test_success_raises_the_rate_of_the_next_minute(store: SyncStore) -> None:
    growing = {
        "exponentialRate": {
            "baseRatePerMinute": 2,
            "incrementFactor": 3,
            "rateIncreaseCriteria": {"numberOfSucceededThings": 2},
        }
    }
    store.create("j", *things(20), pacing=paced(jobExecutionsRolloutConfig=growing))
    store.tick()
    assert released(store, "j") == 2
    for thing in ("t000", "t001"):
        report(store, thing, "j", "SUCCEEDED")
    store.tick()
    # A fleet that succeeds at once must not be out at once.
    assert released(store, "j") == 2
    store.later(minutes=1)
    store.tick()
    assert released(store, "j") == 8


def test_a_late_joiner_obeys_the_same_rate(store: SyncStore) -> None:
    store.group("g", *things(10))
    store.create("j", "thinggroup/g", continuous=True, pacing=paced(**RATE_10))
    store.do(groups.add, "g", ["late"], policy=Policy(), at=store.now)
    store.tick()
    assert released(store, "j") == 10
    store.later(minutes=1)
    store.tick()
    assert store.execution("j", "late").status == "QUEUED"


def test_a_paced_rollout_goes_on_after_a_kill_and_releases_nobody_twice(store: SyncStore) -> None:
    store.create("j", *things(25), pacing=paced(**RATE_10))
    store.reopen()
    store.tick()
    assert released(store, "j") == 10
    for _ in range(2):
        store.later(minutes=1)
        store.reopen()
        store.tick()
    assert released(store, "j") == 25


def test_a_job_without_a_rate_goes_out_in_pieces_but_at_once(store: SyncStore, monkeypatch) -> None:
    monkeypatch.setattr(rollouts, "CHUNK", 4)
    store.create("j", *things(10))
    assert released(store, "j") == 4
    store.tick()
    assert released(store, "j") == 10


# --- abort ---


def test_too_many_failures_cancel_what_is_queued_and_leave_what_runs_v24(store: SyncStore) -> None:
    store.create("j", *things(8), pacing=paced(**abort("FAILED", 20, 5)))
    report(store, "t000", "j", "FAILED")
    for thing in ("t001", "t002", "t003"):
        report(store, thing, "j", "SUCCEEDED")
    report(store, "t004", "j", "IN_PROGRESS")
    store.tick()
    assert store.job("j").status == JobStatus.IN_PROGRESS
    report(store, "t005", "j", "SUCCEEDED")
    store.tick()
    job = store.job("j")
    assert (job.status, job.reason_code) == (JobStatus.CANCELED, "JOB_ABORT_CRITERIA_MET")
    assert "1 of 5 executions ended as FAILED" in job.comment
    assert counts(store, "j") == {"FAILED": 1, "SUCCEEDED": 4, "IN_PROGRESS": 1, "CANCELED": 2}
    report(store, "t004", "j", "SUCCEEDED")
    assert store.job("j").status == JobStatus.CANCELED


def test_an_abort_stops_the_rollout(store: SyncStore) -> None:
    store.create("j", *things(20), pacing=paced(**RATE_10, **abort("ALL", 100, 1)))
    report(store, "t000", "j", "REJECTED")
    store.later(minutes=1)
    store.tick()
    assert released(store, "j") == 10
    assert store.job("j").status == JobStatus.CANCELED


def test_retries_count_one_by_one_towards_an_abort(store: SyncStore) -> None:
    both = paced(**abort("FAILED", 100, 2)).model_copy(
        update={"job_executions_retry_config": retry("FAILED", 5).job_executions_retry_config}
    )
    store.create("j", "a", "b", pacing=both)
    report(store, "a", "j", "FAILED")
    store.tick()
    assert store.job("j").status == JobStatus.IN_PROGRESS
    report(store, "a", "j", "FAILED")
    store.tick()
    assert store.job("j").status == JobStatus.CANCELED
    assert counts(store, "j") == {"CANCELED": 1, "FAILED": 1}
    assert "2 of 2 executions ended as FAILED" in store.job("j").comment


# --- retries ---


def test_a_failed_execution_is_tried_again_until_the_budget_is_spent_v20(store: SyncStore) -> None:
    store.create("j", "a", pacing=retry("FAILED", 2))
    for number in (1, 2, 3):
        execution = store.execution("j", "a")
        assert (execution.execution_number, execution.attempt) == (number, number - 1)
        assert (execution.status, execution.version_number) == ("QUEUED", 1)
        report(store, "a", "j", "FAILED")
        assert store.job("j").status == (JobStatus.COMPLETED if number == 3 else JobStatus.IN_PROGRESS)
        store.tick()
        store.later(seconds=1)
    assert counts(store, "j") == {"FAILED": 1}
    assert released(store, "j") == 3


def test_while_a_retry_is_queued_the_thing_counts_as_queued(store: SyncStore) -> None:
    store.create("j", "a", "b", pacing=retry("ALL", 1))
    report(store, "a", "j", "FAILED")
    store.tick()
    assert counts(store, "j") == {"QUEUED": 2}
    assert listed(store.tell()["a"]["notify"]) == {"QUEUED": ["j"]}


def test_a_rejected_execution_is_never_tried_again_v21(store: SyncStore) -> None:
    store.create("j", "a", pacing=retry("FAILED", 2))
    report(store, "a", "j", "REJECTED")
    assert store.job("j").status == JobStatus.COMPLETED


def test_a_time_out_is_tried_again_where_it_is_asked_for(store: SyncStore) -> None:
    store.create("j", "a", pacing=retry("TIMED_OUT", 1), timeout_config={"inProgressTimeoutInMinutes": 1})
    store.ask("a", "start-next")
    store.later(minutes=1)
    store.tick()
    assert store.execution("j", "a", 1).status == "TIMED_OUT"
    assert store.execution("j", "a").execution_number == 2
    report(store, "a", "j", "FAILED")
    assert store.job("j").status == JobStatus.COMPLETED


def test_a_canceled_job_owes_no_retry(store: SyncStore) -> None:
    store.create("j", "a", pacing=retry("FAILED", 2))
    store.ask("a", "start-next")
    store.do(jobs.cancel, "j", at=store.now)
    report(store, "a", "j", "FAILED")
    store.tick()
    assert released(store, "j") == 1


def test_who_leaves_and_comes_back_has_a_fresh_budget(store: SyncStore) -> None:
    store.group("g", "a")
    store.create("j", "thinggroup/g", continuous=True, pacing=retry("FAILED", 1))
    report(store, "a", "j", "FAILED")
    store.tick()
    store.do(groups.remove, "g", ["a"], at=store.now)
    assert store.execution("j", "a").status == "REMOVED"
    store.do(groups.add, "g", ["a"], policy=Policy(), at=store.now)
    store.tick()
    assert (store.execution("j", "a").execution_number, store.execution("j", "a").attempt) == (3, 0)
    report(store, "a", "j", "FAILED")
    store.tick()
    assert store.execution("j", "a").attempt == 1
