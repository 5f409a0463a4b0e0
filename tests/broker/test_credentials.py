"""Who connects, by token, by word or by access key, and that what is revoked ends its connection."""

from pathlib import Path

import pytest
from engine import START, Engine
from sites import ON_SQLITE

from broker.credentials import DeviceCredentials
from broker.embedded.packets import Connect
from broker.identity import Credentials, Identity
from broker.revocation import Revocation
from domain.permissions import monitor
from domain.roles import Role
from storage import access_keys, things, tokens
from storage.store import Store


@pytest.fixture
async def token(store: Store) -> str:
    await store.write(things.create, "a", at=START)
    return await store.write(tokens.issue, "a", at=START)


async def test_a_token_tells_its_thing(store: Store, token: str) -> None:
    check = DeviceCredentials(store, clock=lambda: START)
    assert await check(Credentials("a", "a", token.encode())) == Identity("a")
    assert await check(Credentials("a", None, token.encode())) == Identity("a")


async def test_what_an_sdk_says_of_itself_is_no_part_of_the_name(store: Store, token: str) -> None:
    check, said = DeviceCredentials(store, clock=lambda: START, insecure=True), "?SDK=Python&Version=1.6.2"
    for password in (token.encode(), None):
        assert await check(Credentials("a", said, password)) == Identity("a")
        assert await check(Credentials("a", f"a{said}", password)) == Identity("a")
    assert await check(Credentials("a", f"b{said}", token.encode())) is None
    assert await check(Credentials("a", f"b{said}", None)) == Identity("b")


@pytest.mark.parametrize("insecure", [False, True])
@pytest.mark.parametrize("wrong", [b"", b"x", b"\xff", b"tj_000000000000_" + b"A" * 43, b"tj_x", None])
async def test_anything_else_is_refused(
    store: Store, token: str, wrong: bytes | None, *, insecure: bool
) -> None:
    check = DeviceCredentials(store, clock=lambda: START, insecure=insecure)
    changed = None if wrong is None else (token[:-1] + ("A" if token[-1] != "A" else "B")).encode()
    assert await check(Credentials("a", "b", token.encode())) is None
    if wrong is None and insecure:
        assert await check(Credentials("a", None, None)) == Identity("a")
        assert await check(Credentials("no name", None, None)) is None
        return
    assert await check(Credentials("a", "a", wrong)) is None
    if changed is not None:
        assert await check(Credentials("a", "a", changed)) is None


@ON_SQLITE
async def test_only_the_hash_of_a_token_is_stored(store: Store, token: str, tmp_path: Path) -> None:
    await store.close()
    secret = token.rsplit("_", 1)[1].encode()
    files = [file for file in (tmp_path / "data").iterdir() if file.is_file()]
    assert files
    assert not any(secret in file.read_bytes() for file in files)


@pytest.mark.parametrize("role", [Role.ADMIN, Role.OPERATOR, Role.VIEWER])
async def test_an_access_key_makes_a_monitor_and_is_noted_as_used(store: Store, role: Role) -> None:
    check = DeviceCredentials(store, clock=lambda: START)
    issued = await store.write(access_keys.create, store.vault, role, at=START)
    key_id, secret = issued.key.key_id, issued.secret.encode()
    wanted = Identity(monitor(key_id), any_client_id=True)
    assert await check(Credentials("any", key_id, secret)) == wanted
    assert await check(Credentials("any", f"{key_id}?SDK=x", secret)) == wanted
    assert (await store.read(access_keys.get, key_id)).last_used_at == START
    for name, password in (
        (key_id, secret[:-1]),
        (key_id, b""),
        (key_id, b"\xff"),
        (key_id, None),
        ("TJAKAAAAAAAAAAAAAAAA", secret),
        (None, secret),
        ("any", secret),
    ):
        assert await check(Credentials("any", name, password)) is None
    await store.write(access_keys.revoke, key_id, at=START)
    assert await check(Credentials("any", key_id, secret)) is None


async def test_a_device_key_signs_and_opens_no_broker(store: Store, token: str) -> None:
    check = DeviceCredentials(store, clock=lambda: START)
    issued = await store.write(access_keys.create, store.vault, Role.DEVICE, thing_name="a", at=START)
    for name in (issued.key.key_id, "a"):
        assert await check(Credentials("a", name, issued.secret.encode())) is None


async def test_a_thing_that_is_called_like_a_key_comes_in_by_its_token(store: Store) -> None:
    name = "TJAKAAAAAAAAAAAAAAAA"
    await store.write(things.create, name, at=START)
    token = await store.write(tokens.issue, name, at=START)
    check = DeviceCredentials(store, clock=lambda: START)
    assert await check(Credentials(name, name, token.encode())) == Identity(name)


def test_a_password_shows_in_no_text() -> None:
    for shown in (
        Credentials("a", "b", b"planted"),
        Connect("a", "b", b"planted", clean=True, keep_alive=1, will=None),
    ):
        assert "planted" not in f"{shown} {shown!r} {[shown]}"


async def test_who_loses_an_access_key_is_dropped_once(engine: Engine) -> None:
    issued = await engine.store.write(access_keys.create, engine.store.vault, Role.VIEWER, at=engine.now)
    watch = Revocation(engine.store, engine.link, clock=lambda: engine.now)
    assert await watch.run_once() == 0
    engine.later(seconds=1)
    await engine.store.write(access_keys.revoke, issued.key.key_id, at=engine.now)
    engine.later(seconds=1)
    assert await watch.run_once() == 1
    assert await watch.run_once() == 0
    assert engine.link.dropped == [monitor(issued.key.key_id)]


async def test_a_revoked_or_deleted_thing_is_dropped_once(engine: Engine, token: str) -> None:
    check = DeviceCredentials(engine.store, clock=lambda: engine.now)
    watch = Revocation(engine.store, engine.link, clock=lambda: engine.now)
    assert await watch.run_once() == 0
    engine.later(seconds=1)
    await engine.store.write(tokens.revoke, "a", at=engine.now)
    engine.later(seconds=1)
    assert await watch.run_once() == 1
    assert await watch.run_once() == 0
    assert engine.link.dropped == ["a"]
    assert await check(Credentials("a", "a", token.encode())) is None
