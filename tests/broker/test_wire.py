"""The buffered socket under the MQTT client, against a real peer."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from broker.secure_wire import dial
from broker.wire import CHUNK, Wire


@pytest.fixture
async def pair() -> AsyncIterator[tuple[Wire, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        wire = await dial("127.0.0.1", server.getsockname()[1], None)
        peer, _ = server.accept()
        with peer:
            yield wire, peer
        wire.close()


async def arrived(wire: Wire) -> None:
    """Wait until the kernel has something for the wire, then take it."""
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(wire.fileno(), ready.set)
    async with asyncio.timeout(15):
        await ready.wait()
    loop.remove_reader(wire.fileno())
    wire.fill()


async def test_an_empty_wire_would_block_and_says_so(pair):
    wire, _ = pair
    wire.fill()
    assert not wire.readable
    with pytest.raises(BlockingIOError):
        wire.recv(1)


async def test_what_came_at_once_is_read_in_pieces(pair):
    wire, peer = pair
    peer.sendall(b"abcdef")
    await arrived(wire)
    assert (wire.recv(1), wire.recv(2), wire.recv(100)) == (b"a", b"bc", b"def")
    assert not wire.readable


async def test_an_unread_rest_stays_in_front_of_what_comes_later(pair):
    wire, peer = pair
    peer.sendall(b"one")
    await arrived(wire)
    assert wire.recv(1) == b"o"
    peer.sendall(b"two")
    await arrived(wire)
    assert wire.recv(100) == b"netwo"


async def test_one_fill_takes_one_chunk_at_most(pair):
    wire, peer = pair
    peer.setblocking(False)  # noqa: FBT003 - a socket's own signature
    peer.send(b"x" * CHUNK * 4)
    await arrived(wire)
    assert len(wire.recv(CHUNK * 4)) <= CHUNK


async def test_nothing_leaves_before_the_flush_and_then_all_of_it(pair):
    wire, peer = pair
    peer.setblocking(False)  # noqa: FBT003 - a socket's own signature
    wire.send(b"one")
    wire.send(bytearray(b"two"))
    with pytest.raises(BlockingIOError):
        peer.recv(10)
    assert wire.flush()
    peer.setblocking(True)  # noqa: FBT003 - a socket's own signature
    assert peer.recv(10) == b"onetwo"


async def test_a_peer_that_does_not_read_blocks_the_flush_and_loses_nothing(pair):
    wire, peer = pair
    sent = bytes(range(256)) * 64 * 1024
    wire.send(sent)
    assert not wire.flush()
    peer.setblocking(False)  # noqa: FBT003 - a socket's own signature
    got = bytearray()
    while len(got) < len(sent):
        wire.flush()
        try:
            got += peer.recv(1 << 20)
        except BlockingIOError:
            await asyncio.sleep(0)
    assert bytes(got) == sent
    assert wire.flush()


async def test_the_end_of_the_peer_is_readable_as_nothing(pair):
    wire, peer = pair
    peer.close()
    await arrived(wire)
    assert wire.readable
    assert wire.recv(1) == b""


async def test_a_flush_to_a_peer_that_reset_ends_the_wire(pair):
    wire, peer = pair
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    peer.close()
    wire.send(b"lost")
    async with asyncio.timeout(15):
        while not wire.readable:
            wire.send(b"lost")
            wire.flush()
            await asyncio.sleep(0)
    assert wire.recv(1) == b""


async def test_closing_sends_the_rest_and_can_be_done_twice(pair):
    wire, peer = pair
    wire.send(b"bye")
    wire.close()
    wire.close()
    assert peer.recv(10) == b"bye"
    assert peer.recv(10) == b""
    assert not wire.readable
    assert wire.flush()


async def test_a_small_packet_does_not_wait_for_the_peer(pair):
    wire, _ = pair
    with socket.socket(fileno=socket.dup(wire.fileno())) as same:
        assert same.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_an_address_where_nobody_listens_is_an_error():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(OSError, match=r"refused|Connect call failed"):
        await dial("127.0.0.1", port, None)


async def test_a_second_address_is_tried_when_the_first_refuses():
    # "localhost" is often ::1 before 127.0.0.1; the server is only on the latter.
    with socket.create_server(("127.0.0.1", 0)) as server:
        (await dial("localhost", server.getsockname()[1], None)).close()
