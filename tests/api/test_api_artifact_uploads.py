"""Uploads that break off, are too large, meet a full disk or each other: nothing half done stays."""

import resource
import threading
from contextlib import contextmanager

from firmware import FIRMWARE, SHA256, on_disk, put, until
from http_door import MAX_CONTENT, opened


def test_a_content_above_the_limit_is_refused_before_or_while_it_comes(door):
    refused = put(door, content=b"x" * (MAX_CONTENT + 1))
    assert (refused.status, refused.error) == (413, f"the content is larger than {MAX_CONTENT} bytes")
    with door.socket() as wire:
        wire.sendall(b"PUT /artifacts/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
        try:
            for _ in range(MAX_CONTENT // 65_536 + 1):
                wire.sendall(chunk)
        except ConnectionError:
            pass
        assert b"HTTP/1.1 413" in wire.recv(65_536)
    until(lambda: on_disk(door) == [])


def test_a_content_of_unknown_length_is_taken(door):
    with door.socket() as wire:
        wire.sendall(
            b"PUT /artifacts/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
        )
        assert wire.recv(65_536).startswith(b"HTTP/1.1 200")
    assert door("GET", "/artifacts/a/content").raw == b"abcde"


def test_a_compressed_body_is_refused(door):
    assert put(door, **{"Content-Encoding": "gzip"}).status == 415


HEAD = b"PUT /artifacts/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n"


def test_an_upload_that_is_cut_leaves_nothing(door):
    with door.socket() as wire:
        wire.sendall(HEAD + b"x" * 300_000)
        until(lambda: on_disk(door))
    until(lambda: on_disk(door) == [])
    assert door("GET", "/artifacts/a").status == 404


def test_an_upload_that_falls_silent_is_given_up(tmp_path):
    with opened(tmp_path / "data", body_seconds=0.3) as door, door.socket() as wire:
        wire.sendall(HEAD + b"x" * 300_000)
        answer = wire.recv(65_536)
        assert answer.startswith(b"HTTP/1.1 408")
        assert b"nothing of the body came for 0.3 seconds" in answer
        until(lambda: on_disk(door) == [])


def test_an_upload_may_take_longer_than_its_silence_as_long_as_it_goes_on(tmp_path):
    with opened(tmp_path / "data", body_seconds=0.5) as door, door.socket() as wire:
        wire.sendall(HEAD.replace(b"1000000", b"10"))
        for _ in range(10):
            threading.Event().wait(0.15)
            wire.sendall(b"x")
        assert wire.recv(65_536).startswith(b"HTTP/1.1 200")


@contextmanager
def a_small_disk(most):
    """No file may grow above ``most`` bytes: the nearest to a full disk that every system has."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_takes_no_more_is_507_and_gets_its_space_back(door):
    door.job("t")
    with a_small_disk(5_000_000):
        refused = put(door, content=b"x" * 6_000_000)
    assert (refused.status, refused.error) == (507, "the disk has no room for this content")
    assert on_disk(door) == []
    assert put(door).status == 200


def test_an_upload_does_not_take_what_the_database_needs(door, monkeypatch):
    monkeypatch.setattr("api.artifact_files.RESERVE", 2**60)
    assert put(door).status == 507


def test_a_content_that_is_lost_is_503_and_can_be_put_again(door):
    put(door)
    (door.site.folder / "artifacts" / SHA256).unlink()
    lost = door("GET", "/artifacts/app.bin/content")
    assert lost.status == 503
    assert "No such file" in lost.error
    assert put(door).body["created"] is False
    assert door("GET", "/artifacts/app.bin/content").raw == FIRMWARE


def test_a_content_that_is_cut_off_ends_the_connection_and_does_not_pretend(door):
    put(door, content=b"x" * 2_000_000)
    (name,) = on_disk(door)
    with (door.site.folder / "artifacts" / name).open("r+b") as file:
        file.truncate(1_000_000)
    with door.socket() as wire:
        wire.sendall(b"GET /artifacts/app.bin/content HTTP/1.1\r\nHost: localhost\r\n\r\n")
        received = b""
        try:
            while chunk := wire.recv(65_536):
                received += chunk
        except ConnectionError:
            pass
    assert b"Content-Length: 2000000" in received
    assert len(received) < 1_100_000


def test_two_uploads_of_one_name_at_a_time_make_one_artifact(door):
    contents = [bytes([n]) * 100_000 for n in range(6)]
    replies = []
    callers = [
        threading.Thread(target=lambda c=content: replies.append(put(door, content=c)))
        for content in contents
    ]
    _ = door.described
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(30)
    assert sorted(reply.status for reply in replies) == [200, 409, 409, 409, 409, 409]
    (kept,) = on_disk(door)
    assert kept == door.ok("GET", "/artifacts/app.bin")["artifact"]["sha256"]


def test_deleting_and_putting_at_a_time_never_loses_a_content(door):
    _ = door.described
    put(door, "base")

    def churn(name):
        for _ in range(10):
            assert put(door, name).status == 200
            assert door("DELETE", f"/artifacts/{name}").status == 200

    callers = [threading.Thread(target=churn, args=(f"n{n}",)) for n in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(60)
    assert door("GET", "/artifacts/base/content").raw == FIRMWARE
    door.ok("DELETE", "/artifacts/base")
    assert on_disk(door) == []


def test_what_a_kill_left_behind_is_swept_at_the_next_start(tmp_path):
    with opened(tmp_path / "data") as door:
        put(door)
        folder = tmp_path / "data" / "artifacts"
        (folder / ".upload-left").write_bytes(b"x")
        (folder / ("0" * 64)).write_bytes(b"x")
        (folder / "somebody-elses").write_bytes(b"x")
        door.run(door._options.artifacts.tidy(door.store))
        assert on_disk(door) == sorted([SHA256, "somebody-elses"])
        assert door("GET", "/artifacts/app.bin/content").raw == FIRMWARE
