"""What the clock does by itself is in the timeline, with its reason."""

from datetime import timedelta

from paced_jobs import abort, paced, report, things
from sync_store import SyncStore

from domain.acts import Act
from storage import timeline
from storage.policy import Policy
from storage.timeline import Asked, Kind, Noted


def noted(store: SyncStore, act: Act) -> list[Noted]:
    found = store.do(timeline.page_for_job, "j", Asked(kind=Kind.ACT)).items
    return [item for item in found if isinstance(item, Noted) and item.act is act]


def test_an_abort_names_its_rule_and_stands_before_what_it_cancels(store: SyncStore) -> None:
    store.create("j", *things(4), pacing=paced(**abort("FAILED", 50, 2)))
    store.tick()
    for thing in things(2):
        report(store, thing, "j", "FAILED")
    store.tick()
    [act] = noted(store, Act.ABORT)
    rule = {"failureType": "FAILED", "action": "CANCEL", "thresholdPercentage": 50.0}
    assert act.details["rule"] == {**rule, "minNumberOfExecutedThings": 2}
    assert act.comment == store.job("j").comment
    words = [
        item.act if isinstance(item, Noted) else item.after
        for item in store.do(timeline.page_for_job, "j", Asked()).items
    ]
    assert words[-3:] == ["ABORT", "CANCELED", "CANCELED"]


def test_a_schedule_tells_when_it_opens_and_what_its_end_does(store: SyncStore) -> None:
    starts, ends = (f"{store.now + timedelta(hours=hours):%Y-%m-%d %H:%M}" for hours in (1, 2))
    schedule = {"startTime": starts, "endTime": ends, "endBehavior": "CANCEL"}
    soon = Policy(schedule_lead=timedelta(0))
    store.create("j", "a", pacing=paced(schedulingConfig=schedule), policy=soon)
    store.tick()
    assert noted(store, Act.OPEN) == []
    store.later(hours=1)
    store.tick()
    [opened] = noted(store, Act.OPEN)
    assert (opened.at, dict(opened.details)) == (store.now, {"zones": [""]})
    store.later(hours=1)
    store.tick()
    [ended] = noted(store, Act.END)
    assert (ended.at, dict(ended.details)) == (store.now, {"endBehavior": "CANCEL"})


def test_a_release_is_one_act_for_all_that_went_out(store: SyncStore) -> None:
    rate = {"jobExecutionsRolloutConfig": {"maximumPerMinute": 3}}
    store.create("j", *things(7), pacing=paced(**rate))
    for _ in range(4):
        store.tick()
        store.later(minutes=1)
    assert [act.details["things"] for act in noted(store, Act.RELEASE)] == [3, 3, 1]
    assert {act.actor for act in noted(store, Act.RELEASE)} == {""}
