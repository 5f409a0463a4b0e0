"""The clock: time-outs end executions, large jobs are rolled out and swept in pieces."""

from engine import Engine
from sqlalchemy import Connection, text

from broker.scheduler import RETRY
from domain.topics import Topics
from storage import executions, expiry, groups, jobs, rollouts, sweeps
from storage.policy import Policy


async def test_the_in_progress_timer_ends_an_execution(engine: Engine) -> None:
    await engine.job("j", "a", inProgressTimeoutInMinutes=20)
    await engine.call("a", "start-next")
    await engine.settle()
    engine.later(minutes=20, seconds=-1)
    assert await engine.scheduler.tick() == 0
    engine.later(seconds=1)
    assert await engine.scheduler.tick() == 1
    execution = await engine.store.read(executions.get, "j", "a")
    assert (execution.status, execution.version_number) == ("TIMED_OUT", 3)
    assert (await engine.store.read(jobs.get, "j")).status == "COMPLETED"
    said = await engine.settle()
    assert [(topic.rsplit("/", 1)[1]) for _, topic, _ in said] == ["notify", "notify-next"]
    late = await engine.call("a", "j/update", {"status": "SUCCEEDED"})
    assert late[1]["code"] == "InvalidStateTransition"


async def test_the_worked_example_of_both_timers(engine: Engine) -> None:
    await engine.job("j", "a", inProgressTimeoutInMinutes=20)
    start = engine.now
    for minute, step, left in [(0, None, 20), (5, 7, 7), (10, 5, 5), (13, 9, 7)]:
        engine.now = start
        engine.later(minutes=minute)
        body = {"status": "IN_PROGRESS", "stepTimeoutInMinutes": step}
        assert (await engine.call("a", "j/update", body))[0] == "accepted"
        described = await engine.call("a", "j/get")
        assert described[1]["execution"]["approximateSecondsBeforeTimedOut"] == left * 60
        assert await engine.scheduler.tick() == 0
    engine.now = start
    engine.later(minutes=20)
    assert await engine.scheduler.tick() == 1


async def test_minus_one_removes_the_step_timer(engine: Engine) -> None:
    await engine.job("j", "a")
    await engine.call("a", "start-next", {"stepTimeoutInMinutes": 5})
    await engine.call("a", "j/update", {"status": "IN_PROGRESS", "stepTimeoutInMinutes": -1})
    described = await engine.call("a", "j/get")
    assert "approximateSecondsBeforeTimedOut" not in described[1]["execution"]
    engine.later(days=30)
    assert await engine.scheduler.tick() == 0


async def test_a_due_time_out_is_applied_before_an_answer(engine: Engine) -> None:
    await engine.job("j", "a", inProgressTimeoutInMinutes=1)
    await engine.call("a", "start-next")
    engine.later(minutes=2)
    outcome, answer = await engine.call("a", "j/update", {"status": "SUCCEEDED"})
    assert (outcome, answer["code"]) == ("rejected", "InvalidStateTransition")
    assert answer["executionState"]["status"] == "TIMED_OUT"
    assert (await engine.store.read(executions.get, "j", "a")).status == "TIMED_OUT"


async def test_a_canceled_job_still_times_out_what_goes_on(engine: Engine) -> None:
    await engine.job("j", "a", inProgressTimeoutInMinutes=1)
    await engine.call("a", "start-next")
    await engine.store.write(jobs.cancel, "j", at=engine.now)
    engine.later(minutes=1)
    assert await engine.scheduler.tick() == 1
    assert (await engine.store.read(executions.get, "j", "a")).status == "TIMED_OUT"
    assert (await engine.store.read(jobs.get, "j")).status == "CANCELED"


async def test_a_large_job_is_rolled_out_and_swept_by_ticks(engine: Engine) -> None:
    size = 6 * rollouts.CHUNK + 3
    await engine.store.write(groups.create, "g", at=engine.now)
    names = [f"t{number}" for number in range(size)]
    for first in range(0, size, 10_000):
        await engine.store.write(
            groups.add, "g", names[first : first + 10_000], policy=Policy(), at=engine.now
        )
    await engine.job("j", "thinggroup/g")
    assert (await engine.store.read(jobs.get, "j")).is_concurrent
    while await engine.scheduler.tick():
        pass
    job = await engine.store.read(jobs.get, "j")
    assert not job.is_concurrent
    assert job.counts["QUEUED"] == size
    assert len(await engine.settle()) == 2 * size
    await engine.store.write(jobs.cancel, "j", at=engine.now)
    assert (await engine.store.read(jobs.get, "j")).counts["QUEUED"] >= size - 5 * sweeps.CHUNK > 0
    last = f"t{size - 1}"
    assert (await engine.call(last, "start-next"))[1] == {"timestamp": int(engine.now.timestamp())}
    while await engine.scheduler.tick():
        pass
    assert (await engine.store.read(jobs.get, "j")).counts["CANCELED"] == size
    assert Topics().notify(last) in {topic for _, topic, _ in await engine.settle()}


async def test_a_job_that_cannot_be_acted_on_keeps_nobody_waiting_and_is_not_tried_without_a_pause(
    engine: Engine,
) -> None:
    await engine.job("bad", "a", inProgressTimeoutInMinutes=1)
    await engine.job("good", "b", inProgressTimeoutInMinutes=1)
    for thing in ("a", "b"):
        await engine.call(thing, "start-next")

    def damage(connection: Connection) -> None:
        connection.execute(text("UPDATE jobs SET pacing = 'damaged' WHERE job_id = 'bad'"))

    await engine.store.write(damage)
    engine.later(minutes=1)
    assert await engine.scheduler.tick() == 1
    assert (await engine.store.read(executions.get, "good", "b")).status == "TIMED_OUT"
    assert engine.scheduler.pause >= RETRY


async def test_a_job_that_cannot_be_acted_on_takes_nobodys_place_with_many_executions(engine: Engine) -> None:
    await engine.job("bad", *(f"b{number}" for number in range(expiry.CHUNK)), inProgressTimeoutInMinutes=1)
    await engine.job("good", "a", inProgressTimeoutInMinutes=1)

    def damage(connection: Connection) -> None:
        begun = (
            "UPDATE executions SET status = 'IN_PROGRESS', deadline_at = :at, in_progress_deadline_at = :at"
        )
        connection.execute(text(begun), {"at": int(engine.now.timestamp() * 1000)})
        connection.execute(text("UPDATE executions SET deadline_at = deadline_at + 1 WHERE job = 2"))
        connection.execute(text("UPDATE jobs SET queued = 0, in_progress = queued"))
        connection.execute(text("UPDATE jobs SET pacing = 'damaged' WHERE job_id = 'bad'"))

    await engine.store.write(damage)
    engine.later(minutes=1)
    assert await engine.scheduler.tick() == 0
    assert await engine.scheduler.tick() == 1
    assert (await engine.store.read(executions.get, "good", "a")).status == "TIMED_OUT"
