"""From one version to the next while everybody works: old and new processes on the newer schema."""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest
from crowd import Crowd
from many import Many
from postgres_server import PostgresServer
from servers import Nursery, Process

pytest_plugins = ["durable"]

HERE = Path(__file__).resolve().parents[2]
THINGS = [f"robot-{number}" for number in range(12)]
KINDS = ("api", "dispatcher", "scheduler")
#: The first migration that the version before has not got.
SINCE = "0008"
#: More than go into the transaction that creates a job, where all programs know how to go on with it.
MANY = 2500


class Site(NamedTuple):
    """A database without any tables."""

    server: PostgresServer
    folder: Path
    url: str


def git(*words: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(["git", "-C", str(HERE), *words], capture_output=True, check=False)


def before() -> str | None:
    """Return the commit before the one that brought the first newer migration; None if it is not here."""
    if shutil.which("git") is None:
        return None
    named = f"storage/migrations/versions/{SINCE}*"
    came = git("log", "--diff-filter=A", "--format=%H", "--", named).stdout.decode().split()
    if not came:
        return None
    old = f"{came[-1]}^"
    serves = git("show", f"{old}:storage/schema.py").stdout.decode()
    return old if f'HEAD: Final = "{int(SINCE) - 1:04}"' in serves else None


@pytest.fixture
def old_nursery(requirement: Callable[..., None], tmp_path: Path) -> Iterator[Nursery]:
    """The program of before, from the history of this checkout."""
    old = before()
    hint = "git fetch --unshallow, in a clone with history"
    requirement(f"the version before migration {SINCE}", old, hint)
    folder = tmp_path / "old"
    folder.mkdir()
    archive = git("archive", str(old))
    assert archive.returncode == 0, archive.stderr
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)
    nursery = Nursery(code=folder)
    yield nursery
    nursery.close()


@pytest.fixture
async def many(durable_server: PostgresServer, nursery: Nursery, tmp_path: Path) -> AsyncIterator[Many]:
    url = durable_server.url(durable_server.new_database(template=None))
    many = Many(Site(durable_server, tmp_path / "many", url), nursery, THINGS)
    yield many
    await many.close()


async def run(nursery: Nursery, *words: str) -> str:
    """Run a command to its end; return what it has said."""
    process = Process(nursery, list(words), "nothing")
    process.launch()
    assert await process.ended() == 0, "".join(process.log)
    return "".join(process.log)


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_processes_are_replaced_one_by_one_under_load(
    many: Many, nursery: Nursery, old_nursery: Nursery
) -> None:
    await many.open()
    config = many.configured("upgrade", {})
    assert await run(old_nursery, "db", "upgrade", config) != ""
    for kind in KINDS:
        await many.add(kind, nursery=old_nursery)
    old = list(many.parts)
    crowd = Crowd(many, seed=1)
    crowd.begin()
    try:
        await crowd.meanwhile(replaced(many, crowd, old, nursery, config))
        assert "refused" in await run(nursery, "db", "upgrade", "--finish", config)
        await crowd.finish()
    finally:
        await crowd.leave()
    late = Process(old_nursery, ["api", config], "REST API")
    late.launch()
    assert await late.ended() == 1
    assert "of a newer program" in "".join(late.log)
    await many.must_be_well()


async def replaced(many: Many, crowd: Crowd, old: list, nursery: Nursery, config: str) -> None:
    """Bring the schema up to date, start new processes beside the old ones, end those one by one."""
    await crowd.answered(20)
    await run(nursery, "db", "upgrade", config)
    await crowd.answered(20)
    for kind in KINDS:
        await many.add(kind)
    # One that is there in part would be over for the old ones, which are at work still.
    job = await crowd.office.create_for(MANY)
    for part in old:
        await crowd.answered(20)
        await many.drop(part)
    await crowd.answered(20)
    async with asyncio.timeout(60):
        while (found := executions(many.database.url, job)) != (MANY, "IN_PROGRESS"):
            assert found[1] == "IN_PROGRESS", found
            await asyncio.sleep(0.2)


def executions(url: str, job: str) -> tuple[int, str]:
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT (SELECT count(*) FROM executions WHERE job = j.id), status FROM jobs j WHERE job_id = %s",
            [job],
        ).fetchone()
    assert row is not None
    return int(row[0]), str(row[1])
