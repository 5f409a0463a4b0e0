"""A piece of going over what a large job's targets cover, small, and a job that has most of it before it."""

import pytest
from sync_store import SyncStore

from storage import latching


def begin(store: SyncStore) -> None:
    """Create a job for the large group that has gone over a few of its things."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(latching, "AT_ONCE", 1)
        patch.setattr(latching, "CHUNK", 20)
        store.create("latches", "thinggroup/all", "busy", excluded_targets=("thinggroup/half",))


def piece(store: SyncStore, *, at_once: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(latching, "CHUNK", 20)
        store.do(latching.go_on, store.job_key("latches"), at_once=at_once, at=store.now)
