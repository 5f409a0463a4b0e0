"""A publisher for tests of the store: it reads, "publishes" by keeping, and can be killed in between."""

from sync_store import SyncStore

from domain.event_kinds import EventKind
from domain.lifecycle import JobEvent, LifecycleEvent
from domain.names import Arns
from storage import event_configurations, lifecycle

ARNS = Arns()
BOTH = (EventKind.JOB, EventKind.JOB_EXECUTION)


def switch(store: SyncStore, *kinds: EventKind, on: bool = True) -> None:
    store.do(event_configurations.put, dict.fromkeys(kinds or BOTH, on), at=store.now)


class Reader:
    """``limit`` is how much one round looks at."""

    def __init__(self, store: SyncStore, limit: int = 3) -> None:
        self.store = store
        self.limit = limit
        self.events: list[LifecycleEvent] = []
        self._looked = 0

    def round(self, *, dies: bool = False, gets_through: int | None = None) -> bool:
        """Publish one batch, or the first few of it; return whether there may be more."""
        due = self.store.do(lifecycle.due, after=self._looked, limit=self.limit)
        items = due.items[:gets_through]
        self.events += [item.event for item in items]
        if dies:
            self._looked = 0
            return True
        whole = len(items) == len(due.items)
        if items:
            self.store.do(lifecycle.settle, items, due.position if whole else items[-1].place[0])
        if whole:
            self._looked = due.position
        return due.more or not whole

    def all(self) -> list[str]:
        """Publish until nothing is left; return what was published since the last call, in short."""
        while self.round():
            pass
        found, self.events = self.events, []
        return [short(event) for event in found]


def short(event: LifecycleEvent) -> str:
    """Return ``job operation`` or ``job/thing#number operation``."""
    if isinstance(event, JobEvent):
        return f"{event.job_id} {event.operation}"
    return f"{event.job_id}/{event.thing_name}#{event.execution_number} {event.operation}"
