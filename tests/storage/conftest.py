"""A store on a file of its own: its verbs called directly, or the real thing with its threads."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from invariants import check
from sync_store import SyncStore

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
    store = Store.open(tmp_path / "data")
    yield store
    await store.close()
