"""Who a device is, by token or by word, and that a revoked token ends its connection."""

from pathlib import Path

import pytest
from engine import START, Engine

from broker.credentials import DeviceCredentials
from broker.identity import Credentials, Identity
from broker.revocation import Revocation
from storage import things, tokens
from storage.store import Store


@pytest.fixture
async def token(store: Store) -> str:
    await store.write(things.create, "a", at=START)
    return await store.write(tokens.issue, "a", at=START)


async def test_a_token_tells_its_thing(store: Store, token: str) -> None:
    check = DeviceCredentials(store)
    assert await check(Credentials("a", "a", token.encode())) == Identity("a")
    assert await check(Credentials("a", None, token.encode())) == Identity("a")


async def test_what_an_sdk_says_of_itself_is_no_part_of_the_name(store: Store, token: str) -> None:
    check, said = DeviceCredentials(store, insecure=True), "?SDK=Python&Version=1.6.2"
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
    check = DeviceCredentials(store, insecure=insecure)
    changed = None if wrong is None else (token[:-1] + ("A" if token[-1] != "A" else "B")).encode()
    assert await check(Credentials("a", "b", token.encode())) is None
    if wrong is None and insecure:
        assert await check(Credentials("a", None, None)) == Identity("a")
        assert await check(Credentials("no name", None, None)) is None
        return
    assert await check(Credentials("a", "a", wrong)) is None
    if changed is not None:
        assert await check(Credentials("a", "a", changed)) is None


async def test_only_the_hash_of_a_token_is_stored(store: Store, token: str, tmp_path: Path) -> None:
    await store.close()
    secret = token.rsplit("_", 1)[1].encode()
    files = [file for file in (tmp_path / "data").iterdir() if file.is_file()]
    assert files
    assert not any(secret in file.read_bytes() for file in files)


async def test_a_revoked_or_deleted_thing_is_dropped_once(engine: Engine, token: str) -> None:
    check = DeviceCredentials(engine.store)
    watch = Revocation(engine.store, engine.link, clock=lambda: engine.now)
    assert await watch.run_once() == 0
    engine.later(seconds=1)
    await engine.store.write(tokens.revoke, "a", at=engine.now)
    engine.later(seconds=1)
    assert await watch.run_once() == 1
    assert await watch.run_once() == 0
    assert engine.link.dropped == ["a"]
    assert await check(Credentials("a", "a", token.encode())) is None
