"""A store on a file of its own: its verbs called directly, or the real thing with its threads."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from invariants import check
from migrated import lay_in
from sync_store import SyncStore, names

from storage import departures
from storage.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SyncStore]:
    """Every test ends with a look at what must always hold."""
    store = SyncStore(tmp_path / "thingjobs.sqlite3")
    yield store
    check(store)
    store.close()


@pytest.fixture
async def real_store(tmp_path: Path) -> AsyncIterator[Store]:
    store = Store.open(lay_in(tmp_path / "data"))
    yield store
    await store.close()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make pieces small, so that few things are many."""
    monkeypatch.setattr(departures, "CHUNK", 4)
    monkeypatch.setattr(departures, "AT_ONCE", 2)


@pytest.fixture
def followed(store: SyncStore) -> SyncStore:
    """A continuous job that twenty members of a group have, and a group around it that another follows."""
    store.group("around")
    store.group("g", *names("t", 20), parent="around")
    store.create("j", "thinggroup/g", continuous=True)
    return store
