"""Clients that are slow, silent or too many: nobody is waited for without end, and the others are served."""

import socket
import threading
import time
from contextlib import ExitStack

import pytest
from http_door import opened

from api.connection import Deadlines

HEAD = b"POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n"
#: So late that nothing in a test can come of it.
NEVER = 600.0


@pytest.fixture
def hasty(tmp_path):
    """Waits long for nobody who has a head or a body to send."""
    deadlines = Deadlines(head=0.3, idle=NEVER)
    with opened(tmp_path / "data", server={"deadlines": deadlines}, body_seconds=0.3) as door:
        yield door


@pytest.fixture
def brusque(tmp_path):
    """Waits long for nobody who has asked already."""
    with opened(tmp_path / "data", server={"deadlines": Deadlines(head=NEVER, idle=0.3)}) as door:
        yield door


def rest(wire):
    """Return what comes until the server closes; the socket's time-out fails the test if it never does."""
    received = b""
    try:
        while chunk := wire.recv(65_536):
            received += chunk
    except ConnectionResetError:
        pass
    return received


@pytest.mark.parametrize(
    "said", [b"", b"GET", b"GET /jobs HTTP/1.1\r\n", HEAD[:-2]], ids=["nothing", "a word", "a line", "a head"]
)
def test_a_client_that_does_not_end_its_head_is_dropped(hasty, said):
    with hasty.socket() as wire:
        wire.sendall(said)
        assert rest(wire) == b""


def test_a_client_that_drips_its_head_is_dropped_all_the_same(hasty):
    with hasty.socket() as wire:
        wire.settimeout(0.05)
        wire.sendall(b"GET /jobs HTTP/1.1\r\n")
        for _ in range(400):
            try:
                wire.sendall(b"X: y\r\n")
                assert wire.recv(1) == b""
            except TimeoutError:
                continue
            except OSError:
                pass
            break
        else:
            pytest.fail("the server still listens")


def test_a_body_that_does_not_come_is_answered_with_408_and_the_connection_ends(hasty):
    with hasty.socket() as wire:
        wire.sendall(HEAD + b'\r\n{"targets":')
        answer = rest(wire)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'{"error": "the body did not arrive within 0.3 seconds"}' in answer
    assert b"Connection: close" in answer


def test_a_connection_that_is_kept_and_not_used_is_dropped(brusque):
    with brusque.socket() as wire:
        wire.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert rest(wire).startswith(b"HTTP/1.1 200 OK")


def test_a_client_that_does_not_take_its_answer_is_dropped(brusque):
    for _ in range(2):
        brusque.job(*(f"{n:0128}" for n in range(9_000)))
    with socket.socket() as wire:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        wire.settimeout(30)
        wire.connect((brusque.host, brusque.port))
        wire.sendall(b"GET /jobs HTTP/1.1\r\nHost: localhost\r\n\r\n" * 8)
        until = time.monotonic() + 30
        while brusque.server._connections and time.monotonic() < until:
            assert brusque("GET", "/healthz").status == 200
            threading.Event().wait(0.05)
        assert not brusque.server._connections


def test_one_connection_too_many_is_closed_at_once_and_there_is_room_again_later(tmp_path):
    server = {"max_connections": 4, "deadlines": Deadlines(head=NEVER, idle=NEVER)}
    with opened(tmp_path / "data", server=server) as door, ExitStack() as many:
        wires = [many.enter_context(door.socket()) for _ in range(4)]
        for wire in wires:
            wire.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert wire.recv(12) == b"HTTP/1.1 200"
        with door.socket() as more:
            assert rest(more) == b""
        wires[0].close()
        until = time.monotonic() + 30
        while len(door.server._connections) == 4 and time.monotonic() < until:
            threading.Event().wait(0.01)
        assert door("GET", "/healthz").status == 200


def test_a_hundred_silent_clients_do_not_keep_a_good_one_waiting(shared_door):
    with ExitStack() as many:
        for _ in range(100):
            many.enter_context(shared_door.socket()).sendall(HEAD)
        assert [shared_door("GET", "/jobs").status for _ in range(20)] == [200] * 20


def test_more_requests_at_a_time_than_allowed_are_told_to_come_again(tmp_path):
    with opened(tmp_path / "data", in_flight=1) as door, door.socket() as slow:
        _ = door.described
        slow.sendall(HEAD + b"Expect: 100-continue\r\n\r\n")
        assert slow.recv(12) == b"HTTP/1.1 100"
        until = time.monotonic() + 30
        while (reply := door("GET", "/jobs")).status == 200 and time.monotonic() < until:
            pass
        assert (reply.status, reply.headers["Retry-After"]) == (503, "1")
        assert "1 requests" in reply.error
        assert door("GET", "/healthz").status == 200


def test_closing_lets_the_call_that_runs_finish(tmp_path):
    begun, go = threading.Event(), threading.Event()

    def hold(connection):
        begun.set()
        assert go.wait(30)

    with opened(tmp_path / "data") as door:
        replies = []
        held = threading.Thread(target=lambda: door.run(door.store.write(hold)))
        caller = threading.Thread(target=lambda: replies.append(door("POST", "/things", {"thingName": "t"})))
        _ = door.described
        held.start()
        assert begun.wait(30)
        caller.start()
        closing = threading.Thread(target=lambda: door.run(door.server.close()))
        until = time.monotonic() + 30
        while not door.server._connections and time.monotonic() < until:
            threading.Event().wait(0.01)
        closing.start()
        go.set()
        for thread in (held, caller, closing):
            thread.join(30)
        assert [reply.status for reply in replies] == [200]
