"""A virtual clock, a store, and things that begin what they see, need their time, and end as told."""

import os
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta

from sync_store import SyncStore

from storage import agenda

#: How many times as many examples as in `make test`; `make soak` sets it.
LONGER = int(os.environ.get("SOAK", "1"))
#: What a thing will do with an execution: how long it takes, and how it ends.
Fate = Callable[[str, str, int], tuple[timedelta, str]]


class VirtualFleet:
    """Runs the clock from one moment at which something happens to the next."""

    def __init__(self, store: SyncStore, fate: Fate) -> None:
        self.store = store
        self.fate = fate
        #: What runs until when, and how it then ends.
        self.running: dict[tuple[str, str], tuple[datetime, str]] = {}
        self.after: Callable[[], None] = lambda: None

    def run(self, until: datetime) -> None:
        """Let everything happen up to a moment."""
        while True:
            self._settle()
            following = self._next()
            if following is None or following > until:
                break
            assert following >= self.store.now
            self.store.now = following
        self.store.now = until

    def _settle(self) -> None:
        """Let devices end what is over, the clock act, and devices begin, until nobody has anything to do."""
        while self._end() | (self.store.tick() > 0) | self._begin():
            self.after()

    def _end(self) -> bool:
        over = [key for key, (ends_at, _) in self.running.items() if ends_at <= self.store.now]
        for thing, job in over:
            _, status = self.running.pop((thing, job))
            self.store.ask(thing, f"{job}/update", {"status": status})
        return bool(over)

    def _begin(self) -> bool:
        """Each thing begins whatever it may see; what is hidden from it it cannot begin."""
        queued = self.store.rows(
            "SELECT name FROM things "
            "WHERE id IN (SELECT thing FROM executions WHERE status = 'QUEUED') ORDER BY id"
        )
        begun = False
        for (thing,) in queued:
            for entry in self.store.ask(thing, "get")[1]["queuedJobs"]:
                job, number = entry["jobId"], entry["executionNumber"]
                if self.store.ask(thing, f"{job}/update", {"status": "IN_PROGRESS"})[0] != "accepted":
                    continue
                takes, status = self.fate(thing, job, number)
                self.running[thing, job] = (self.store.now + takes, status)
                begun = True
        return begun

    def _next(self) -> datetime | None:
        moments = [ends_at for ends_at, _ in self.running.values()]
        look_at = self.store.do(agenda.next_look)
        return min([*moments, *([] if look_at is None else [look_at])], default=None)


def releases(store: SyncStore, job: str) -> dict[datetime, Counter[int]]:
    """Return how many executions of a job went out when, by wave."""
    found: dict[datetime, Counter[int]] = defaultdict(Counter)
    for at, wave in store.rows(
        "SELECT e.queued_at, e.wave FROM executions e JOIN jobs j ON j.id = e.job "
        f"WHERE j.job_id = '{job}' ORDER BY e.queued_at"
    ):
        found[datetime.fromtimestamp(at / 1000, tz=store.now.tzinfo)][wave] += 1
    return dict(found)
