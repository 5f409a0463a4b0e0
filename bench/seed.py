"""What is there before a measurement begins: things, tokens, groups, executions, by the store's own verbs."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection

from agent.fleet import thing_names
from domain.job import NewJob, TargetSelection
from domain.registry import MAX_MEMBERS_A_CALL
from storage import groups, jobs, rollouts, targets, tokens
from storage.policy import Policy
from storage.store import Store

GROUP = "all"


async def seed(data: Path, count: int, *, with_tokens: bool = False, with_jobs: int = 0) -> dict[str, str]:
    """Register ``count`` things in one group; return their tokens if asked for."""
    store = Store.open(data)
    try:
        names = await register(store, count)
        issued = await store.write(issue, names) if with_tokens else {}
        for number in range(with_jobs):
            await roll_out(store, job_id(number))
    finally:
        await store.close()
    return issued


async def register(store: Store, count: int) -> list[str]:
    """Register ``count`` things in one group; return their names."""
    names = thing_names("t", count)
    await store.write(groups.create, GROUP, at=now())
    for first in range(0, count, MAX_MEMBERS_A_CALL):
        chunk = names[first : first + MAX_MEMBERS_A_CALL]
        await store.write(targets.register, chunk, at=now())
        await store.write(groups.add, GROUP, chunk, policy=Policy(), at=now())
    return names


def job_id(number: int) -> str:
    return f"job-{number:03}"


async def roll_out(store: Store, name: str) -> None:
    new = NewJob(
        targets=(f"thinggroup/{GROUP}",),
        target_selection=TargetSelection.SNAPSHOT,
        job_id=name,
        document='{"operation":"echo"}',
    )
    await store.write(jobs.create, new, policy=Policy(), at=now())
    key = await store.read(jobs.key_of, name)
    while await store.write(rollouts.release, key, at=now()):
        pass


def issue(connection: Connection, names: Sequence[str]) -> dict[str, str]:
    return {name: tokens.issue(connection, name, at=now()) for name in names}


def now() -> datetime:
    return datetime.now(UTC)
