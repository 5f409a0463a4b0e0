"""Certificates in the store: whom they let in, what ends that, and that looking one up reads no others."""

from datetime import timedelta
from typing import Any

import pytest
from sites import ON_SQLITE
from sqlalchemy import event
from sync_store import SyncStore

from domain.certificates import (
    LAST_DAY,
    CertificateMode,
    CertificateStatus,
    Facts,
    PrincipalType,
    thing_for,
)
from domain.errors import BadCertificate, NotFound, WrongCertificateState
from storage import certificates, policies, principals, things
from storage.signals import Signal, take

POLICY = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iot:Connect","Resource":"*"}}'


def facts(store: SyncStore, number: int, **changed: Any) -> Facts:
    said = {
        "certificate_id": f"{number:064x}",
        "pem": f"PEM {number}",
        "common_name": "",
        "not_before": store.now,
        "not_after": LAST_DAY,
    }
    return Facts(**{**said, **changed})


def issue(store: SyncStore, number: int, *names: str, **options: Any) -> str:
    """Register a certificate, active unless told otherwise, for these things."""
    asked = {"status": CertificateStatus.ACTIVE, **options}
    made = store.do(certificates.register, facts(store, number), at=store.now, **asked)
    for name in names:
        store.do(things.create, name, at=store.now)
        store.do(principals.attach, made.certificate_id, name, PrincipalType.NON_EXCLUSIVE_THING)
    return made.certificate_id


def let_in(store: SyncStore, certificate_id: str) -> tuple[str, ...]:
    return store.do(certificates.things_let_in, certificate_id)


def ended(store: SyncStore) -> dict[str, tuple[str, ...]]:
    """Return whose rights have ended by now, and what is left to them."""
    found = store.do(certificates.rights_ended_since, store.now)
    return {name: left for name, (_, left) in found.items()}


def test_an_active_certificate_lets_in_its_things_by_name(store):
    one = issue(store, 1, "b", "a")
    assert let_in(store, one) == ("a", "b")
    assert let_in(store, "0" * 64) == ()
    assert ended(store) == {}


@pytest.mark.parametrize("status", [CertificateStatus.INACTIVE, CertificateStatus.REVOKED])
def test_one_that_is_switched_off_has_lost_everything(store, status):
    one = issue(store, 1, "a", "b")
    store.do(certificates.set_status, one, status, at=store.now)
    assert ended(store) == {one: ()}


def test_switching_it_to_what_it_is_changes_nothing(store):
    one = issue(store, 1, "a")
    before = store.do(certificates.get, one)
    store.later(minutes=1)
    store.do(certificates.set_status, one, CertificateStatus.ACTIVE, at=store.now)
    assert store.do(certificates.get, one) == before
    assert ended(store) == {}


def test_what_is_switched_off_can_be_switched_on_and_what_is_revoked_cannot(store):
    one = issue(store, 1, "a", status=CertificateStatus.INACTIVE)
    assert let_in(store, one) == ()
    store.do(certificates.set_status, one, CertificateStatus.ACTIVE, at=store.now)
    assert let_in(store, one) == ("a",)
    store.do(certificates.set_status, one, CertificateStatus.REVOKED, at=store.now)
    with pytest.raises(WrongCertificateState):
        store.do(certificates.set_status, one, CertificateStatus.ACTIVE, at=store.now)


def test_a_thing_that_loses_it_leaves_the_others(store):
    one = issue(store, 1, "a", "b", "c")
    store.do(principals.detach, one, "a", at=store.now)
    assert ended(store) == {one: ("b", "c")}
    store.do(things.delete, "b", at=store.now)
    assert ended(store) == {one: ("c",)}
    store.do(things.create, "b", at=store.now)
    assert let_in(store, one) == ("c",), "a new thing of the old name"


def test_revoking_spares_what_is_for_others_too(store):
    own, shared = issue(store, 1, "a"), issue(store, 2, "a", "b")
    assert store.do(principals.revoke, "a", at=store.now) == 2
    assert ended(store) == {own: (), shared: ("b",)}
    assert store.do(certificates.get, own).status is CertificateStatus.REVOKED
    assert store.do(certificates.get, shared).status is CertificateStatus.ACTIVE
    assert store.do(principals.revoke, "a", at=store.now) == 0


def test_what_ended_before_the_look_is_not_told(store):
    one = issue(store, 1, "a")
    store.do(principals.detach, one, "a", at=store.now)
    store.later(seconds=1)
    assert ended(store) == {}


def test_one_that_has_ended_is_not_registered(store):
    past = facts(store, 1, not_after=store.now - timedelta(seconds=1))
    with pytest.raises(BadCertificate, match="ended at"):
        store.do(certificates.register, past, status=CertificateStatus.ACTIVE, at=store.now)
    with pytest.raises(NotFound):
        store.do(certificates.get, past.certificate_id)


def test_only_what_others_signed_is_to_be_trusted_by_itself(store):
    issue(store, 1)
    issue(store, 2, mode=CertificateMode.SNI_ONLY)
    issue(store, 3, mode=CertificateMode.SNI_ONLY)
    [(first, _), second] = store.do(certificates.trusted, after=0)
    assert store.do(certificates.trusted, after=first) == [second]
    assert second[1] == "PEM 3"


async def test_who_must_know_is_told(real_store):
    heard: list[Signal] = []
    for signal in Signal:
        real_store.listen(signal, lambda signal=signal: heard.append(signal))

    def verbs(connection):
        store = type("Now", (), {"now": LAST_DAY - timedelta(days=1)})
        made = facts(store, 1)
        active = CertificateStatus.ACTIVE
        certificates.register(connection, made, status=active, mode=CertificateMode.SNI_ONLY, at=store.now)
        trusted = take(connection)
        certificates.set_status(connection, made.certificate_id, CertificateStatus.INACTIVE, at=store.now)
        return trusted, take(connection)

    trusted, revoked = await real_store.write(verbs)
    assert (trusted, revoked) == ({Signal.TRUSTED}, {Signal.REVOKED})


LOOKS = {
    "a device knocks": lambda s: s.do(certificates.things_let_in, f"{7:064x}"),
    "the watch goes round": lambda s: s.do(certificates.rights_ended_since, s.now),
    "trust is brought up to date": lambda s: s.do(certificates.trusted, after=40),
    "one is described": lambda s: s.do(certificates.get, f"{7:064x}"),
    "the newest are listed": lambda s: s.do(
        certificates.page, max_results=5, marker=s.do(certificates.page, max_results=5).next_token
    ),
    "a thing's are listed": lambda s: s.do(principals.of_thing, "t7", max_results=1),
    "its things are listed": lambda s: s.do(principals.things_of, f"{7:064x}", max_results=1),
    "a thing is deleted": lambda s: s.do(things.delete, "t9", at=s.now),
    "policies of one are listed": lambda s: s.do(policies.of_target, f"cert/{7:064x}", max_results=1),
    "one gets a policy": lambda s: s.do(policies.attach, "p", f"cert/{8:064x}", at=s.now),
}
OURS = ("certificates", "thing_principals", "policy_attachments", "policies", "policy_versions")


@pytest.fixture(scope="module")
def crowd(make_site, tmp_path_factory):
    """Give a store with many certificates, things and attachments."""
    store = SyncStore(make_site(tmp_path_factory.mktemp("crowd")))
    store.do(policies.create, "p", POLICY, at=store.now)
    for number in range(50):
        issue(store, number, f"t{number}")
        store.do(policies.attach, "p", f"cert/{number:064x}", at=store.now)
    store.do(principals.detach, f"{3:064x}", "t3", at=store.now)
    yield store
    store.close()


@ON_SQLITE
@pytest.mark.parametrize("look", LOOKS)
def test_no_look_reads_what_it_does_not_want(crowd, look):
    said: list[tuple[str, Any]] = []

    def note(_connection, _cursor, statement, parameters, *_more):
        if any(table in statement for table in OURS):
            said.append((statement, parameters))

    event.listen(crowd.writer, "before_cursor_execute", note)
    LOOKS[look](crowd)
    event.remove(crowd.writer, "before_cursor_execute", note)
    assert said
    with crowd.writer.connect() as connection:
        for statement, parameters in said:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            # Anything but the one row that a statement brings along itself.
            scans = {row.detail for row in plan if row.detail.startswith("SCAN")}
            scans -= {"SCAN CONSTANT ROW", "SCAN t"} if "(SELECT ? AS target)" in statement else set()
            assert not scans or "ORDER BY id DESC LIMIT" in statement, (statement, scans)


def test_names_are_told_apart_where_one_begins_like_another(store):
    one = issue(store, 1, "a", "a:b")
    assert thing_for(let_in(store, one), "a:b") == "a:b"
