"""A plan is what then happens: several hundred random jobs, foretold and lived through on a virtual clock."""

import tempfile
from collections import Counter, defaultdict
from collections.abc import Collection
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sites import examples
from sync_store import AUTO, SyncStore
from virtual_fleet import LONGER, VirtualFleet, releases

from domain.forecast import Kind
from domain.job import NewJob, TargetSelection
from domain.pacing import checked
from storage import jobs, plans, things

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu")
WINDOWS = (
    {"startTime": "cron(0 2 * * ? *)", "durationInMinutes": 90},
    {"startTime": "cron(30 1 ? * SUN *)", "durationInMinutes": 300},
    {"startTime": "cron(15 0/4 * * ? *)", "durationInMinutes": 45},
    {"startTime": "cron(0 23 ? * MON-FRI *)", "durationInMinutes": 240},
)

rates = st.none() | st.one_of(
    st.builds(lambda rate: {"maximumPerMinute": rate}, st.integers(1, 6)),
    st.builds(
        lambda base, factor, key, steps: {
            "maximumPerMinute": 20,
            "exponentialRate": {
                "baseRatePerMinute": base,
                "incrementFactor": factor,
                "rateIncreaseCriteria": {key: steps},
            },
        },
        st.integers(1, 3),
        st.sampled_from([1.1, 1.5, 2.0, 3.7]),
        st.sampled_from(["numberOfNotifiedThings", "numberOfSucceededThings"]),
        st.integers(1, 6),
    ),
)
gates = st.builds(
    lambda success, bake: {"successPercentage": success, "bakeMinutes": bake},
    st.sampled_from([0, 30, 50, 90, 100]),
    st.sampled_from([0, 1, 45]),
)
wave_sizes = st.one_of(
    st.builds(lambda percent: {"percent": percent}, st.sampled_from([1, 5, 10, 20])),
    st.builds(lambda count: {"count": count}, st.integers(1, 5)),
    st.builds(
        lambda numbers: {"things": [f"t{n}" for n in sorted(numbers)]},
        st.sets(st.integers(0, 24), min_size=1),
    ),
)
waves = st.lists(st.builds(lambda size, gate: {**size, "gate": gate}, wave_sizes, gates), max_size=4)
stages = st.builds(
    lambda found, cap, choice: {
        "waves": found,
        "choice": choice,
        **({} if cap is None else {"maximumInFlight": cap}),
    },
    waves,
    st.none() | st.integers(1, 6),
    st.sampled_from(["REGISTERED", "SEEDED"]),
)
schedules = st.none() | st.builds(
    lambda windows, zone, blackouts: {
        "maintenanceWindows": windows,
        "timeZone": zone,
        "blackoutDates": blackouts,
    },
    st.lists(st.sampled_from(WINDOWS), min_size=1, max_size=2, unique_by=lambda window: window["startTime"]),
    st.sampled_from(["thing", *ZONES]),
    st.sampled_from([[], ["2026-03-02"], ["2026-03-08/2026-03-09", "2026-03-29"]]),
)


def among(stage: Any, names: Collection[str]) -> Any:
    """Return the stages without the things that there are not; a wave of nobody falls away."""
    if stage is None:
        return None
    kept = [
        {**wave, "things": [name for name in wave["things"] if name in names]} if "things" in wave else wave
        for wave in stage["waves"]
    ]
    return {**stage, "waves": [wave for wave in kept if wave.get("things") != []]}


def configs(rate: Any, stage: Any, schedule: Any) -> dict[str, Any]:
    given_ = {
        "jobExecutionsRolloutConfig": rate,
        "stagedRolloutConfig": stage,
        "schedulingConfig": schedule,
    }
    return {name: config for name, config in given_.items() if config is not None}


@pytest.mark.timeout(300 * LONGER)
def test_a_plan_without_failures_is_what_then_happens(dialect, make_site) -> None:
    @settings(max_examples=examples(dialect, 15 * LONGER), deadline=None)
    @given(
        count=st.integers(0, 25),
        rate=rates,
        stage=st.none() | stages,
        schedule=schedules,
        minutes=st.lists(st.integers(0, 90), min_size=25, max_size=25),
    )
    def every_plan(count, rate, stage, schedule, minutes) -> None:
        lived_as_foretold(make_site, count, rate, stage, schedule, minutes)

    every_plan()


def lived_as_foretold(make_site, count, rate, stage, schedule, minutes) -> None:  # noqa: PLR0917 - drawn
    with tempfile.TemporaryDirectory() as folder:
        store = SyncStore(make_site(Path(folder)))
        takes = {f"t{number}": timedelta(minutes=minutes[number]) for number in range(count)}
        for number, name in enumerate(takes):
            zone = None if number % 6 == 5 else ZONES[number % 6]
            store.do(things.create, name, time_zone=zone, at=store.now)
        store.group("all", *takes)
        windows = schedule is not None
        job = NewJob(
            targets=("thinggroup/all",),
            target_selection=TargetSelection.CONTINUOUS if windows else TargetSelection.SNAPSHOT,
            job_id="j",
            document="{}",
            pacing=checked(configs(rate, among(stage, takes), schedule)),
        )
        foretold = plans.forecast_of(store.do(rolled_back, job, takes, at=store.now), at=store.now)
        store.do(jobs.create, job, policy=AUTO, at=store.now)
        fleet = VirtualFleet(store, lambda thing, _job, _number: (takes[thing], "SUCCEEDED"))
        last = max((moment.at for moment in foretold.moments), default=store.now)
        fleet.run(min(last + timedelta(days=1), store.now + timedelta(days=20)))
        lived = releases(store, "j")
        expected: dict[Any, Counter[int]] = defaultdict(Counter)
        for moment in foretold.moments:
            if moment.kind is Kind.RELEASE and moment.at <= store.now:
                expected[moment.at][moment.wave] += moment.things
        assert lived == expected
        found = store.job("j")
        if foretold.is_whole and not windows:
            ended = foretold.last(Kind.ENDED)
            assert (found.status, found.completed_at) == (foretold.status, ended)
        store.close()


def rolled_back(connection: Any, job: NewJob, takes: dict[str, timedelta], *, at: Any) -> Any:
    """Look at the job that would be, and let it not have been."""
    with connection.begin_nested() as nested:
        seen = plans.look(connection, job, policy=AUTO, at=at)
        nested.rollback()
    return plans.draft(connection, seen, at=at, durations=takes)
