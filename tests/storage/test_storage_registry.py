"""Things, their tokens, and templates: made once, changed by version, deleted with all that hangs on them."""

import pytest
from sync_store import SyncStore

from domain.errors import AlreadyExists, InvalidRequest, NotFound, ThingVersionMismatch
from domain.execution import Status
from domain.timeout_config import TimeoutConfig
from storage import jobs, signals, templates, things, tokens
from storage.signals import Signal
from storage.tables import metadata

# --- things ---


def test_a_thing_is_made_once(store: SyncStore) -> None:
    first = store.do(things.create, "t", attributes={"a": "1"}, time_zone="Europe/Berlin", at=store.now)
    store.later(hours=1)
    again = store.do(things.create, "t", attributes={"a": "1"}, time_zone="Europe/Berlin", at=store.now)
    assert again == first
    assert first.version == 1
    for other in ({}, {"attributes": {"a": "2"}}, {"attributes": {"a": "1"}}):
        with pytest.raises(AlreadyExists):
            store.do(things.create, "t", at=store.now, **other)


def test_attributes_are_replaced_or_laid_over_and_an_empty_value_removes(store: SyncStore) -> None:
    store.do(things.create, "t", attributes={"a": "1", "b": "2"}, at=store.now)
    laid = store.do(things.update, "t", attributes={"b": "", "c": "3"}, merge=True, at=store.now)
    assert (laid.attributes, laid.version) == ({"a": "1", "c": "3"}, 2)
    replaced = store.do(things.update, "t", attributes={"d": "4"}, at=store.now)
    assert (replaced.attributes, replaced.version) == ({"d": "4"}, 3)
    zoned = store.do(things.update, "t", time_zone="UTC", at=store.now)
    assert (zoned.attributes, zoned.time_zone) == ({"d": "4"}, "UTC")


def test_a_thing_changes_only_from_the_version_that_was_seen(store: SyncStore) -> None:
    store.do(things.create, "t", at=store.now)
    store.do(things.update, "t", attributes={"a": "1"}, expected_version=1, at=store.now)
    with pytest.raises(ThingVersionMismatch, match="expected version 1 but found version 2"):
        store.do(things.update, "t", attributes={"a": "2"}, expected_version=1, at=store.now)
    with pytest.raises(ThingVersionMismatch):
        store.do(things.delete, "t", expected_version=1, at=store.now)
    assert store.do(things.get, "t").attributes == {"a": "1"}


@pytest.mark.parametrize(
    ("attributes", "zone"),
    [
        ({"ü": "x"}, None), ({"a": "ü"}, None), ({"a": "x" * 801}, None), ({"a" * 129: "x"}, None),
        ({"": "x"}, None),
        ({"a": 7}, None), ({"a": None}, None), ({f"a{n}": "x" for n in range(51)}, None),
        ({"a": "x\n"}, None),
        (None, "Nowhere/City"), (None, "../etc/passwd"), (None, ""), (None, "europe/berlin"),
    ],
)  # fmt: skip
def test_bad_attributes_and_zones_are_refused(store: SyncStore, attributes, zone) -> None:
    with pytest.raises(InvalidRequest):
        store.do(things.create, "t", attributes=attributes, time_zone=zone, at=store.now)
    store.do(things.create, "u", at=store.now)
    with pytest.raises(InvalidRequest):
        store.do(things.update, "u", attributes=attributes, time_zone=zone, at=store.now)


def test_a_deleted_thing_ends_its_work_completes_jobs_and_frees_its_name(store: SyncStore) -> None:
    store.create("j", "t")
    store.create("k", "t", "u")
    first = store.do(things.get, "t").thing_id
    store.ask("t", "start-next")
    store.do(things.delete, "t", at=store.now)
    assert (store.job("j").status, store.job("k").status) == ("COMPLETED", "IN_PROGRESS")
    assert store.job("k").counts[Status.REMOVED] == 1
    with pytest.raises(NotFound):
        store.do(things.get, "t")
    with pytest.raises(NotFound):
        store.do(things.delete, "t", at=store.now)
    assert store.do(things.create, "t", at=store.now).thing_id != first
    assert store.tell().keys() == {"u"}, "nobody is left to be told"
    store.create("l", "t")
    assert store.execution("l", "t").status == "QUEUED"


# --- tokens ---


def test_a_token_is_good_until_it_is_revoked_and_is_stored_as_a_hash_only(store: SyncStore) -> None:
    store.do(things.create, "t", at=store.now)
    first, second = (store.do(tokens.issue, "t", at=store.now) for _ in range(2))
    assert first != second
    assert [store.do(tokens.verify, token) for token in (first, second)] == ["t", "t"]
    secret = first[-43:].encode()
    rows = [row for table in metadata.tables for row in store.rows(f'SELECT * FROM "{table}"')]
    assert rows
    assert secret.decode() not in repr(rows)
    store.later(seconds=5)
    assert store.do(tokens.revoke, "t", at=store.now) == 2
    assert [store.do(tokens.verify, token) for token in (first, second)] == [None, None]
    assert sorted(store.do(tokens.revoked_since, store.now).values()) == ["t", "t"]
    store.later(seconds=1)
    assert store.do(tokens.revoked_since, store.now) == {}
    assert store.do(tokens.revoke, "t", at=store.now) == 0


def test_a_revocation_wakes_whoever_drops_connections(store: SyncStore) -> None:
    store.do(things.create, "t", at=store.now)
    store.do(tokens.issue, "t", at=store.now)

    def revoke(connection) -> frozenset[Signal]:
        signals.take(connection)
        things.delete(connection, "t", at=store.now)
        return signals.take(connection)

    assert Signal.REVOKED in store.do(revoke)


def test_a_deleted_things_token_opens_nothing_not_even_for_its_namesake(store: SyncStore) -> None:
    store.do(things.create, "t", at=store.now)
    token = store.do(tokens.issue, "t", at=store.now)
    store.do(things.delete, "t", at=store.now)
    store.do(things.create, "t", at=store.now)
    assert store.do(tokens.verify, token) is None
    with pytest.raises(NotFound):
        store.do(tokens.issue, "nobody", at=store.now)


def test_a_token_that_differs_in_any_character_opens_nothing(store: SyncStore) -> None:
    store.do(things.create, "t", at=store.now)
    token = store.do(tokens.issue, "t", at=store.now)
    for place, letter in enumerate(token):
        other = "a" if letter != "a" else "b"
        assert store.do(tokens.verify, token[:place] + other + token[place + 1 :]) is None
    for bad in (
        "",
        "tj__",
        token[:-1],
        f"{token}x",
        f"{token}\n",
        f" {token}",
        token.upper(),
        "\0",
        "é",
        "\ud800",
    ):
        assert store.do(tokens.verify, bad) is None


# --- templates ---


def minutes(number: int) -> TimeoutConfig:
    return TimeoutConfig(in_progress_timeout_in_minutes=number)


def template(store: SyncStore, **more):
    values = {"template_id": "x", "document": '{ "a": 1 }', "description": "d", **more}
    return store.do(templates.create, at=store.now, **values)


def test_a_template_is_kept_to_the_letter_and_never_replaced(store: SyncStore) -> None:
    made = template(store, timeout_config=minutes(5))
    assert made == store.do(templates.get, "x")
    assert (made.document, made.timeout_config) == ('{ "a": 1 }', minutes(5))
    with pytest.raises(AlreadyExists):
        template(store)
    assert len(template(store, template_id=None).template_id) == 36
    for bad in (
        {"document": "[]"},
        {"description": "a\0"},
        {"template_id": "a:b"},
    ):
        with pytest.raises(InvalidRequest):
            template(store, **{"template_id": "y", **bad})


def test_a_job_takes_from_its_template_what_it_does_not_say_and_keeps_it(store: SyncStore) -> None:
    template(store, timeout_config=minutes(5))
    plain = store.create("j", "t", document=None, template_id="x")
    assert (plain.description, plain.timeout_config) == ("d", minutes(5))
    own = store.create(
        "k", "t", document='{"b":2}', template_id="x", description="e",
        timeout_config=minutes(7),
    )  # fmt: skip
    assert (own.description, own.timeout_config) == ("e", minutes(7))
    store.do(templates.delete, "x")
    assert [store.do(jobs.document, job) for job in ("j", "k")] == ['{ "a": 1 }', '{"b":2}']
    with pytest.raises(NotFound):
        store.do(templates.delete, "x")
    with pytest.raises(NotFound):
        store.create("l", "t", document=None, template_id="x")
    with pytest.raises(InvalidRequest, match="document is required"):
        store.create("l", "t", document=None)
