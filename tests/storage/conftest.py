"""A store on a database of its own, SQLite's and PostgreSQL's: its verbs directly, or the real thing."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from invariants import check
from sites import MakeSite, Site, SqliteFile
from sync_store import SyncStore, names

from storage import departures
from storage.store import Store


@pytest.fixture
def site(make_site: MakeSite, tmp_path: Path) -> Site:
    return make_site(tmp_path)


@pytest.fixture
def store(site: Site) -> Iterator[SyncStore]:
    """Every test ends with a look at what must always hold."""
    store = SyncStore(site)
    yield store
    check(store)
    store.close()


@pytest.fixture
def real_site(make_site: MakeSite, tmp_path: Path) -> Iterator[Site]:
    site = make_site(tmp_path / "data")
    yield site
    site.drop()


@pytest.fixture
async def real_store(real_site: Site) -> AsyncIterator[Store]:
    store = real_site.store()
    yield store
    await store.close()


@pytest.fixture
async def file_store(tmp_path: Path) -> AsyncIterator[Store]:
    """The real thing on SQLite, for what is about its file."""
    store = SqliteFile(tmp_path / "data").store()
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
