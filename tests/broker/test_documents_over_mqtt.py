"""Documents filled in, over real MQTT and both brokers: each thing gets its own, and none gets a hole."""

import asyncio
import json
from typing import Any

from whole import Thing, Whole

from domain.errors import NotFound
from domain.execution import Status
from domain.job import NewJob, TargetSelection
from storage import executions, groups, jobs, things
from storage.policy import Policy

OWN = json.dumps(
    {"who": "${thingjobs:thing:name}", "slot": "${thingjobs:value:slot}", "v": "${aws:iot:parameter:version}"}
)


async def create(server: Whole, *targets: str, continuous: bool = False, **values: object) -> None:
    job = NewJob(
        targets=targets,
        target_selection=TargetSelection.CONTINUOUS if continuous else TargetSelection.SNAPSHOT,
        document=OWN,
        job_id="j",
        parameters={"version": 2},
        values={name: {"slot": value} for name, value in values.items()},
    )
    await server.write(jobs.create, job, policy=Policy())


async def next_told(thing: Thing) -> dict[str, Any]:
    """Return the first notify-next that comes to a thing which has asked nothing: who asks is not greeted."""
    heard = await thing.device.next(f"$aws/things/{thing.name}/jobs/notify-next")
    return dict(json.loads(heard.payload)["execution"])


async def rejected(server: Whole, job_id: str, thing_name: str) -> str:
    """Return the reason of an execution once it is REJECTED."""
    async with asyncio.timeout(15):
        while True:
            try:
                found = await server.store.read(executions.get, job_id, thing_name)
            except NotFound:
                # The clock has not let it out yet.
                continue
            if found.status is Status.REJECTED:
                return found.status_details["reason"]


async def test_two_things_get_different_documents_unasked_and_asked(server: Whole):
    both = [await server.thing("t1"), await server.thing("t2")]
    await create(server, "t1", "t2", t1=1, t2="two")
    for thing, slot in zip(both, (1, "two"), strict=True):
        own = {"who": thing.name, "slot": slot, "v": "2"}
        assert (await thing.told())["notify-next"]["execution"]["jobDocument"] == own
        _, answer = await thing.ask("start-next")
        assert answer["execution"]["jobDocument"] == own
        asked = {"status": "IN_PROGRESS", "includeJobDocument": True}
        assert (await thing.ask("j/update", asked))[1]["jobDocument"] == own


async def test_who_joins_without_a_value_hears_nothing_of_the_job_and_goes_on_with_the_next(server: Whole):
    late = await server.thing("t2")
    await server.write(groups.create, "g")
    await server.write(groups.add, "g", ["t1"], policy=Policy())
    await create(server, "g", continuous=True, t1=1)
    await server.write(groups.add, "g", ["t2"], policy=Policy())
    assert "no value for ${thingjobs:value:slot}" in await rejected(server, "j", "t2")
    assert await late.told() == {}
    await server.job("next", "t2")
    assert (await next_told(late))["jobId"] == "next"
    assert (await late.ask("start-next"))[1]["execution"]["jobId"] == "next"


async def test_who_comes_back_is_not_told_of_work_whose_document_is_lost(server: Whole):
    first = await server.thing("t1")
    await server.write(things.update, "t1", attributes={"model": "m"})
    await server.job("lost", "t1", document='{"m": "${thingjobs:thing:attributes.model}"}')
    assert (await next_told(first))["jobDocument"] == {"m": "m"}
    await server.job("next", "t1")
    await server.settled()
    await server.write(things.update, "t1", attributes={})
    await first.device.close()
    again = await server.thing("t1")
    if server.broker == "embedded":
        assert (await next_told(again))["jobId"] == "next"
    else:
        # Another broker does not say who has come; the thing asks by itself.
        assert (await again.ask("start-next"))[1]["execution"]["jobId"] == "next"
    assert "no value for" in await rejected(server, "lost", "t1")
