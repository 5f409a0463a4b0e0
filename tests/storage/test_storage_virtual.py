"""Weeks of fleets on a virtual clock: whatever operators ask for, rates, caps, waves and windows hold."""

import tempfile
from collections import defaultdict
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from invariants import check
from sites import examples
from sync_store import AUTO, SyncStore
from test_storage_forecast import ZONES, among, configs, rates, schedules, stages
from virtual_fleet import LONGER, VirtualFleet

from domain.errors import WrongJobState
from domain.explain import Why
from domain.job import OPEN
from domain.opening import opening
from domain.pacing import Pacing, checked
from domain.rollout import MINUTE
from domain.schedule import SchedulingConfig
from storage import explains, groups, steering, things

THINGS = [f"t{number}" for number in range(12)]
#: An hour before clocks change in Europe; they do a week later at Lord Howe, and the week before in New York.
BEFORE_DST = datetime(2026, 3, 28, 23, 0, tzinfo=UTC)

retries = st.sampled_from(
    [
        {},
        {"jobExecutionsRetryConfig": {"criteriaList": [{"failureType": "ALL", "numberOfRetries": 2}]}},
        {
            "retryPolicyConfig": {
                "retryable": {"numberOfRetries": 3, "backOff": {"initialSeconds": 600, "factor": 3}}
            }
        },
    ]
)
aborts = st.sampled_from([{}, {"action": "PAUSE"}, {"action": "CANCEL"}])


def rule(action: dict[str, str]) -> dict[str, Any]:
    if not action:
        return {}
    more = {"failureType": "ALL", "thresholdPercentage": 60, "minNumberOfExecutedThings": 4}
    return {"abortConfig": {"criteriaList": [{**more, **action}]}}


@pytest.mark.timeout(300 * LONGER)
def test_whatever_is_asked_for_holds_at_every_moment(dialect, make_site) -> None:
    @settings(max_examples=examples(dialect, 10 * LONGER), deadline=None)
    @given(
        plans=st.lists(
            st.tuples(rates, st.none() | stages, schedules, retries, aborts), min_size=1, max_size=3
        ),
        dice=st.integers(0, 2**32),
        failing=st.sampled_from([0, 10, 40]),
        days=st.sampled_from([3, 9]),
    )
    def every_story(plans, dice, failing, days) -> None:
        with tempfile.TemporaryDirectory() as folder:
            store = SyncStore(make_site(Path(folder)))
            store.now = BEFORE_DST
            Story(store, Random(dice), failing).tell([paced(*plan) for plan in plans], days)
            store.close()

    every_story()


def paced(rate: Any, stage: Any, schedule: Any, retry: dict[str, Any], abort: dict[str, str]) -> Pacing:
    return checked({**configs(rate, among(stage, THINGS), schedule), **retry, **rule(abort)})


class Story:
    """A fleet, some jobs, and operators who do what comes into their heads."""

    def __init__(self, store: SyncStore, dice: Random, failing: int) -> None:
        self.store, self.dice, self.failing = store, dice, failing
        self.fleet = VirtualFleet(store, self.fate)
        self.fleet.after = self.look
        self.jobs: dict[str, Pacing] = {}
        for number, name in enumerate(THINGS):
            zone = None if number % 6 == 5 else ZONES[number % 6]
            store.do(things.create, name, time_zone=zone, at=store.now)
        store.group("all", *THINGS[:9])

    def fate(self, _thing: str, _job: str, _number: int) -> tuple[timedelta, str]:
        status = "FAILED" if self.dice.randrange(100) < self.failing else "SUCCEEDED"
        return timedelta(seconds=self.dice.randrange(5400)), status

    def tell(self, plans: list[Pacing], days: int) -> None:
        for number, pacing in zip(count(), plans, strict=False):
            job = f"j{number}"
            self.jobs[job] = pacing
            continuous = pacing.scheduling_config is not None or self.dice.random() < 0.3
            self.store.create(job, "thinggroup/all", continuous=continuous, pacing=pacing)
        for _ in range(days):
            self.fleet.run(self.store.now + timedelta(hours=self.dice.randrange(1, 40)))
            self.settled()
            self.meddle()
        for job in self.jobs:
            self.steer("resume", job)
            self.steer("promote", job, full=True)
        self.fleet.run(self.store.now + timedelta(days=9))
        self.settled()
        self.ended()

    def meddle(self) -> None:
        job = self.dice.choice(list(self.jobs))
        thing = self.dice.choice(THINGS)
        match self.dice.randrange(7):
            case 0:
                self.steer("pause", job)
            case 1 | 2:
                self.steer("resume", job)
            case 3:
                self.steer("promote", job)
            case 4:
                self.steer("retry_failed", job)
            case 5:
                self.store.do(groups.add, "all", [thing], policy=AUTO, at=self.store.now)
            case _:
                self.store.do(groups.remove, "all", [thing], at=self.store.now)

    def steer(self, verb: str, job: str, **more: Any) -> None:
        with suppress(WrongJobState):
            self.store.do(getattr(steering, verb), job, at=self.store.now, **more)

    # --- what must hold ---

    def look(self) -> None:
        """Check after every turn that nothing is out that may not be."""
        for job, pacing in self.jobs.items():
            cap = (
                None
                if pacing.staged_rollout_config is None
                else pacing.staged_rollout_config.maximum_in_flight
            )
            found = self.store.job(job).counts
            assert cap is None or sum(n for s, n in found.items() if s in ("QUEUED", "IN_PROGRESS")) <= cap

    def settled(self) -> None:
        """Check at rest: the tables agree, and whatever waits does so for a reason."""
        check(self.store)
        for job, pacing in self.jobs.items():
            releases = self.releases(job)
            self.rate_holds(pacing, [at for at, _ in releases])
            self.windows_hold(pacing.scheduling_config, releases)
        for job, thing in self.store.rows(_WAITING):
            found = self.store.do(explains.why, job, thing, at=self.store.now)
            assert found.reasons, (job, thing)
            assert found.reasons[0].why not in (Why.RELEASED_SOON, Why.NOT_A_TARGET), (job, thing, found)

    def releases(self, job: str) -> list[tuple[datetime, str]]:
        rows = self.store.rows(
            "SELECT e.queued_at, e.zone FROM executions e JOIN jobs j ON j.id = e.job "
            f"WHERE j.job_id = '{job}' ORDER BY e.queued_at"
        )
        return [(datetime.fromtimestamp(at / 1000, tz=UTC), zone) for at, zone in rows]

    @staticmethod
    def rate_holds(pacing: Pacing, releases: list[datetime]) -> None:
        config = pacing.job_executions_rollout_config
        if config is None:
            return
        began: datetime | None = None
        out: dict[datetime, int] = defaultdict(int)
        for at in releases:
            if began is None or at >= began + MINUTE:
                began = at
            out[began] += 1
        assert max(out.values(), default=0) <= config.maximum_per_minute

    @staticmethod
    def windows_hold(schedule: SchedulingConfig | None, releases: list[tuple[datetime, str]]) -> None:
        if schedule is not None:
            shut = [(at, zone) for at, zone in releases if not opening(schedule, zone, at).is_open]
            assert not shut, shut[:3]

    def ended(self) -> None:
        """Check at the end that no SNAPSHOT job is left open, except one that is held by a person's doing."""
        for job, pacing in self.jobs.items():
            found = self.store.job(job)
            if found.target_selection == "SNAPSHOT":
                assert found.status not in OPEN or found.status == "PAUSED", (job, found, pacing)


_WAITING = (
    "SELECT j.job_id, t.name FROM waiting w JOIN jobs j ON j.id = w.job JOIN things t ON t.id = w.thing "
    "UNION SELECT j.job_id, t.name FROM executions e JOIN jobs j ON j.id = e.job "
    "JOIN things t ON t.id = e.thing WHERE e.status IN ('QUEUED', 'IN_PROGRESS')"
)
