"""Going on with what departs, one killed process after the other."""

from collections.abc import Iterator

from invariants import check
from sync_store import SyncStore

from storage import departures


def pieces(store: SyncStore) -> Iterator[int]:
    """Go on with what departs, each piece in a process that starts anew; say how many each has ended."""
    while due := store.do(departures.due):
        for departure in due:
            store.reopen()
            before = ended(store)
            store.do(departures.go_on, departure, at=store.now)
            check(store)
            yield ended(store) - before


def ended(store: SyncStore) -> int:
    return store.rows("SELECT count(*) FROM executions WHERE status = 'REMOVED'")[0][0]
