"""The checker itself: a clean history passes, and each way to break a promise is seen and named."""

from dataclasses import replace

import checker
import pytest
from history import Asked, Event, Execution, History, Job, Ledger, Said

COUNTS = {"SUCCEEDED": 1, "QUEUED": 0, "IN_PROGRESS": 0}


def event(version: int, before: str | None, after: str, mark: str | None = None, at: int = 0) -> Event:
    return Event("j", "t", 1, version, before, after, mark, at or version)


def clean() -> tuple[History, Ledger]:
    """A thing that began and finished one job, each update answered; a second job that waits for it."""
    said = [
        Said("t", "j", "m1", "IN_PROGRESS", 1, 2, [b"2"], [2]),
        Said("t", "j", "m2", "SUCCEEDED", 3, 4, [b"3", b"3"], [3, 3]),
    ]
    history = History(said=said, created=[Asked("j", frozenset({"t"}), done=True)])
    ledger = Ledger(
        jobs=[
            Job("j", "COMPLETED", "SNAPSHOT", "", 0, dict(COUNTS), frozenset({"t"})),
            Job("k", "IN_PROGRESS", "SNAPSHOT", "", 0, {"QUEUED": 1}, frozenset({"t"})),
        ],
        executions=[Execution("j", "t", 1, 3, "SUCCEEDED"), Execution("k", "t", 1, 1, "QUEUED")],
        events=[
            event(1, None, "QUEUED"),
            event(2, "QUEUED", "IN_PROGRESS", "m1"),
            event(3, "IN_PROGRESS", "SUCCEEDED", "m2"),
            Event("k", "t", 1, 1, None, "QUEUED", None, 9),
        ],
    )
    return history, ledger


def test_a_clean_history_has_no_violation():
    assert checker.everything(*clean()) == []


def an_accepted_update_is_missing(history: History, ledger: Ledger) -> None:
    ledger.events[2] = replace_event(ledger.events[2], mark=None)


def an_accepted_update_became_another_version(history: History, ledger: Ledger) -> None:
    history.said[1].versions[:] = [4]


def an_update_was_applied_twice(history: History, ledger: Ledger) -> None:
    ledger.events.insert(2, event(3, "IN_PROGRESS", "IN_PROGRESS", "m1"))
    ledger.events[3] = replace_event(ledger.events[3], version=4)
    ledger.executions[0] = ledger.executions[0]._replace(version=4)
    history.said[1].versions[:] = [4]


def an_unanswered_update_was_applied_twice(history: History, ledger: Ledger) -> None:
    an_update_was_applied_twice(history, ledger)
    history.said[0].versions.clear()
    history.said[0].replies.clear()


def a_repeat_got_another_answer(history: History, ledger: Ledger) -> None:
    history.said[1].replies[1] = b"other"


def an_update_was_acknowledged_and_not_answered(history: History, ledger: Ledger) -> None:
    history.said[0].hushed = 1


def a_refused_update_was_applied(history: History, ledger: Ledger) -> None:
    history.said[0].refused = "VersionMismatch"


def a_version_is_missing(history: History, ledger: Ledger) -> None:
    del ledger.events[0]


def the_version_is_ahead_of_its_events(history: History, ledger: Ledger) -> None:
    ledger.executions[1] = ledger.executions[1]._replace(version=2)


def the_last_event_says_something_else(history: History, ledger: Ledger) -> None:
    ledger.events[3] = replace_event(ledger.events[3], after="IN_PROGRESS")


def an_event_does_not_begin_where_the_last_ended(history: History, ledger: Ledger) -> None:
    ledger.events[2] = replace_event(ledger.events[2], before="QUEUED")


def an_execution_ended_twice(history: History, ledger: Ledger) -> None:
    ledger.events.insert(3, event(4, "SUCCEEDED", "FAILED", at=4))
    ledger.executions[0] = ledger.executions[0]._replace(version=4, status="FAILED")


def time_ran_backwards(history: History, ledger: Ledger) -> None:
    ledger.events[2] = replace_event(ledger.events[2], at=1)


def versions_do_not_follow_real_time(history: History, ledger: Ledger) -> None:
    history.said[0].versions[:], history.said[1].versions[:] = [3], [2]
    ledger.events[1] = replace_event(ledger.events[1], version=3, mark="m2")
    ledger.events[2] = replace_event(ledger.events[2], version=2, mark="m1")


def a_counter_is_off(history: History, ledger: Ledger) -> None:
    ledger.jobs[0].counts["SUCCEEDED"] = 2


def the_count_of_the_waiting_is_off(history: History, ledger: Ledger) -> None:
    ledger.jobs[1] = ledger.jobs[1]._replace(waiting=1)


def a_target_has_no_execution(history: History, ledger: Ledger) -> None:
    ledger.jobs[1] = ledger.jobs[1]._replace(targets=frozenset({"t", "u"}))


def a_target_has_two_executions(history: History, ledger: Ledger) -> None:
    ledger.executions.append(Execution("k", "t", 2, 1, "QUEUED"))
    ledger.events.append(Event("k", "t", 2, 1, None, "QUEUED", None, 9))
    ledger.jobs[1].counts["QUEUED"] = 2


def a_target_waits_and_has_an_execution(history: History, ledger: Ledger) -> None:
    ledger.waiting.append(("k", "t"))
    ledger.jobs[1] = ledger.jobs[1]._replace(waiting=1)


def a_thing_that_is_no_target_has_an_execution(history: History, ledger: Ledger) -> None:
    ledger.jobs[1] = ledger.jobs[1]._replace(targets=frozenset())


def a_job_has_other_targets_than_asked(history: History, ledger: Ledger) -> None:
    history.created[0] = replace(history.created[0], targets=frozenset({"t", "u"}))


def a_completed_job_has_work_left(history: History, ledger: Ledger) -> None:
    ledger.jobs[1] = ledger.jobs[1]._replace(status="COMPLETED")


def a_job_with_nothing_left_does_not_end(history: History, ledger: Ledger) -> None:
    ledger.jobs[0] = ledger.jobs[0]._replace(status="IN_PROGRESS")


def a_created_job_is_missing(history: History, ledger: Ledger) -> None:
    history.created.append(Asked("gone", frozenset({"t"}), done=True))


def a_canceled_job_goes_on(history: History, ledger: Ledger) -> None:
    history.canceled.append(Asked("k", done=True))


def a_deleted_job_is_there(history: History, ledger: Ledger) -> None:
    history.deleted.append(Asked("k", done=True))


def a_thing_was_not_told(history: History, ledger: Ledger) -> None:
    ledger.untold.append("t")


def a_sweep_was_not_finished(history: History, ledger: Ledger) -> None:
    ledger.jobs[1] = ledger.jobs[1]._replace(sweep="CANCEL")


def a_thing_was_given_more_retries_than_the_job_has(history: History, ledger: Ledger) -> None:
    ledger.jobs[1] = ledger.jobs[1]._replace(retries=1)
    for number in (2, 3):
        ledger.executions.append(Execution("k", "t", number, 1, "FAILED"))


def an_execution_goes_on_beside_its_retry(history: History, ledger: Ledger) -> None:
    ledger.jobs[1] = ledger.jobs[1]._replace(retries=1)
    ledger.executions.append(Execution("k", "t", 2, 1, "QUEUED"))


def an_execution_is_missing_between_two(history: History, ledger: Ledger) -> None:
    ledger.executions[1] = ledger.executions[1]._replace(number=2)


def a_thing_waits_for_a_retry_while_it_works(history: History, ledger: Ledger) -> None:
    ledger.jobs[1] = ledger.jobs[1]._replace(retries=1, waiting=1)
    ledger.waiting.append(("k", "t"))


def follow(ledger: Ledger, *members: str) -> None:
    ledger.jobs[1] = ledger.jobs[1]._replace(selection="CONTINUOUS", members=frozenset(members))


def who_came_into_a_group_has_nothing(history: History, ledger: Ledger) -> None:
    follow(ledger, "t", "u")


def who_left_a_group_goes_on(history: History, ledger: Ledger) -> None:
    follow(ledger)


def a_row_has_no_job(history: History, ledger: Ledger) -> None:
    ledger.orphans["executions"] = 1


def the_file_is_damaged(history: History, ledger: Ledger) -> None:
    ledger.damage.append("wrong # of entries in index")


def replace_event(old: Event, **changes: object) -> Event:
    return old._replace(**changes)


BREAKAGES = {
    an_accepted_update_is_missing: "lost",
    an_accepted_update_became_another_version: "lost",
    an_update_was_applied_twice: "twice",
    an_unanswered_update_was_applied_twice: "twice",
    a_repeat_got_another_answer: "reply",
    an_update_was_acknowledged_and_not_answered: "hushed",
    a_refused_update_was_applied: "refused",
    a_version_is_missing: "gap",
    the_version_is_ahead_of_its_events: "gap",
    the_last_event_says_something_else: "gap",
    an_event_does_not_begin_where_the_last_ended: "gap",
    an_execution_ended_twice: "terminal",
    time_ran_backwards: "clock",
    versions_do_not_follow_real_time: "order",
    a_counter_is_off: "counts",
    the_count_of_the_waiting_is_off: "counts",
    a_target_has_no_execution: "targets",
    a_target_has_two_executions: "targets",
    a_target_waits_and_has_an_execution: "targets",
    a_thing_that_is_no_target_has_an_execution: "targets",
    a_job_has_other_targets_than_asked: "targets",
    a_completed_job_has_work_left: "finished",
    a_job_with_nothing_left_does_not_end: "finished",
    a_created_job_is_missing: "lost",
    a_canceled_job_goes_on: "lost",
    a_deleted_job_is_there: "lost",
    a_thing_was_not_told: "untold",
    a_sweep_was_not_finished: "unfinished",
    a_thing_was_given_more_retries_than_the_job_has: "targets",
    an_execution_goes_on_beside_its_retry: "numbers",
    an_execution_is_missing_between_two: "numbers",
    a_thing_waits_for_a_retry_while_it_works: "targets",
    who_came_into_a_group_has_nothing: "members",
    who_left_a_group_goes_on: "members",
    a_row_has_no_job: "orphan",
    the_file_is_damaged: "damage",
}


@pytest.mark.parametrize("breakage", BREAKAGES, ids=lambda breakage: breakage.__name__)
def test_the_checker_sees_that(breakage):
    history, ledger = clean()
    breakage(history, ledger)
    assert BREAKAGES[breakage] in {violation.kind for violation in checker.everything(history, ledger)}


def test_an_update_without_an_answer_may_be_in_or_out():
    history, ledger = clean()
    history.said.append(Said("t", "k", "m3", "IN_PROGRESS", 5))
    assert checker.everything(history, ledger) == []
    ledger.events.append(Event("k", "t", 1, 2, "QUEUED", "IN_PROGRESS", "m3", 10))
    ledger.executions[1] = Execution("k", "t", 1, 2, "IN_PROGRESS")
    ledger.jobs[1].counts.update(QUEUED=0, IN_PROGRESS=1)
    assert checker.everything(history, ledger) == []


def test_a_job_that_follows_its_group_and_one_that_tries_again_are_well():
    history, ledger = clean()
    follow(ledger, "t")
    assert checker.everything(history, ledger) == []
    again = Job("r", "IN_PROGRESS", "SNAPSHOT", "", 1, {"FAILED": 1}, frozenset({"t"}), retries=1, rated=True)
    ledger.jobs.append(again)
    ledger.executions.append(Execution("r", "t", 1, 1, "FAILED"))
    ledger.events.append(Event("r", "t", 1, 1, None, "FAILED", None, 1))
    ledger.waiting.append(("r", "t"))
    assert checker.everything(history, ledger) == []


def test_a_creation_without_an_answer_may_be_in_or_out():
    history, ledger = clean()
    history.created.append(Asked("k", frozenset({"t"})))
    history.created.append(Asked("never-came", frozenset({"t"})))
    assert checker.everything(history, ledger) == []


def test_what_was_said_to_a_deleted_job_is_gone_with_it():
    history, ledger = clean()
    history.said.append(Said("t", "d", "m4", "SUCCEEDED", 5, 6, [b"3"], [3]))
    history.deleted.append(Asked("d"))
    assert checker.everything(history, ledger) == []
