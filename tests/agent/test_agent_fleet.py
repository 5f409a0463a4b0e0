"""A fleet: many of the same agents, whose luck is in the seed and nowhere else."""

import asyncio
from collections import Counter
from dataclasses import replace

import pytest
from contract_server import ContractServer
from scripted_link import Network
from workloads import OPTIONS

from agent.behaviour import Rates, fate
from agent.errors import LinkDown, LinkRefused
from agent.fleet import Fleet, FleetOptions, thing_names
from agent.tally import Tally, percentile
from domain.execution import Cause, Status

QUICK = {"min_duration": 0.0, "max_duration": 0.02}
#: The same for every thing that is to be quick.
RATES = Rates(fail=0.2, reject=0.1, drop=0.2, slow=0.1, **QUICK)
NAMES = thing_names("sim", 40)


async def work(rates, *, seed, jobs=("one", "two", "three"), **ends):
    """Run a fleet through these jobs; return its summary and what each execution became."""
    server = ContractServer()
    network = Network(server)
    for job_id in jobs:
        server.create(job_id, {"operation": "work"}, *NAMES)
    ends = ends or {"jobs": len(jobs) * len(NAMES)}
    options = FleetOptions(rates=rates, agent=OPTIONS, seed=seed, connects_per_second=10_000, **ends)
    async with asyncio.timeout(60):
        summary = await Fleet(NAMES, lambda _name: network.connect, options).run()
    return summary, {key: execution.status for key, execution in server.executions.items()}


async def until(fleet, condition):
    async with asyncio.timeout(15):
        while not condition():
            fleet.tally.changed.clear()
            await fleet.tally.changed.wait()


@pytest.fixture(autouse=True)
def short_absences(monkeypatch):
    monkeypatch.setattr("agent.behaviour.AWAY", 0.05)


async def test_the_same_seed_has_the_same_outcomes_and_another_one_others():
    first, became = await work(RATES, seed=1)
    second, became_again = await work(RATES, seed=1)
    _, became_otherwise = await work(RATES, seed=2)
    assert became == became_again != became_otherwise
    assert first.outcomes == second.outcomes
    assert sum(first.outcomes.values()) == first.jobs_worked == 3 * len(NAMES)
    assert first.reconnects > 0
    assert first.connected == len(NAMES)


async def test_what_the_fleet_sums_up_is_what_the_server_knows():
    summary, became = await work(RATES, seed=3)
    assert summary.outcomes == dict(Counter(status.value for status in became.values()))
    assert set(summary.outcomes) == {"SUCCEEDED", "FAILED", "REJECTED"}
    assert summary.as_json()["outcomes"] == summary.outcomes
    assert summary.as_json()["durationSeconds"]["p50"] <= summary.as_json()["durationSeconds"]["p99"]


@pytest.mark.parametrize(
    ("rates", "outcome"),
    [({}, "SUCCEEDED"), ({"fail": 1}, "FAILED"), ({"reject": 1}, "REJECTED"), ({"drop": 1}, "SUCCEEDED")],
)
async def test_a_rate_of_one_is_everybody(rates, outcome):
    summary, _ = await work(Rates(**rates, **QUICK), seed=1, jobs=("one",))
    assert summary.outcomes == {outcome: len(NAMES)}
    assert (summary.reconnects > 0) == ("drop" in rates)


async def test_silent_things_take_the_job_and_are_not_heard_of_again():
    summary, became = await work(Rates(silent=1, **QUICK), seed=1, jobs=("one",))
    assert (summary.silent, summary.outcomes) == (len(NAMES), {})
    assert set(became.values()) == {Status.IN_PROGRESS}


async def test_a_silent_thing_goes_on_when_the_server_has_given_its_job_up():
    server = ContractServer()
    network = Network(server)
    server.create("one", {}, "sim-0001")
    options = FleetOptions(rates=Rates(silent=1, **QUICK), agent=OPTIONS, seconds=30)
    fleet = Fleet(["sim-0001"], lambda _name: network.connect, options)
    running = asyncio.create_task(fleet.run())
    await until(fleet, lambda: fleet.tally.muted)
    server.end("one", Cause.TIMEOUT, "sim-0001")
    server.create("two", {}, "sim-0001")
    await server.until(lambda: server.execution("two", "sim-0001").status is Status.IN_PROGRESS)
    fleet.stop()
    assert (await running).gone == 1


async def test_it_ends_when_everybody_has_been_idle_for_a_while():
    summary, became = await work(Rates(**QUICK), seed=1, jobs=("one", "two"), idle=0.2)
    assert summary.jobs_worked == 2 * len(NAMES)
    assert set(became.values()) == {Status.SUCCEEDED}


async def test_it_ends_with_its_time():
    summary, _ = await work(Rates(min_duration=100, max_duration=100), seed=1, jobs=("one",), seconds=0.5)
    assert summary.jobs_worked == 0


async def nobody_there(error):
    """Run a fleet whose every connection ends in ``error``."""

    class Nobody:
        def __init__(self, _receive):
            pass

        async def __aenter__(self):
            raise error

        async def __aexit__(self, *_):
            pass

    options = FleetOptions(agent=OPTIONS, connects_per_second=1000, arrival=0.1)
    async with asyncio.timeout(10):
        await Fleet(NAMES, lambda _name: Nobody, options).run()


async def test_a_server_that_is_not_there_ends_a_fleet_after_the_time_it_was_given():
    with pytest.raises(LinkDown, match="nobody there"):
        await nobody_there(LinkDown("nobody there"))


async def test_a_refusal_of_the_first_thing_ends_a_fleet_at_once():
    with pytest.raises(LinkRefused, match="wrong token"):
        await nobody_there(LinkRefused("wrong token"))


async def test_a_fleet_that_has_been_connected_outlives_any_loss():
    server = ContractServer()
    network = Network(server)
    options = FleetOptions(
        rates=Rates(**QUICK), agent=OPTIONS, connects_per_second=1000, arrival=0.0, jobs=len(NAMES)
    )
    fleet = Fleet(NAMES, lambda _name: network.connect, options)
    running = asyncio.create_task(fleet.run())
    await until(fleet, lambda: len(fleet.tally.connected) == len(NAMES))
    network.refuse = 100
    for link in list(network.links):
        link.cut()
    server.create("one", {}, *NAMES)
    async with asyncio.timeout(30):
        assert (await running).outcomes == {"SUCCEEDED": len(NAMES)}


def test_names_sort_as_counted():
    assert thing_names("a", 2) == ["a-0001", "a-0002"]
    assert thing_names("a", 100_000) == sorted(thing_names("a", 100_000))


def test_one_rate_leaves_the_luck_of_the_others_alone():
    import random

    drawn = [fate(rates, random.Random(9)) for rates in (RATES, replace(RATES, fail=1.0))]
    assert drawn[0].seconds == drawn[1].seconds
    assert drawn[0].drops == drawn[1].drops


@pytest.mark.parametrize(
    "wrong", [{"fail": 1.1}, {"slow": -0.1}, {"min_duration": 5, "max_duration": 1}, {"min_duration": -1}]
)
def test_rates_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=r"rate|durations"):
        Rates(**wrong)


def test_percentiles_are_values_that_occurred():
    assert percentile([], 0.5) == 0.0
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile([float(n) for n in range(1, 101)], 0.99) == 99.0


async def test_only_what_is_needed_is_kept_of_a_fleet_that_runs_for_months():
    tally = Tally(things=1)
    assert tally.durations.maxlen is not None
    assert tally.recent.maxlen is not None
