"""An agent that died, restarted: at every point of a job, nothing is run twice and nothing is kept quiet."""

import asyncio

import pytest
from scripted_link import running
from workloads import WORK, nothing

from agent.errors import JournalUnwritable
from agent.events import Kind
from agent.journal import FileJournal, MemoryJournal, Record
from domain.execution import PENDING, Cause, Status
from domain.topics import Operation


class Dying(MemoryJournal):
    """Stops the world for good at the n-th save, before or after it took effect."""

    def __init__(self, at, *, after):
        super().__init__()
        self.at, self.after, self.saves, self.dead = at, after, 0, asyncio.Event()

    async def save(self, record):
        self.saves += 1
        if self.saves != self.at:
            await super().save(record)
            return
        if self.after:
            await super().save(record)
        self.dead.set()
        await asyncio.Event().wait()


async def life(agent, until):
    async with running(agent.run()):
        async with asyncio.timeout(10):
            await until


#: The saves of a job: 1 it is begun, 2 its step, 3 its outcome, 4 it is closed.
#: Death at save, before or after it took effect -> (journal says, runs if resumable, runs if not).
#: Death before the first save leaves no trace: it is begun as if for the first time. A first life that died
#: in the first save had not called its handler yet, whatever the journal says.
FRESH, BEGUN, DECIDED = "fresh", "begun", "decided"
DEATHS = {
    (1, "before"): (FRESH, 1, 1),
    (1, "after"): (BEGUN, 1, 0),
    (2, "before"): (BEGUN, 2, 1),
    (2, "after"): (BEGUN, 2, 1),
    (3, "before"): (BEGUN, 2, 1),
    (3, "after"): (DECIDED, 1, 1),
    (4, "before"): (DECIDED, 1, 1),
    (4, "after"): (DECIDED, 1, 1),
}


def asks_for_more(heard):
    return any(request.operation is Operation.START_NEXT for request in heard)


@pytest.mark.parametrize("resume", [True, False], ids=["resumable", "once"])
@pytest.mark.parametrize(("at", "moment"), DEATHS)
async def test_death_at_any_save_is_survived(make_agent, server, at, moment, resume):
    server.create("one", WORK)
    dying, runs = Dying(at, after=moment == "after"), []

    async def work(job):
        runs.append(job.resumed)
        await job.remember("half")
        return {"done": "well"}

    first = make_agent(journal=dying)
    first.register("work", work, resume=resume)
    await life(first, dying.dead.wait())
    second = make_agent(journal=MemoryJournal(dying.record))
    second.register("work", work, resume=resume)
    heard = len(server.heard)
    await life(second, server.until(lambda: not server.open("one") and asks_for_more(server.heard[heard:])))
    knows, resumable_runs, other_runs = DEATHS[at, moment]
    assert len(runs) == (resumable_runs if resume else other_runs)
    # A second run is one that knows it is one.
    assert runs[1:] == [True] * (len(runs) - 1)
    outcomes = [(status, details) for _, _, status, details in server.history if status not in PENDING]
    if resume or knows != BEGUN:
        assert outcomes == [(Status.SUCCEEDED, {"done": "well"})]
    else:
        told = {"step": "half"} if dying.record.entry.step else {}
        assert outcomes == [(Status.FAILED, {"reason": "agent restarted while working", **told})]


async def test_a_resumed_handler_knows_how_far_its_earlier_life_came(make_agent, server):
    server.create("one", WORK)
    dying, runs = Dying(3, after=False), []

    async def work(job):
        runs.append((job.resumed, job.step_reached))
        await job.remember("half")

    for journal in (dying, None):
        agent = make_agent(journal=journal or MemoryJournal(dying.record))
        agent.register("work", work, resume=True)
        if journal:
            await life(agent, dying.dead.wait())
        else:
            await life(agent, server.ended("one"))
    assert runs == [(False, None), (True, "half")]


async def test_an_owed_outcome_is_reported_with_the_same_bytes(make_agent, server, network):
    server.create("one", WORK)
    dying = Dying(3, after=False)
    first = make_agent(journal=dying)
    first.register("work", nothing)
    await life(first, dying.dead.wait())
    second = make_agent(journal=MemoryJournal(dying.record))
    second.register("work", nothing)
    await life(second, server.until(lambda: len([r for r in server.heard if r.status]) == 2))
    updates = [payload for link in network.links for topic, payload in link.published if "update" in topic]
    assert len(updates) == 2
    assert len(set(updates)) == 1
    assert server.execution("one").version_number == 3


async def test_a_failure_tells_the_step_that_was_reached(make_agent, server):
    server.create("one", WORK)
    dying = Dying(3, after=False)

    async def work(job):
        await job.remember("flashing")

    first = make_agent(journal=dying)
    first.register("work", work)
    await life(first, dying.dead.wait())
    second = make_agent(journal=MemoryJournal(dying.record))
    second.register("work", work)
    await life(second, server.ended("one"))
    assert server.execution("one").status_details["step"] == "flashing"


async def interrupted(make_agent, server, tmp_path):
    """Leave a journal on disk whose job is begun and not decided."""
    server.create("one", WORK)
    agent, started = make_agent(journal=FileJournal(tmp_path, "t1")), asyncio.Event()

    @agent.handler("work", resume=True)
    async def work(job):
        await job.remember("half")
        started.set()
        await asyncio.Event().wait()

    await life(agent, started.wait())


async def test_a_job_canceled_while_the_agent_was_dead_is_dropped(make_agent, server, tmp_path):
    await interrupted(make_agent, server, tmp_path)
    server.end("one", Cause.FORCED_CANCEL)
    server.create("two", WORK)
    agent, runs = make_agent(journal=FileJournal(tmp_path, "t1")), []

    @agent.handler("work", resume=True)
    async def work(job):
        runs.append(job.job_id)

    await life(agent, server.ended("two"))
    assert runs == ["two"]
    assert server.execution("one").status is Status.CANCELED


async def test_another_job_under_the_same_id_is_not_a_resumption(make_agent, server, tmp_path):
    await interrupted(make_agent, server, tmp_path)
    server.delete("one")
    server.create("one", WORK)
    agent, runs = make_agent(journal=FileJournal(tmp_path, "t1")), []

    @agent.handler("work", resume=True)
    async def work(job):
        runs.append((job.resumed, job.step_reached))

    await life(agent, server.ended("one"))
    assert runs == [(False, None)]


async def test_a_document_that_changed_is_begun_anew(make_agent, server, tmp_path):
    await interrupted(make_agent, server, tmp_path)
    server.documents["one"] = '{"operation": "work", "url": "signed anew"}'
    agent, runs = make_agent(journal=FileJournal(tmp_path, "t1")), []

    @agent.handler("work", resume=True)
    async def work(job):
        runs.append((job.resumed, job.step_reached, job.document["url"]))

    await life(agent, server.ended("one"))
    assert runs == [(True, None, "signed anew")]


async def test_without_its_journal_an_agent_owns_up_to_running_jobs_and_goes_on(make_agent, server, tmp_path):
    await interrupted(make_agent, server, tmp_path)
    server.create("two", WORK)
    journal = FileJournal(tmp_path, "t1")
    journal.path.write_bytes(b"garbage")
    agent, runs = make_agent(journal=journal), []

    @agent.handler("work", resume=True)
    async def work(job):
        runs.append(job.job_id)

    await life(agent, server.ended("two"))
    assert runs == ["two"]
    assert server.execution("one").status is Status.FAILED
    assert server.execution("one").status_details == {"reason": "agent lost its journal while working"}


async def test_a_server_that_is_away_at_the_start_is_waited_for(make_agent, server, network, tmp_path):
    await interrupted(make_agent, server, tmp_path)
    network.refuse = 3
    agent = make_agent(journal=FileJournal(tmp_path, "t1"))
    agent.register("work", nothing, resume=True)
    await life(agent, server.ended("one"))
    assert [event.kind for event in agent.events].count(Kind.RESUMED) == 1


async def test_a_disk_that_fills_up_mid_job_does_not_make_the_job_run_twice(make_agent, server):
    class Full(MemoryJournal):
        saves = 0

        async def save(self, record: Record) -> None:
            self.saves += 1
            if self.saves == 2:
                raise JournalUnwritable("no space left on device")
            await super().save(record)

    server.create("one", WORK)
    agent, runs = make_agent(journal=Full()), []

    @agent.handler("work")
    async def work(job):
        runs.append(job.job_id)

    await life(agent, server.ended("one"))
    assert runs == ["one"]
    assert server.execution("one").status is Status.FAILED
    assert "journal" in server.execution("one").status_details["reason"]
