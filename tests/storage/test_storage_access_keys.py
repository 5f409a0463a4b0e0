"""Access keys: sealed in the database, shown once, void at once."""

import logging
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from domain.errors import InvalidRequest, NotFound, Unavailable
from domain.roles import Role
from storage import access_keys, things
from storage.vault import FILE, Vault, decoy


@pytest.fixture
def vault(store):
    return Vault(store.site.folder)


@pytest.fixture
def issue(store, vault):
    return lambda role=Role.ADMIN, **more: store.do(access_keys.create, vault, role, at=store.now, **more)


@pytest.fixture
def find(store, vault):
    return lambda key_id: store.do(access_keys.find, vault, key_id)


# --- the vault ---


def test_the_vault_gives_back_what_was_sealed_for_the_same_name(tmp_path):
    sealed = Vault(tmp_path).seal(b"a secret", name="k")
    later = Vault(tmp_path)
    assert later.unseal(sealed, name="k") == b"a secret"
    assert later.unseal(sealed, name="other") is None
    assert later.unseal(sealed[:-1] + bytes([sealed[-1] ^ 1]), name="k") is None
    assert later.unseal(b"", name="k") is None
    assert later.unseal(decoy(8), name="k") is None
    assert b"a secret" not in sealed
    assert later.seal(b"a secret", name="k") != sealed


def test_the_key_of_the_vault_is_for_its_owner_alone(tmp_path):
    vault = Vault(tmp_path)
    assert vault.unseal(decoy(8), name="k") is None
    assert not (tmp_path / FILE).exists()
    vault.seal(b"s", name="k")
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    (tmp_path / FILE).chmod(0o644)
    with pytest.raises(Unavailable, match="other users may read"):
        Vault(tmp_path).seal(b"s", name="k")


def test_a_damaged_key_file_is_told_and_not_replaced(tmp_path):
    (tmp_path / FILE).write_bytes(b"short")
    (tmp_path / FILE).chmod(0o600)
    with pytest.raises(Unavailable, match="32 bytes"):
        Vault(tmp_path).seal(b"s", name="k")
    assert (tmp_path / FILE).read_bytes() == b"short"


# --- issued and found ---


def test_an_issued_key_is_found_with_its_secret(store, issue, find):
    issued = issue(Role.VIEWER, description="for the dashboard")
    key = issued.key
    assert (len(key.key_id), len(issued.secret)) == (20, 40)
    assert find(key.key_id) == (key, issued.secret)
    assert (key.role, key.description, key.thing_name) == (Role.VIEWER, "for the dashboard", None)
    assert (key.created_at, key.last_used_at, key.revoked_at) == (store.now, None, None)
    assert issue().secret != issued.secret


def test_of_an_unknown_key_a_secret_is_given_that_nobody_has(issue, find):
    issued = issue()
    unknown = find("TJAKAAAAAAAAAAAAAAAA")
    assert unknown.key is None
    assert len(unknown.secret) == len(issued.secret)
    assert unknown.secret != issued.secret


def test_the_database_alone_has_no_secret(store, issue):
    secret = issue().secret.encode()
    for path in store.site.folder.iterdir():
        assert secret not in path.read_bytes(), path


def test_without_its_vault_a_key_is_unknown_and_the_log_says_why(store, issue, find, vault):
    key_id = issue().key.key_id
    (store.site.folder / FILE).unlink()
    with capture_logs() as logs:
        found = store.do(access_keys.find, Vault(store.site.folder), key_id)
    assert found.key is None
    assert [entry["key"] for entry in logs] == [key_id]


def test_secrets_show_in_no_text_made_of_what_holds_them(issue, find, caplog):
    issued = issue()
    found = find(issued.key.key_id)
    assert found.secret == issued.secret
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("anything").warning("%s %r %s %r", issued, issued, found, found)
    assert caplog.text
    for text in (caplog.text, repr(issued), str(found), f"{found}", repr([found])):
        assert issued.secret not in text


@pytest.mark.parametrize(
    ("role", "more"),
    [
        (Role.DEVICE, {}),
        (Role.ADMIN, {"thing_name": "t"}),
        (Role.DEVICE, {"thing_name": "no/name"}),
        (Role.ADMIN, {"description": "x" * 2029}),
        (Role.ADMIN, {"description": "a\nb"}),
    ],
)
def test_a_key_that_cannot_be_is_refused(issue, role, more):
    with pytest.raises(InvalidRequest):
        issue(role, **more)


def test_a_device_key_is_for_a_thing_that_is_there_and_goes_with_it(store, issue, find):
    with pytest.raises(NotFound, match="lamp"):
        issue(Role.DEVICE, thing_name="lamp")
    store.do(things.create, "lamp", at=store.now)
    key_id = issue(Role.DEVICE, thing_name="lamp").key.key_id
    assert find(key_id).key.thing_name == "lamp"
    store.do(things.delete, "lamp", at=store.now)
    store.do(things.create, "lamp", at=store.now)
    assert find(key_id).key is None
    assert store.do(access_keys.get, key_id).revoked_at == store.now


# --- checked, used, revoked ---


def test_only_the_whole_secret_is_the_secret(store, issue, vault):
    issued = issue()
    for secret, right in (
        (issued.secret, True),
        (issued.secret[:-1], False),
        (issued.secret + "x", False),
        ("", False),
        ("é\udc80", False),
    ):
        found = store.do(access_keys.verify, vault, issued.key.key_id, secret)
        assert (found == issued.key) is right
        assert (found is None) is not right


def test_a_revoked_key_is_unknown_at_once_and_stays_listed(store, issue, find):
    first, second = issue().key, issue().key
    store.do(access_keys.revoke, first.key_id, at=store.now)
    revoked_at = store.now
    assert find(first.key_id).key is None
    assert find(second.key_id).key == second
    assert list(store.do(access_keys.revoked_since, store.now).values()) == [first.key_id]
    store.now += timedelta(seconds=1)
    store.do(access_keys.revoke, first.key_id, at=store.now)
    assert store.do(access_keys.get, first.key_id).revoked_at == revoked_at
    assert store.do(access_keys.revoked_since, store.now) == {}
    with pytest.raises(NotFound, match="TJAKNONE"):
        store.do(access_keys.revoke, "TJAKNONE", at=store.now)


def test_keys_are_listed_newest_first_page_by_page(store, issue):
    ids = [issue().key.key_id for _ in range(5)]
    found, token = [], None
    while True:
        page = store.do(access_keys.page, max_results=2, next_token=token)
        found += [key.key_id for key in page.items]
        token = page.next_token
        if token is None:
            break
    assert found == ids[::-1]


def test_use_is_noted_to_the_minute(store, issue):
    key = issue().key
    assert access_keys.is_news(key, store.now)
    for seconds, noted in ((0, 0), (59, 0), (60, 60), (90, 60)):
        at = store.now + timedelta(seconds=seconds)
        store.do(access_keys.note_use, key.key_id, at=at)
        used = store.do(access_keys.get, key.key_id)
        assert used.last_used_at == store.now + timedelta(seconds=noted)
        assert not access_keys.is_news(used, at)
