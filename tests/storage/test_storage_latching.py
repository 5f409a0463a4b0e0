"""Large jobs find out who their targets are in pieces: each target once, whatever happens meanwhile (C5)."""

import json

import pytest
from invariants import check
from paced_jobs import paced
from staged_jobs import staged
from sync_store import AUTO, SyncStore, is_latching, names

from domain.errors import InvalidRequest
from domain.execution import Status
from domain.explain import Why
from domain.job import NewJob, TargetSelection
from storage import (
    agenda,
    executions,
    explains,
    groups,
    jobs,
    latching,
    plans,
    rollouts,
    steering,
    things,
    turns,
    waiting,
)

ALL = list(names("t", 10))


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make pieces small, so that few things are many."""
    for module, name, value in (
        (latching, "AT_ONCE", 2),
        (latching, "CHUNK", 3),
        (latching, "ASSIGNED", 2),
        (rollouts, "CHUNK", 2),
        (waiting, "CLEARED", 2),
    ):
        monkeypatch.setattr(module, name, value)


@pytest.fixture
def grouped(store: SyncStore) -> SyncStore:
    """Ten things in a group."""
    store.group("g", *ALL)
    return store


def piece(store: SyncStore) -> int:
    """Let the clock do one piece, and look at what must always hold; return how many actions."""
    items = store.do(agenda.due, at=store.now)
    done = sum(store.do(turns.work_off, items, enough=lambda: True, at=store.now)) if items else 0
    check(store)
    return done


def to_the_end(store: SyncStore) -> None:
    while piece(store) or store.see_out():
        pass


def out(store: SyncStore, job: str = "j", *statuses: str) -> list[str]:
    """Return the things that have an execution, in the order of things."""
    said = "" if not statuses else f"AND e.status IN ({', '.join(map(repr, statuses))})"
    found = store.rows(
        "SELECT t.name FROM executions e JOIN things t ON t.id = e.thing JOIN jobs j ON j.id = e.job "
        f"WHERE j.job_id = '{job}' {said} ORDER BY t.id"
    )
    return [name for (name,) in found]


def in_list(store: SyncStore) -> int:
    ((count,),) = store.rows("SELECT count(*) FROM waiting")
    return count


def latches(store: SyncStore, job: str = "j") -> bool:
    return store.do(is_latching, store.job_key(job))


@pytest.mark.parametrize("continuous", [False, True])
def test_a_large_job_is_there_at_once_and_goes_on_after_a_kill_between_any_two_pieces(
    grouped: SyncStore, *, continuous: bool
) -> None:
    job = grouped.create("j", "thinggroup/g", continuous=continuous)
    assert job.is_concurrent
    assert len(out(grouped)) < len(ALL)
    pieces = 0
    while latches(grouped):
        assert grouped.job("j").is_concurrent
        grouped.reopen()
        pieces += piece(grouped)
    assert pieces > 2
    assert out(grouped) == ALL
    assert in_list(grouped) == 0
    job = grouped.job("j")
    assert (job.is_concurrent, job.status, job.counts[Status.QUEUED]) == (False, "IN_PROGRESS", 10)
    assert set(grouped.tell()) == set(ALL)
    assert piece(grouped) == 0


def test_a_piece_that_is_killed_half_way_is_as_if_it_had_not_begun(grouped: SyncStore) -> None:
    grouped.create("j", "thinggroup/g")
    before = out(grouped)

    def half(connection) -> None:
        latching.go_on(connection, 1, at_once=True, at=grouped.now)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        grouped.do(half)
    grouped.reopen()
    assert out(grouped) == before
    to_the_end(grouped)
    assert out(grouped) == ALL


def test_a_small_job_is_latched_when_its_creation_returns(grouped: SyncStore) -> None:
    grouped.create("j", "t1", "t2")
    assert (out(grouped), latches(grouped)) == (["t1", "t2"], False)


def test_a_job_whose_things_have_all_ended_so_far_is_not_complete(grouped: SyncStore) -> None:
    grouped.create("j", "thinggroup/g")
    first = out(grouped)
    assert first
    for thing in first:
        grouped.ask(thing, "j/update", {"status": "SUCCEEDED"})
    check(grouped)
    job = grouped.job("j")
    assert (job.status, job.is_concurrent) == ("IN_PROGRESS", True)
    to_the_end(grouped)
    for thing in out(grouped, "j", "QUEUED"):
        grouped.ask(thing, "j/update", {"status": "SUCCEEDED"})
    assert grouped.job("j").status == "COMPLETED"
    assert out(grouped) == ALL


def test_whoever_is_covered_more_than_once_gets_it_once_and_nested_groups_count(grouped: SyncStore) -> None:
    grouped.group("inner", *list(names("u", 7)), "t3", parent="g")
    grouped.group("other", "t3", "t4", "v")
    grouped.create("j", "thinggroup/g", "t4", "thinggroup/other", "w", "x", "y")
    to_the_end(grouped)
    assert sorted(out(grouped)) == sorted([*ALL, *names("u", 7), "v", "w", "x", "y"])


def test_far_apart_and_close_together_all_are_found(store: SyncStore) -> None:
    store.group("all", *names("t", 300))
    chosen = ["t0", "t1", "t2", "t3", "t4", "t5", "t150", *(f"t{n}" for n in range(280, 300))]
    for number in range(9):
        store.group(f"g{number}", *chosen)
    store.create("j", *(f"thinggroup/g{number}" for number in range(9)))
    to_the_end(store)
    assert sorted(out(store)) == sorted(chosen)


def test_exclusions_hold_for_every_piece_by_things_and_by_groups_inside_groups(grouped: SyncStore) -> None:
    grouped.group("keep")
    grouped.group("keep-in", "t5", "t8", parent="keep")
    grouped.create("j", "thinggroup/g", excluded_targets=("t1", "thinggroup/keep"))
    to_the_end(grouped)
    assert out(grouped) == [thing for thing in ALL if thing not in ("t1", "t5", "t8")]


@pytest.mark.parametrize("continuous", [False, True])
def test_who_joins_leaves_or_is_deleted_before_its_piece(grouped: SyncStore, *, continuous: bool) -> None:
    grouped.create("j", "thinggroup/g", continuous=continuous)
    grouped.do(groups.add, "g", ["late"], policy=AUTO, at=grouped.now)
    grouped.do(groups.remove, "g", ["t8"], at=grouped.now)
    grouped.do(things.delete, "t9", at=grouped.now)
    check(grouped)
    to_the_end(grouped)
    assert out(grouped) == [*ALL[:8], "late"]


@pytest.mark.parametrize("continuous", [False, True])
def test_who_leaves_after_its_piece_keeps_it_only_if_the_job_does_not_follow(
    grouped: SyncStore, *, continuous: bool
) -> None:
    grouped.create("j", "thinggroup/g", continuous=continuous)
    piece(grouped)
    assert "t0" in out(grouped)
    grouped.do(groups.remove, "g", ["t0"], at=grouped.now)
    to_the_end(grouped)
    assert out(grouped, "j", "QUEUED") == (ALL[1:] if continuous else ALL)


def test_a_group_that_is_deleted_holds_nobody_who_has_not_been_reached(grouped: SyncStore) -> None:
    grouped.create("j", "thinggroup/g")
    there = out(grouped)
    grouped.do(groups.delete, "g", at=grouped.now)
    to_the_end(grouped)
    assert out(grouped) == there
    assert not latches(grouped)


@pytest.mark.parametrize("end", ["cancel", "force", "delete", "abort"])
def test_an_end_stops_it_at_once(grouped: SyncStore, end: str) -> None:
    grouped.create("j", "thinggroup/g", pacing=paced(jobExecutionsRolloutConfig={"maximumPerMinute": 1}))
    piece(grouped)
    piece(grouped)
    assert latches(grouped)
    assert in_list(grouped) > 2
    match end:
        case "delete":
            grouped.do(jobs.delete, "j", force=True, at=grouped.now)
        case "abort":
            grouped.do(steering.abort, "j", at=grouped.now)
        case _:
            grouped.do(jobs.cancel, "j", force=end == "force", at=grouped.now)
    check(grouped)
    to_the_end(grouped)
    assert in_list(grouped) == 0
    if end == "delete":
        assert grouped.rows("SELECT count(*) FROM jobs") == [(0,)]
        return
    assert not latches(grouped)
    assert (grouped.job("j").status, len(out(grouped))) == ("CANCELED", 1)
    assert grouped.do(explains.why, "j", "t9", at=grouped.now).reasons[0].why is Why.JOB_ENDED


@pytest.mark.parametrize("behavior", ["STOP_ROLLOUT", "CANCEL", "FORCE_CANCEL"])
def test_the_end_of_its_schedule_stops_it(grouped: SyncStore, behavior: str) -> None:
    schedule = {"endTime": "2026-03-01 12:40", "endBehavior": behavior}
    grouped.create("j", "thinggroup/g", pacing=paced(schedulingConfig=schedule))
    piece(grouped)
    assert in_list(grouped) == 0 or latches(grouped)
    grouped.later(minutes=41)
    there = out(grouped)
    for thing in there:
        grouped.ask(thing, "j/update", {"status": "SUCCEEDED"})
    to_the_end(grouped)
    assert (out(grouped), latches(grouped), in_list(grouped)) == (there, False, 0)
    assert grouped.job("j").status == ("CANCELED" if behavior != "STOP_ROLLOUT" else "COMPLETED")


def test_a_paused_job_goes_on_finding_its_things_and_lets_nothing_out(grouped: SyncStore) -> None:
    grouped.create("j", "thinggroup/g")
    there = out(grouped)
    grouped.do(steering.pause, "j", at=grouped.now)
    to_the_end(grouped)
    assert (out(grouped), latches(grouped)) == (there, False)
    assert in_list(grouped) == len(ALL) - len(there)
    grouped.do(steering.resume, "j", at=grouped.now)
    to_the_end(grouped)
    assert out(grouped) == ALL


def test_rates_hold_and_begin_at_once(grouped: SyncStore) -> None:
    grouped.create("j", "thinggroup/g", pacing=paced(jobExecutionsRolloutConfig={"maximumPerMinute": 4}))
    to_the_end(grouped)
    assert len(out(grouped)) == 4
    assert not latches(grouped)
    grouped.later(minutes=1)
    to_the_end(grouped)
    assert len(out(grouped)) == 8


@pytest.mark.parametrize("choice", ["REGISTERED", "ONLINE_FIRST", "SEEDED"])
def test_waves_are_filled_when_all_things_are_known(grouped: SyncStore, choice: str) -> None:
    gate = {"successPercentage": 100}
    waves = [{"things": ["t7"], "gate": gate}, {"percent": 40, "gate": gate}]
    grouped.create("j", "thinggroup/g", pacing=staged(*waves, choice=choice))
    while latches(grouped):
        assert out(grouped) == []
        assert grouped.job("j").status == "IN_PROGRESS"
        piece(grouped)
    assert grouped.rows("SELECT wave, count(*) FROM waiting GROUP BY wave ORDER BY wave") == [
        (1, 1), (2, 4), (3, 5),
    ]  # fmt: skip
    to_the_end(grouped)
    assert out(grouped) == ["t7"]
    grouped.ask("t7", "j/update", {"status": "SUCCEEDED"})
    to_the_end(grouped)
    assert len(out(grouped)) == 5


def test_windows_by_each_things_own_time_wait_for_all_things_too(grouped: SyncStore) -> None:
    grouped.do(things.update, "t9", time_zone="Asia/Tokyo", at=grouped.now)
    evening = [{"startTime": "cron(0 21 * * ? *)", "durationInMinutes": 120}]
    schedule = {"timeZone": "thing", "maintenanceWindows": evening}
    grouped.create("j", "thinggroup/g", continuous=True, pacing=paced(schedulingConfig=schedule))
    # Noon in London is nine in the evening in Tokyo.
    while latches(grouped):
        assert out(grouped) == []
        piece(grouped)
    to_the_end(grouped)
    assert (out(grouped), in_list(grouped)) == (["t9"], 9)
    grouped.later(hours=9)
    to_the_end(grouped)
    assert out(grouped) == ALL


def test_more_targets_of_a_job_that_is_there_go_in_pieces_too_and_the_old_ones_are_left_alone(
    grouped: SyncStore,
) -> None:
    grouped.create("j", "thinggroup/g", continuous=True)
    to_the_end(grouped)
    grouped.do(executions.delete, "j", "t2", execution_number=1, force=True, at=grouped.now)
    grouped.group("h", *names("u", 6))
    grouped.do(jobs.associate, "j", ["thinggroup/h"], policy=AUTO, at=grouped.now)
    assert latches(grouped)
    grouped.group("i", *names("v", 6))
    grouped.do(jobs.associate, "j", ["thinggroup/i"], policy=AUTO, at=grouped.now)
    grouped.do(jobs.associate, "j", ["w"], policy=AUTO, at=grouped.now)
    to_the_end(grouped)
    expected = [*(thing for thing in ALL if thing != "t2"), *names("u", 6), *names("v", 6), "w"]
    assert sorted(out(grouped)) == sorted(expected)


def test_why_a_thing_that_has_not_been_reached_does_not_run_it(grouped: SyncStore) -> None:
    grouped.create("j", "thinggroup/g")
    assert grouped.do(explains.why, "j", "t9", at=grouped.now).reasons[0].why is Why.GOING_OVER_TARGETS
    grouped.create("k", "thinggroup/g", pacing=staged({"percent": 50}))
    piece(grouped)
    assert grouped.do(explains.why, "k", "t0", at=grouped.now).reasons[0].why is Why.GOING_OVER_TARGETS


def test_what_must_look_at_every_thing_does_so_at_once_or_is_refused(
    grouped: SyncStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = {"document": json.dumps({"v": "${thingjobs:value:v}"})}
    with pytest.raises(InvalidRequest, match="10 things have no value for"):
        grouped.create("j", "thinggroup/g", **new)
    draft = NewJob(targets=("thinggroup/g",), target_selection=TargetSelection.SNAPSHOT, document="{}")
    with pytest.raises(plans.DryRun) as dry:
        grouped.do(plans.dry_run, draft, policy=AUTO, at=grouped.now)
    assert len(dry.value.seen.waiting) == len(ALL)
    monkeypatch.setattr(latching, "LOOKED_AT", 9)
    with pytest.raises(InvalidRequest, match="targets: they cover more than 9 things"):
        grouped.create("j", "thinggroup/g", **new)
    with pytest.raises(InvalidRequest, match="targets: they cover more than 9 things"):
        grouped.do(plans.dry_run, draft, policy=AUTO, at=grouped.now)
