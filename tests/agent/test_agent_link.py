"""A device's connection, on a real Mosquitto and on brokers that behave badly."""

import asyncio
import contextlib
import socket

import pytest

from agent.errors import LinkDown, LinkRefused
from agent.link import UNACKNOWLEDGED_MAX, Endpoint, connector

CONNACK_OK, CONNACK_BUSY, CONNACK_REFUSED = b"\x20\x02\x00\x00", b"\x20\x02\x00\x03", b"\x20\x02\x00\x05"
NOT_GRANTED = b"\x90\x03\x00\x01\x80"


def nothing(_topic, _payload):
    """The receiver of tests in which nothing arrives."""


class Stub:
    """Speaks so much MQTT: one reply per packet, in this order, then listens until the device hangs up."""

    def __init__(self, *replies):
        self.replies = replies
        self.heard = b""
        self.port = 0
        self._news = asyncio.Condition()
        self._gone = asyncio.Event()

    async def serve(self, reader, writer):
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            for reply in self.replies:
                header = await reader.readexactly(2)
                await self._note(header + await reader.readexactly(header[1]))
                writer.write(reply)
            while chunk := await reader.read(65536):
                await self._note(chunk)
        writer.close()
        self._gone.set()

    async def _note(self, chunk):
        self.heard += chunk
        async with self._news:
            self._news.notify_all()

    async def until(self, condition):
        async with asyncio.timeout(10), self._news:
            await self._news.wait_for(condition)

    async def gone(self):
        """Return when the device has hung up."""
        async with asyncio.timeout(10):
            await self._gone.wait()


@contextlib.asynccontextmanager
async def broker(*replies):
    stub = Stub(*replies)
    async with await asyncio.start_server(stub.serve, "127.0.0.1", 0) as server:
        stub.port = server.sockets[0].getsockname()[1]
        yield stub
        await stub.gone()


def to(port, **more):
    return connector(Endpoint(thing_name="t1", port=port, **more))


async def test_what_one_thing_says_another_hears(mosquitto):
    heard = asyncio.Queue()
    async with (
        connector(Endpoint(thing_name="ear", port=mosquitto))(
            lambda *message: heard.put_nowait(message)
        ) as ear,
        connector(Endpoint(thing_name="mouth", port=mosquitto))(nothing) as mouth,
    ):
        await ear.subscribe(["said/+"])
        for payload in (b"", b"x" * 300_000):
            await mouth.publish("said/this", payload)
            assert await asyncio.wait_for(heard.get(), 10) == ("said/this", payload)


async def test_a_second_connection_of_the_same_thing_ends_the_first(mosquitto):
    async with to(mosquitto)(nothing) as first, to(mosquitto)(nothing) as second:
        assert "connection lost" in await asyncio.wait_for(first.lost(), 10)
        with pytest.raises(LinkDown):
            await first.publish("a", b"")
        with pytest.raises(LinkDown):
            await first.subscribe(["a"])
        await second.publish("a", b"")


@pytest.mark.parametrize("host", ["127.0.0.1", "no.such.host.invalid", "", "a" * 70, "bad host", "x\0y"])
async def test_where_nobody_is_there_is_no_connection(host):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        with pytest.raises(LinkDown, match=f":{port}"):
            async with to(port, host=host)(nothing):
                pytest.fail("connected")


async def test_a_broker_that_does_not_answer_is_given_up():
    async with broker() as stub:
        with pytest.raises(LinkDown, match="no answer in time"):
            async with to(stub.port, connect_timeout=0.1)(nothing):
                pytest.fail("connected")


@pytest.mark.parametrize(("said", "raised"), [(CONNACK_REFUSED, LinkRefused), (CONNACK_BUSY, LinkDown)])
async def test_a_refusal_is_told_from_a_broker_that_is_busy(said, raised):
    async with broker(said) as stub:
        with pytest.raises(LinkDown, match="refused the connection") as caught:
            async with to(stub.port)(nothing):
                pytest.fail("connected")
    assert type(caught.value) is raised


async def test_a_subscription_that_is_not_granted_is_a_refusal():
    async with broker(CONNACK_OK, NOT_GRANTED) as stub, to(stub.port)(nothing) as link:
        with pytest.raises(LinkRefused, match="did not grant"):
            await link.subscribe(["all/#"])


async def test_a_broker_that_acknowledges_nothing_is_left_after_a_bounded_number_of_messages():
    async with broker(CONNACK_OK) as stub, to(stub.port)(nothing) as link:
        for _ in range(UNACKNOWLEDGED_MAX):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await link.publish("a", b"")
        with pytest.raises(LinkDown, match="acknowledges nothing"):
            await link.publish("a", b"")
        assert "acknowledges nothing" in await link.lost()


async def test_a_cut_cable_fails_what_is_on_its_way():
    async with broker(CONNACK_OK) as stub:
        async with to(stub.port)(nothing) as link:
            publishing = asyncio.create_task(link.publish("a", b""))
            subscribing = asyncio.create_task(link.subscribe(["a"]))
            await stub.until(lambda: b"\x82" in stub.heard)
            link.abort()
            for task in (publishing, subscribing):
                with pytest.raises(LinkDown, match="dropped by us"):
                    await task
        # Without a word: a will would be sent, had we one.
        await stub.gone()
        assert not stub.heard.endswith(b"\xe0\x00")


async def test_whoever_leaves_says_goodbye():
    async with broker(CONNACK_OK) as stub:
        async with to(stub.port)(nothing):
            pass
        await stub.gone()
        assert stub.heard.endswith(b"\xe0\x00")


async def test_a_cancelled_connect_leaves_no_socket_behind():
    async with broker() as stub:

        async def connect():
            async with to(stub.port)(nothing):
                pytest.fail("connected")

        task = asyncio.create_task(connect())
        await stub.until(lambda: stub.heard)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
