"""Which kinds of event are published (contract 4.4)."""

from datetime import timedelta

from sync_store import START, SyncStore

from domain.event_kinds import EventKind
from storage import event_configurations


def test_nothing_is_published_before_anybody_says_so(store: SyncStore) -> None:
    assert store.do(event_configurations.enabled) == frozenset()
    found = store.do(event_configurations.get)
    assert found.enabled == dict.fromkeys(EventKind, False)
    assert (found.created_at, found.last_modified_at) == (None, None)


def test_a_kind_is_switched_without_the_others(store: SyncStore) -> None:
    store.do(event_configurations.put, {EventKind.JOB: True, EventKind.JOB_EXECUTION: True}, at=START)
    store.do(event_configurations.put, {EventKind.JOB: False}, at=START + timedelta(minutes=1))
    assert store.do(event_configurations.enabled) == {"JOB_EXECUTION"}
    found = store.do(event_configurations.get)
    assert [kind for kind, on in found.enabled.items() if on] == [EventKind.JOB_EXECUTION]
    assert (found.created_at, found.last_modified_at) == (START, START + timedelta(minutes=1))


def test_no_change_changes_nothing(store: SyncStore) -> None:
    store.do(event_configurations.put, {}, at=START)
    assert store.do(event_configurations.get).created_at is None
