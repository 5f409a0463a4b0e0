"""How executions end and begin again, as a real device hears it by real MQTT; the engine's clock is set."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from devices import Device
from engine import Engine
from stands import admit, secret

from broker.dispatcher import Dispatcher
from broker.embedded.link import EmbeddedLink
from broker.notifier import Notifier
from broker.scheduler import Scheduler
from domain.job import NewJob, TargetSelection
from domain.pacing import UNPACED, Pacing, checked
from domain.quarantine import Quarantine
from domain.timeout_config import TimeoutConfig
from storage import executions, jobs
from storage.policy import Policy
from storage.store import Store

TOPIC = "$aws/things/bob/jobs/"
STRICT = Policy(quarantine=Quarantine(2, timedelta(minutes=30)))


class Stage(Engine):
    """The engine with the embedded broker in place of the link that records, and the device bob."""

    async def begin(self) -> None:
        clock, topics = (lambda: self.now), self.topics
        self.wire = EmbeddedLink(host="127.0.0.1", port=0, topics=topics, authenticate=admit)
        self.dispatcher = Dispatcher(self.store, topics, clock=clock, policy=STRICT)
        self.scheduler = Scheduler(self.store, clock=clock, policy=STRICT)
        self.notifier = Notifier(self.store, self.wire, topics, clock=clock, replied=self.dispatcher.replied)
        await self.wire.start(self.dispatcher)
        self.answering = asyncio.create_task(self.dispatcher.run())
        self.bob = Device(self.wire.port, "bob", password=secret("bob"))
        await self.bob.connect()
        await self.bob.subscribe(f"{TOPIC}#")

    async def end(self) -> None:
        await self.bob.close()
        self.answering.cancel()
        with suppress(asyncio.CancelledError):
            await self.answering
        await self.wire.close()

    async def post(self, job_id: str, *, pacing: Pacing = UNPACED, minutes: int | None = None) -> None:
        job = NewJob(
            targets=("bob",),
            target_selection=TargetSelection.SNAPSHOT,
            document="{}",
            job_id=job_id,
            pacing=pacing,
            timeout_config=TimeoutConfig(queued_timeout_in_minutes=minutes) if minutes else TimeoutConfig(),
        )
        await self.store.write(jobs.create, job, policy=STRICT, at=self.now)
        await self.notifier.run_once()

    async def pass_time(self, **delta: float) -> int:
        """Let time pass and the clock tick until nothing is due; return how many actions that took."""
        self.later(**delta)
        done = 0
        while acted := await self.scheduler.tick():
            done += acted
        await self.notifier.run_once()
        return done

    async def heard(self, topic: str) -> dict[str, Any]:
        return dict(json.loads((await self.bob.next(f"{TOPIC}{topic}")).payload))

    async def tell(self, job: str, status: str, verdict: str = "accepted", **details: str) -> dict[str, Any]:
        body = {"status": status, "statusDetails": details}
        await self.bob.publish(f"{TOPIC}{job}/update", json.dumps(body).encode())
        answer = await self.heard(f"{job}/update/{verdict}")
        await self.notifier.run_once()
        return answer


@pytest.fixture
async def stage(store: Store) -> AsyncIterator[Stage]:
    stage = Stage(store)
    await stage.begin()
    yield stage
    await stage.end()


async def test_what_a_device_does_not_begin_in_time_is_taken_from_it(stage: Stage) -> None:
    await stage.post("j", minutes=60)
    assert [entry["jobId"] for entry in (await stage.heard("notify"))["jobs"]["QUEUED"]] == ["j"]
    assert await stage.pass_time(minutes=60, seconds=-1) == 0
    assert await stage.pass_time(seconds=1) > 0
    assert (await stage.heard("notify"))["jobs"] == {}
    assert "execution" not in await stage.heard("notify-next")
    answer = await stage.tell("j", "SUCCEEDED", "rejected")
    assert answer["code"] == "InvalidStateTransition"
    assert answer["executionState"]["status"] == "TIMED_OUT"
    assert (await stage.store.read(jobs.get, "j")).status == "COMPLETED"


async def test_a_busy_device_says_so_and_is_asked_again_later(stage: Stage) -> None:
    later = {"busy": {"numberOfRetries": 2, "backOff": {"initialSeconds": 600}}}
    await stage.post("j", pacing=checked({"retryPolicyConfig": later}))
    assert (await stage.heard("notify-next"))["execution"]["executionNumber"] == 1
    await stage.tell("j", "REJECTED", failureClass="busy")
    assert "execution" not in await stage.heard("notify-next")
    await stage.pass_time(minutes=10, seconds=-1)
    assert (await stage.store.read(executions.get, "j", "bob")).execution_number == 1
    await stage.pass_time(seconds=1)
    again = (await stage.heard("notify-next"))["execution"]
    assert (again["executionNumber"], again["versionNumber"], again["status"]) == (2, 1, "QUEUED")
    await stage.tell("j", "SUCCEEDED")
    assert (await stage.store.read(jobs.get, "j")).status == "COMPLETED"


async def test_a_device_that_fails_job_after_job_hears_of_no_new_one_for_a_while(stage: Stage) -> None:
    for job in ("1", "2"):
        await stage.post(job)
        await stage.tell(job, "FAILED")
    await stage.post("j")
    await stage.pass_time(minutes=30, seconds=-1)
    assert not any((await stage.store.read(jobs.get, "j")).counts.values())
    await stage.pass_time(seconds=1)
    while (await stage.heard("notify-next")).get("execution", {}).get("jobId") != "j":
        pass
