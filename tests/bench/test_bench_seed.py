"""What is copied into a store before a measurement is as sound as what verbs make: so says the audit."""

import pytest

from bench.seed import job_id, register, sow
from domain.execution import Status
from storage import jobs
from storage.audit import faults


@pytest.fixture
async def store(make_site, tmp_path):
    site = make_site(tmp_path / "data")
    opened = site.store()
    yield opened
    await opened.close()
    site.drop()


async def test_copies_of_things_jobs_and_executions_are_sound(store):
    names = [*await register(store, 12), *await register(store, 3, "other")]
    await sow(store, 4)
    assert await store.read(lambda connection: list(faults(connection))) == []
    for number in range(4):
        job = await store.read(jobs.get, job_id(number))
        assert job.counts[Status.QUEUED] == len(names)
