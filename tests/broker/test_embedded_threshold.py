"""Before a TLS handshake is through: what strangers cost there, and how they end."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from certified import Papers, dial, knock, papers
from doors import RecordingDoor
from raw import CONNACK, Raw, connect
from structlog.testing import capture_logs

from broker.credentials import DeviceCredentials
from broker.embedded.limits import Limits
from broker.embedded.link import EmbeddedLink
from broker.embedded.listener import Secure
from broker.trust import Trust
from domain.errors import Unavailable
from domain.topics import Topics
from storage import things
from storage.authority import Authority
from storage.store import Store

NAMES = ("localhost", "127.0.0.1")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.open(tmp_path / "data", at=datetime.now(UTC))


@pytest.fixture
def trust(store: Store, authority: Authority) -> Trust:
    certificate, key = authority.for_server(NAMES, at=datetime.now(UTC))
    return Trust(store, certificate=certificate, key=key, authority_pem=authority.pem)


@pytest.fixture
async def device(store: Store, authority: Authority, tmp_path: Path) -> Papers:
    await store.write(things.create, "t1", at=datetime.now(UTC))
    return await papers(store, tmp_path / "data", tmp_path / "papers", "t1")


MakeLink = Callable[..., Awaitable[EmbeddedLink]]


@pytest.fixture
async def make(store: Store, trust: Trust) -> AsyncIterator[MakeLink]:
    """Give ``await make(**limits)``: a broker that listens for certificates."""
    async with AsyncExitStack() as stack:

        async def make(context: Any = trust.context, **limits: Any) -> EmbeddedLink:
            link = EmbeddedLink(
                host="127.0.0.1",
                port=0,
                topics=Topics(),
                authenticate=DeviceCredentials(store, clock=lambda: datetime.now(UTC)),
                secure=Secure("127.0.0.1", 0, context),
                limits=Limits(**limits),
            )
            stack.push_async_callback(link.close)
            await link.start(RecordingDoor())
            return link

        yield make


async def gone(link: EmbeddedLink, *, left: int = 0) -> bool:
    """Return when the broker counts no more connections than these."""
    async with asyncio.timeout(10):
        while link.connection_count > left:  # noqa: ASYNC110 - polled from outside
            await asyncio.sleep(0.005)
    return True


@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01"], ids=["nothing", "the beginning of a handshake"])
async def test_who_does_not_finish_the_handshake_is_gone_at_the_deadline(make: MakeLink, said: bytes):
    link = await make(connect_deadline=0.1)
    stranger = await Raw.open(link.secure_port)
    stranger.send(said)
    assert await stranger.closed()
    assert await gone(link)
    await stranger.close()


async def test_after_the_handshake_the_time_for_a_connect_runs(make: MakeLink, device: Papers):
    link = await make(connect_deadline=0.3)
    stranger = await dial(link.secure_port, device.context())
    assert await stranger.closed()
    assert await gone(link)
    await stranger.close()


async def test_who_vanishes_during_the_handshake_leaves_nothing(make: MakeLink):
    link = await make()
    stranger = await Raw.open(link.secure_port)
    stranger.send(b"\x16\x03\x01")
    async with asyncio.timeout(10):
        while not link.connection_count:  # noqa: ASYNC110 - polled from outside
            await asyncio.sleep(0.005)
    await stranger.close()
    assert await gone(link)


async def test_in_a_full_house_the_silent_make_room_before_they_have_shown_anything(
    make: MakeLink, device: Papers
):
    link = await make(connections=2)
    silent = [await Raw.open(link.secure_port) for _ in range(2)]
    client, code = await knock(link.secure_port, device)
    assert code == 0
    assert await silent[0].closed()
    assert link.connection_count == 2
    for each in (*silent, client):
        await each.close()


async def test_a_broker_that_stops_waits_for_no_handshake(make: MakeLink):
    link = await make(flush=0.2)
    silent = [await Raw.open(link.secure_port) for _ in range(3)]
    async with asyncio.timeout(10):
        while link.connection_count < 3:  # noqa: ASYNC110 - polled from outside
            await asyncio.sleep(0.005)
        await link.close()
    assert link.connection_count == 0
    for each in silent:
        await each.close()


async def test_a_device_over_tls_hears_that_the_broker_stops(make: MakeLink, device: Papers):
    link = await make()
    client, _ = await knock(link.secure_port, device)
    await link.close()
    assert await client.closed()
    await client.close()


async def test_a_store_that_cannot_serve_ends_the_handshake_and_the_next_one_succeeds(
    make: MakeLink, trust: Trust, device: Papers
):
    troubles = [Unavailable("the disk is full")]

    async def context() -> ssl.SSLContext:
        if troubles:
            raise troubles.pop()
        return await trust.context()

    link = await make(context)
    first = await Raw.open(link.secure_port)
    assert await first.closed()
    client, code = await knock(link.secure_port, device)
    assert code == 0
    await first.close()
    await client.close()


async def test_a_large_answer_goes_through_a_slow_reader(make: MakeLink, device: Papers):
    """What TLS has taken in but not sent must count as not taken."""
    link = await make()
    client, _ = await knock(link.secure_port, device)
    (connection,) = link._connections
    client.reader._transport.pause_reading()
    payload, sent = b"x" * 100_000, 0
    while not connection.clogged and sent < 20_000_000:
        connection.write(payload)
        sent += len(payload)
        await asyncio.sleep(0)
    assert connection.clogged
    client.reader._transport.resume_reading()
    async with asyncio.timeout(10):
        assert len(await client.reader.readexactly(sent)) == sent
        while connection.clogged:  # noqa: ASYNC110 - polled from outside
            await asyncio.sleep(0.005)
    await client.close()


async def served(port: int, device: Papers) -> bytes:
    """Return the certificate that the server shows."""
    client = await dial(port, device.context())
    shown = client.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    client.send(connect("any"))
    assert (await client.expect(CONNACK)).body[1] == 0
    await client.close()
    return bytes(shown)


async def test_a_renewed_certificate_is_shown_without_a_restart_and_a_spoilt_one_is_not(
    make: MakeLink, authority: Authority, device: Papers
):
    link = await make()
    _, key = authority.for_server(NAMES, at=datetime.now(UTC))
    before, kept = await served(link.secure_port, device), key.read_bytes()
    with capture_logs() as said:
        key.write_text("not a key")
        assert await served(link.secure_port, device) == before
    assert [each["event"] for each in said if each["log_level"] == "warning"] == [
        "goes on with the certificate it had"
    ]
    key.write_bytes(kept)
    authority.for_server((*NAMES, "new.example"), at=datetime.now(UTC) + timedelta(seconds=1))
    assert await served(link.secure_port, device) != before


def test_files_that_do_not_fit_are_refused_at_the_start(store: Store, authority: Authority, tmp_path: Path):
    certificate, key = authority.for_server(NAMES, at=datetime.now(UTC))
    foreign = Authority.open(tmp_path / "other", at=datetime.now(UTC)).for_server(NAMES, at=datetime.now(UTC))
    for pair in ((certificate, foreign[1]), (tmp_path / "none", key)):
        with pytest.raises(Unavailable, match="cannot use "):
            Trust(store, certificate=pair[0], key=pair[1], authority_pem=authority.pem)


async def test_a_connection_over_tls_sets_little_aside(make: MakeLink, device: Papers):
    """Held against asyncio itself, whose way of reading is nobody's promise."""
    link = await make()
    client, _ = await knock(link.secure_port, device)
    (connection,) = link._connections
    assert len(connection._transport._ssl_protocol._ssl_buffer) <= 32 * 1024
    await client.close()
