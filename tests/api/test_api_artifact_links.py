"""Signed links: they open one content for a time; slow readers are served, dead ones dropped."""

import hashlib
import logging
import socket
import threading
import time
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from http_door import MAX_CONTENT, opened

from api.connection import Deadlines
from domain.artifacts import link
from storage import artifacts

KEY = "correct-horse-battery-staple-0123456789"
BEARER = {"Authorization": f"Bearer {KEY}"}
CONTENT = b"firmware" * 1000


@pytest.fixture
def locked(tmp_path):
    with opened(tmp_path / "data", api_key=KEY) as door:
        yield door


def put(door, name="app.bin", content=CONTENT):
    assert door("PUT", f"/artifacts/{name}", raw=content, headers=BEARER).status == 200


def minted(door, name="app.bin", *, thing="lamp-1", seconds=3600):
    """Return path and query of a link as a device is given it."""
    key = door.run(door.store.read(artifacts.signing_key))
    artifact = door.run(door.store.read(artifacts.get, name))
    expires = int(door.at.timestamp()) + seconds
    url = link(key, artifact, base="https://jobs.example/", thing_name=thing, expires=expires)
    assert url.startswith("https://jobs.example/artifacts/")
    return url.removeprefix("https://jobs.example")


def altered(path, **changes):
    parts = urlsplit(path)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()} | changes
    return f"{parts.path}?{urlencode({n: v for n, v in query.items() if v is not None})}"


def test_a_link_needs_no_key_and_no_certain_host(locked):
    put(locked)
    for headers in ({}, {"Host": "jobs.example"}, BEARER):
        reply = locked("GET", minted(locked), headers=headers)
        assert (reply.status, reply.raw) == (200, CONTENT)
    part = locked("GET", minted(locked), headers={"Range": "bytes=5-9"})
    assert (part.status, part.raw) == (206, CONTENT[5:10])
    assert locked("HEAD", minted(locked)).status == 200


def test_a_link_of_a_server_without_a_key_works_under_any_name(door):
    door("PUT", "/artifacts/app.bin", raw=CONTENT)
    path = minted(door)
    assert door("GET", path, headers={"Host": "jobs.example"}).raw == CONTENT
    assert door("GET", "/artifacts/app.bin/content", headers={"Host": "jobs.example"}).status == 403


def test_without_a_link_the_key_is_asked_for(locked):
    put(locked)
    assert locked("GET", "/artifacts/app.bin/content").status == 401
    assert locked("GET", "/artifacts/app.bin/content?expires=9&thing=lamp-1").status == 401
    assert locked("GET", "/artifacts/app.bin/content", headers=BEARER).raw == CONTENT


def test_a_link_opens_nothing_else(locked):
    put(locked)
    query = minted(locked).partition("?")[2]
    for path in (
        "/artifacts/app.bin",
        "/artifacts",
        "/jobs",
        "/artifacts/app.bin/content/x",
        "/artifacts/app.bin%2Fcontent",
        "/artifacts%2Fapp.bin/content",
        "/artifacts/app.bin/../content",
        "//artifacts/app.bin/content",
    ):
        assert locked("GET", f"{path}?{query}").status == 401
    for method in ("PUT", "DELETE", "POST"):
        assert locked(method, f"/artifacts/app.bin/content?{query}").status == 401


def test_a_link_expires(locked):
    put(locked)
    path = minted(locked, seconds=60)
    locked.later(seconds=59)
    assert locked("GET", path).status == 200
    locked.later(seconds=1)
    late = locked("GET", path)
    assert late.status == 403
    assert late.error == (
        "this link expired at 2024-06-10T06:14:20.000Z; ask for the job again, which brings a new one"
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"thing": "lamp-2"},
        {"thing": None},
        {"expires": "1917999999"},
        {"expires": None},
        {"expires": "0"},
        {"signature": "A" * 43},
        {"signature": "A"},
        {"signature": "A" * 64},
    ],
)
def test_a_link_that_was_changed_is_refused(locked, changes):
    put(locked)
    reply = locked("GET", altered(minted(locked), **changes))
    assert reply.status == 403
    assert reply.error.startswith("this link was not made by this server for this content")


def test_no_character_of_a_signature_is_spare(locked):
    put(locked)
    path = minted(locked)
    signature = parse_qs(urlsplit(path).query)["signature"][0]
    for position in range(0, len(signature), 6):
        other = "B" if signature[position] == "A" else "A"
        forged = signature[:position] + other + signature[position + 1 :]
        assert locked("GET", altered(path, signature=forged)).status == 403
    assert locked("GET", altered(path, signature=signature + "A")).status == 403


@pytest.mark.parametrize("signature", ["", "a b", "x" * 65, "ü"])
def test_what_cannot_be_a_signature_is_422(locked, signature):
    put(locked)
    assert locked("GET", altered(minted(locked), signature=signature)).status == 422


def test_a_link_is_for_one_name(locked):
    put(locked)
    put(locked, "other")
    path = minted(locked)
    assert locked("GET", path.replace("app.bin", "other")).status == 403


def test_what_is_not_there_is_told_from_nothing_by_a_forger(locked):
    put(locked)
    path = altered(minted(locked), signature="A" * 43)
    assert locked("GET", path).raw == locked("GET", path.replace("app.bin", "nothing")).raw


def test_a_link_does_not_outlive_the_content_it_was_made_for(locked):
    put(locked)
    path = minted(locked)
    assert locked("DELETE", "/artifacts/app.bin", headers=BEARER).status == 200
    assert locked("GET", path).status == 403
    put(locked, content=b"other")
    assert locked("GET", path).status == 403


def test_links_survive_a_restart_and_are_good_on_no_other_server(tmp_path):
    with opened(tmp_path / "one", api_key=KEY) as door:
        put(door)
        path = minted(door)
    with opened(tmp_path / "one", api_key=KEY) as door:
        assert door("GET", path).status == 200
    with opened(tmp_path / "two", api_key=KEY) as door:
        put(door)
        assert door("GET", path).status == 403


def test_no_signature_is_ever_logged(locked, caplog):
    put(locked)
    path = minted(locked)
    with caplog.at_level(logging.DEBUG):
        locked("GET", path)
        locked("GET", altered(path, thing="lamp-2"))
        locked("GET", altered(path, expires="x"))
    assert "/artifacts/app.bin/content" in caplog.text
    assert parse_qs(urlsplit(path).query)["signature"][0] not in caplog.text


def test_the_name_of_an_artifact_is_spelled_for_a_url(locked):
    put(locked, "app-1%2B2")
    assert "app-1%2B2" in minted(locked, "app-1+2")
    assert locked("GET", minted(locked, "app-1+2")).raw == CONTENT


BIG = b"x" * MAX_CONTENT


def ask(door, path):
    """Open a connection whose buffers hold little, and ask for the content."""
    wire = socket.socket()
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
    wire.settimeout(30)
    wire.connect((door.host, door.port))
    wire.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return wire


def rest(wire):
    """Return how many bytes still come before the end, and their digest."""
    received = b""
    try:
        while chunk := wire.recv(1 << 20):
            received += chunk
    except ConnectionError:
        pass
    return received


def test_a_slow_reader_is_served_to_the_end_whatever_the_deadlines(tmp_path, monkeypatch):
    monkeypatch.setattr("api.artifact_stream.SILENCE", 0.5)
    deadlines = Deadlines(head=0.3, idle=0.3)
    with opened(tmp_path / "data", server={"deadlines": deadlines}, body_seconds=0.3) as door:
        assert door("PUT", "/artifacts/big", raw=BIG).status == 200
        with ask(door, "/artifacts/big/content") as wire:
            received = bytearray()
            for _ in range(12):
                # Far longer in all than any deadline, and a little is taken all the time.
                threading.Event().wait(0.25)
                received += wire.recv(65_536)
            received += rest(wire)
    body = bytes(received).partition(b"\r\n\r\n")[2]
    assert hashlib.sha256(body).digest() == hashlib.sha256(BIG).digest()


def test_also_what_only_the_kernel_still_holds_is_waited_for(tmp_path):
    content = b"y" * 400_000
    deadlines = Deadlines(head=0.4, idle=0.4)
    with opened(tmp_path / "data", server={"deadlines": deadlines}) as door:
        assert door("PUT", "/artifacts/small", raw=content).status == 200
        with ask(door, "/artifacts/small/content") as wire:
            received = bytearray()
            for _ in range(12):
                threading.Event().wait(0.15)
                received += wire.recv(16_384)
            received += rest(wire)
    assert bytes(received).partition(b"\r\n\r\n")[2] == content


def test_a_reader_who_takes_nothing_is_dropped(tmp_path, monkeypatch):
    monkeypatch.setattr("api.artifact_stream.SILENCE", 0.2)
    with opened(tmp_path / "data") as door:
        assert door("PUT", "/artifacts/big", raw=BIG).status == 200
        with ask(door, "/artifacts/big/content") as wire:
            assert wire.recv(12) == b"HTTP/1.1 200"
            deadline = time.monotonic() + 30
            # Had it all been sent, the connection would be kept for the next request.
            while door.server._connections and time.monotonic() < deadline:
                threading.Event().wait(0.01)
            assert not door.server._connections


def test_downloads_keep_nobody_else_waiting_and_have_a_limit_of_their_own(tmp_path):
    with opened(tmp_path / "data", in_flight=1, downloads=2) as door:
        _ = door.described
        assert door("PUT", "/artifacts/big", raw=BIG).status == 200
        with ask(door, "/artifacts/big/content") as one, ask(door, "/artifacts/big/content") as two:
            assert one.recv(12) == two.recv(12) == b"HTTP/1.1 200"
            assert door("GET", "/jobs").status == 200
            more = door("GET", "/artifacts/big/content")
            assert (more.status, more.headers["Retry-After"]) == (503, "1")
            assert more.error == "2 downloads are under way already"
        deadline = time.monotonic() + 30
        while door("HEAD", "/artifacts/big/content").status == 503:
            assert time.monotonic() < deadline


def test_a_content_that_is_deleted_is_still_read_to_its_end(door):
    assert door("PUT", "/artifacts/big", raw=BIG).status == 200
    with ask(door, "/artifacts/big/content") as wire:
        begun = wire.recv(1000)
        assert door("DELETE", "/artifacts/big").status == 200
        wire.settimeout(5)
        received = bytearray(begun)
        while len(received) < MAX_CONTENT:
            received += wire.recv(1 << 20)
    assert received.endswith(b"x" * 100)
