"""What the tests of retention share: small partitions, jobs that have ended, and days that pass."""

from datetime import timedelta

from invariants import check
from paced_jobs import report
from sync_store import SyncStore

from storage import history
from storage.history import Kept, Kind

#: Days that are kept, numbers in a partition, partitions that lie ready.
DAYS, SPAN, AHEAD = 30, 10, 2
KEPT = Kept(timedelta(days=DAYS), SPAN, AHEAD)

#: Where a job has rows, by the column that says whose they are.
TABLES = {
    "jobs": "id",
    "executions": "job",
    "execution_events": "job",
    "job_acts": "job",
    "job_targets": "job",
}


def divide(store: SyncStore, span: int = SPAN) -> None:
    """Cut the log of transitions anew, while it is empty, into partitions of so few numbers."""
    if store.site.name == "sqlite":
        return
    old = store.rows(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'execution_events'::regclass"
    )
    store.site.script("; ".join(f"DROP TABLE {name}" for (name,) in old if name != "execution_events_rest"))
    store.site.script(
        "CREATE TABLE execution_events_0 PARTITION OF execution_events "
        f"FOR VALUES FROM (MINVALUE) TO ({span})"
    )


def ended(store: SyncStore, job_id: str, *things: str) -> None:
    """Make a job, have its things do it."""
    store.create(job_id, *things)
    for thing in things:
        report(store, thing, job_id, "IN_PROGRESS")
        report(store, thing, job_id, "SUCCEEDED")


def piece(store: SyncStore, kept: Kept = KEPT) -> Kind | None:
    """Do a piece of what is due; return what it was."""
    due = store.do(history.due, kept, at=store.now)
    if due is None:
        return None
    store.do(history.go_on, due, kept, at=store.now)
    return due.kind


def keep(store: SyncStore, kept: Kept = KEPT) -> list[Kind]:
    """Do all that is due, with a look at what must hold after each piece."""
    done = []
    while (kind := piece(store, kept)) is not None:
        done.append(kind)
        check(store)
    if done:
        store.reopen()
    store.tick()
    return done


def live(store: SyncStore, days: int, kept: Kept = KEPT) -> list[Kind]:
    """Let days pass, and on each do all that is due; return what that was."""
    done = []
    for _ in range(days):
        store.later(days=1)
        done += keep(store, kept)
    return done


def left(store: SyncStore, table: str) -> list[str]:
    """Return of which jobs there are rows."""
    found = store.rows(
        f"SELECT DISTINCT j.job_id FROM {table} x JOIN jobs j ON j.id = x.{TABLES[table]} ORDER BY j.job_id"
    )
    return [job_id for (job_id,) in found]


def begins(store: SyncStore) -> tuple[int, int] | None:
    """Return up to which transition they are gone, and up to when."""
    found = store.rows("SELECT position, at FROM positions WHERE name = 'history'")
    return found[0] if found else None
