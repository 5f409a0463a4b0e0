"""The process's clock: what passes is what has really passed, whatever is done to the machine's."""

from datetime import UTC, datetime, timedelta

import pytest
from engine import START, Engine
from hypothesis import given
from hypothesis import strategies as st
from sites import ON_SQLITE
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from broker.clock import FASTER, SLOWER, STEP, Clock
from broker.scheduler import Scheduler
from domain.job import NewJob, TargetSelection
from domain.pacing import checked
from storage import executions, jobs, timers
from storage.columns import Millis, metadata
from storage.policy import Policy
from storage.store import Store

HOUR = timedelta(hours=1)
#: Times that say when something was; all others are lengths that run, and move when the clock leaps.
MOMENTS = {
    "at", "created_at", "deleted_at", "connection_changed_at", "last_seen_at", "last_updated_at",
    "completed_at", "queued_at", "started_at", "opened_at", "approved_at", "revoked_at", "deprecated_at",
    "last_modified_at", "last_used_at", "not_before", "not_after", "rights_ended_at",
    # By the database's clock, and a claim that ends early makes a notification come twice at the worst.
    "until", "claimed_until",
}  # fmt: skip


class Machine:
    """A machine whose clock can be set while time passes."""

    def __init__(self, at: datetime = START) -> None:
        self.wall = int(at.timestamp() * 1e9)
        self.passed = 5_000_000_000

    def pass_(self, span: timedelta, *, drift: float = 0.0) -> None:
        nanos = int(span.total_seconds() * 1e9)
        self.passed += nanos
        self.wall += int(nanos * (1 + drift))

    def set(self, by: timedelta) -> None:
        self.wall += int(by.total_seconds() * 1e9)

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.wall / 1e9, UTC)

    def clock(self, not_before: datetime | None = None) -> Clock:
        return Clock(not_before=not_before, machine=lambda: self.wall, passing=lambda: self.passed)


class Run:
    """The engine, its scheduler on the clock of a machine."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.store: Store = engine.store
        self.machine = Machine()
        self.clock = self.machine.clock()
        self.scheduler = Scheduler(engine.store, clock=self.clock, leap=self.clock.leap)
        self.begun = self.machine.passed

    async def ask(self, thing: str, request: str, body: object = None) -> dict:
        self.engine.now = self.clock()
        outcome, answer = await self.engine.call(thing, request, body)
        assert outcome == "accepted", answer
        return answer

    async def until(self, passed: timedelta) -> None:
        """Let time pass, with a tick each second, up to so long after the begin."""
        while self.passed < passed:
            self.machine.pass_(min(timedelta(seconds=1), passed - self.passed))
            while await self.scheduler.tick():
                pass

    @property
    def passed(self) -> timedelta:
        return timedelta(microseconds=(self.machine.passed - self.begun) // 1000)

    async def status(self, job: str, thing: str) -> str:
        return (await self.store.read(executions.get, job, thing)).status

    async def released(self, job: str) -> int:
        return (await self.store.read(jobs.get, job)).counts["QUEUED"]

    async def paced(self, job: str, things: int, **configs: object) -> None:
        new = NewJob(
            targets=tuple(f"{job}-{number}" for number in range(things)),
            target_selection=TargetSelection.SNAPSHOT,
            document="{}",
            job_id=job,
            pacing=checked(configs),
        )
        await self.store.write(jobs.create, new, policy=Policy(), at=self.clock())


async def test_a_timer_keeps_its_length_when_the_clock_is_set_forward(engine: Engine):
    run = Run(engine)
    engine.now = run.clock()
    await engine.job("j", "a", inProgressTimeoutInMinutes=30)
    await run.ask("a", "start-next")
    await run.until(timedelta(minutes=10))
    run.machine.set(HOUR)
    await run.until(timedelta(minutes=29, seconds=59))
    assert await run.status("j", "a") == "IN_PROGRESS"
    assert run.clock() == run.machine.now
    described = await run.ask("a", "j/get")
    assert described["execution"]["approximateSecondsBeforeTimedOut"] == 1
    await run.until(timedelta(minutes=30))
    assert await run.status("j", "a") == "TIMED_OUT"


async def test_a_timer_fires_although_the_clock_is_set_back(engine: Engine):
    run = Run(engine)
    engine.now = run.clock()
    await engine.job("j", "a", inProgressTimeoutInMinutes=30)
    await run.ask("a", "start-next", {"stepTimeoutInMinutes": 20})
    await run.until(timedelta(minutes=10))
    run.machine.set(-HOUR)
    await run.until(timedelta(minutes=20))
    assert await run.status("j", "a") == "IN_PROGRESS"
    await run.until(timedelta(minutes=20 + 20 / SLOWER))
    assert await run.status("j", "a") == "TIMED_OUT"


@pytest.mark.parametrize("by", [HOUR, -HOUR], ids=["forward", "back"])
async def test_a_rated_rollout_neither_hurries_nor_waits_when_the_clock_is_set(engine: Engine, by: timedelta):
    run = Run(engine)
    await run.paced("j", 100, jobExecutionsRolloutConfig={"maximumPerMinute": 5})
    await run.until(timedelta(seconds=40))
    run.machine.set(by)
    await run.until(timedelta(seconds=50))
    assert await run.released("j") == 5
    for minute in range(1, 10):
        await run.until(timedelta(minutes=minute) * 1.1)
        assert await run.released("j") == 5 * minute + 5


async def test_what_is_due_at_a_time_of_day_keeps_to_the_clock_that_was_set(engine: Engine):
    run = Run(engine)
    await run.paced("j", 2, schedulingConfig={"startTime": f"{START + HOUR:%Y-%m-%d %H:%M}"})
    await run.until(timedelta(minutes=1))
    assert (await run.store.read(jobs.get, "j")).status == "SCHEDULED"
    run.machine.set(HOUR)
    await run.until(timedelta(minutes=1, seconds=10))
    assert await run.released("j") == 2


@ON_SQLITE
async def test_timers_that_could_not_be_moved_are_moved_by_the_next_tick(engine: Engine):
    run = Run(engine)
    engine.now = run.clock()
    await engine.job("j", "a", inProgressTimeoutInMinutes=30)
    await run.ask("a", "start-next")

    def lock(connection: Connection) -> None:
        connection.execute(
            text("CREATE TRIGGER t BEFORE UPDATE ON executions BEGIN SELECT raise(FAIL, ''); END")
        )

    await run.store.write(lock)
    run.machine.set(HOUR)
    with pytest.raises(IntegrityError, match="UPDATE executions"):
        await run.scheduler.tick()
    await run.store.write(lambda connection: connection.execute(text("DROP TRIGGER t")).close())
    await run.until(timedelta(minutes=29))
    assert await run.status("j", "a") == "IN_PROGRESS"


def test_every_time_in_the_tables_is_a_moment_or_moves():
    named = {
        (table.name, column.name)
        for table in metadata.tables.values()
        for column in table.columns
        if column.type is Millis
    }
    running = {(table, name) for table, (names, _) in timers.RUNNING.items() for name in names}
    assert named - running - {("jobs", "look_at")} == {
        (table, name) for table, name in named if name in MOMENTS
    }
    assert running <= named


spans = st.timedeltas(min_value=timedelta(0), max_value=timedelta(hours=3))
sets = st.timedeltas(min_value=timedelta(days=-400), max_value=timedelta(days=400))


@given(st.lists(st.tuples(spans, sets, st.floats(-0.0004, 0.0004)), max_size=30))
def test_between_two_readings_passes_what_has_passed_but_for_leaps(story):
    machine = Machine()
    clock = machine.clock()
    for span, by, drift in story:
        before = clock()
        machine.pass_(span, drift=drift)
        machine.set(by)
        after = clock()
        tick = timedelta(microseconds=2)
        assert span * (1 - 1 / SLOWER) - tick <= after - before <= span * (1 + 1 / FASTER) + tick
        leap = clock.leap()
        assert abs(clock() - after - (leap or timedelta(0))) <= tick
        assert leap is None or (leap > STEP and abs(clock() - machine.now) < tick)


def test_a_clock_that_was_set_back_agrees_in_the_end():
    machine = Machine()
    clock = machine.clock()
    machine.set(-HOUR)
    for _ in range(60 * SLOWER):
        assert clock() > machine.now
        machine.pass_(timedelta(minutes=1))
    assert abs(clock() - machine.now) < timedelta(milliseconds=1)
    machine.pass_(HOUR)
    assert abs(clock() - machine.now) < timedelta(milliseconds=1)


def test_a_machine_that_does_not_know_the_time_goes_on_where_the_store_ends():
    machine = Machine(datetime(1970, 1, 1, 0, 0, 30, tzinfo=UTC))
    clock = machine.clock(not_before=START)
    machine.pass_(HOUR)
    assert START <= clock() <= START + HOUR
    assert clock.leap() is None
    machine.set(START + 3 * HOUR - machine.now)
    leap = clock.leap()
    assert leap is not None
    assert 2 * HOUR <= leap <= 2.1 * HOUR
    assert abs(clock() - machine.now) < timedelta(microseconds=2)


async def test_the_newest_time_in_a_store_is_that_of_its_last_event(engine: Engine):
    assert await engine.store.read(timers.newest) is None
    await engine.job("j", "a")
    engine.later(minutes=5)
    await engine.call("a", "start-next")
    assert await engine.store.read(timers.newest) == engine.now
