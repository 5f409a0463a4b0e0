"""Jobs in waves: how they are written, looked at and steered in tests."""

from typing import Any

from paced_jobs import paced, report
from sync_store import SyncStore

from domain.pacing import Pacing
from storage import steering


def staged(*waves: dict[str, Any], **more: Any) -> Pacing:
    return paced(stagedRolloutConfig={"waves": list(waves), **more})


def out(store: SyncStore, job: str = "j") -> list[str]:
    """Return the things that have had an execution of the job."""
    statement = (
        "SELECT DISTINCT t.name FROM executions e JOIN things t ON t.id = e.thing "
        f"JOIN jobs j ON j.id = e.job WHERE j.job_id = '{job}' ORDER BY t.name"
    )
    return [name for (name,) in store.rows(statement)]


def succeed(store: SyncStore, *names: str, job: str = "j") -> None:
    for name in names:
        report(store, name, job, "SUCCEEDED")
    store.tick()


def fail(store: SyncStore, *names: str, job: str = "j") -> None:
    for name in names:
        report(store, name, job, "FAILED")
    store.tick()


def steer(store: SyncStore, verb: str, job: str = "j", **more: Any) -> Any:
    found = store.do(getattr(steering, verb), job, actor="operator", at=store.now, **more)
    store.tick()
    return found
