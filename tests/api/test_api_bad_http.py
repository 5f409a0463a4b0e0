"""Bytes that are no HTTP, or hostile HTTP: one clean answer each, and the server lives on."""

import json
import re

import pytest
from described import check_headers
from http_door import opened

HOST = b"Host: localhost\r\n"
NEW = b'{"targets":["t"],"targetSelection":"SNAPSHOT","document":"{}"}'
CHUNKED = b"Transfer-Encoding: chunked\r\n"
MALFORMED = "not well-formed HTTP"
TOO_LONG = "longer than 8190 bytes"


def get(path=b"/jobs", more=b"", version=b"1.1", host=HOST):
    return b"GET " + path + b" HTTP/" + version + b"\r\n" + host + more + b"\r\n"


def post(body=NEW, more=b"", *, length=True):
    size = b"Content-Length: %d\r\n" % len(body) if length else b""
    return b"POST /jobs HTTP/1.1\r\n" + HOST + size + more + b"\r\n" + body


#: Name, bytes, status, words of the reason.
REFUSED = [
    ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, MALFORMED),
    ("MQTT", b"\x10\x0c\x00\x04MQTT\x04\x02\x00<\x00\x00\r\n\r\n", 400, MALFORMED),
    ("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, MALFORMED),
    ("HTTP/9.9", get(version=b"9.9"), 400, MALFORMED),
    ("HTTP/1.1 without Host", get(host=b""), 400, MALFORMED),
    ("two hosts", get(more=b"Host: evil\r\n"), 400, MALFORMED),
    ("bare line ends", b"GET /jobs HTTP/1.1\nHost: localhost\n\n", 400, MALFORMED),
    ("a method of its own", b"FOO /jobs HTTP/1.1\r\n" + HOST + b"\r\n", 400, MALFORMED),
    ("a method in lower case", b"get /jobs HTTP/1.1\r\n" + HOST + b"\r\n", 400, MALFORMED),
    ("a method with a sign", b"G@T /jobs HTTP/1.1\r\n" + HOST + b"\r\n", 400, MALFORMED),
    ("a blank in the path", get(b"/jobs x"), 400, MALFORMED),
    ("a raw byte in the path", get(b"/jobs/\xff"), 400, MALFORMED),
    ("a raw umlaut in the query", get(b"/jobs?status=\xc3\xbc"), 400, MALFORMED),
    ("no path", get(b""), 400, MALFORMED),
    ("a star for a path", get(b"*"), 400, MALFORMED),
    ("CONNECT", b"CONNECT evil.example:80 HTTP/1.1\r\n" + HOST + b"\r\n", 403, "Host 'evil.example:80'"),
    ("OPTIONS of everything", b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n", 404, "nothing at '*'"),
    ("a path of 9,000 bytes", get(b"/jobs/" + b"j" * 9_000), 431, TOO_LONG),
    ("a query of 9,000 bytes", get(b"/jobs?status=" + b"s" * 9_000), 431, TOO_LONG),
    ("a header of 9,000 bytes", get(more=b"X: " + b"x" * 9_000 + b"\r\n"), 431, TOO_LONG),
    ("a header name of 9,000 bytes", get(more=b"x" * 9_000 + b": x\r\n"), 431, TOO_LONG),
    ("300 headers", get(more=b"".join(b"X%d: x\r\n" % n for n in range(300))), 400, MALFORMED),
    ("U+0000 in a header", get(more=b"X: a\0b\r\n"), 400, MALFORMED),
    ("an escape sequence in a header", get(more=b"X-Request-Id: \x1b[31m\r\n"), 400, MALFORMED),
    ("a folded header", get(more=b"X: a\r\n b\r\n"), 400, MALFORMED),
    ("a header without a name", get(more=b": x\r\n"), 400, MALFORMED),
    ("a header without a colon", get(more=b"nonsense\r\n"), 400, MALFORMED),
    ("a blank before the colon", get(more=b"X : a\r\n"), 400, MALFORMED),
    ("length: negative", post(b"", b"Content-Length: -1\r\n", length=False), 400, MALFORMED),
    ("length: with a sign", post(b"", b"Content-Length: +5\r\n", length=False), 400, MALFORMED),
    (
        "length: two of them",
        post(b"", b"Content-Length: 2\r\nContent-Length: 3\r\n", length=False),
        400,
        MALFORMED,
    ),
    ("length: 23 digits", post(b"", b"Content-Length: " + b"9" * 23 + b"\r\n", length=False), 400, MALFORMED),
    ("length and chunks (smuggling)", post(b"0\r\n\r\n", CHUNKED), 400, MALFORMED),
    (
        "length: 10 GB",
        post(b"", b"Content-Length: 9999999999\r\n", length=False),
        413,
        "larger than 3145728 bytes",
    ),
    ("a body one byte too long", post(b" " * (3 * 1024 * 1024 + 1)), 413, "larger than 3145728 bytes"),
    ("chunks: no number", post(b"ZZ\r\n{}\r\n0\r\n\r\n", CHUNKED, length=False), 400, ""),
    ("chunks: negative", post(b"-2\r\n{}\r\n0\r\n\r\n", CHUNKED, length=False), 400, ""),
    ("chunks: 18 digits", post(b"f" * 18 + b"\r\n", CHUNKED, length=False), 400, ""),
    ("chunks: no end of line", post(b"2\r\n{}XX0\r\n\r\n", CHUNKED, length=False), 400, ""),
    (
        "chunks: too much",
        post(b"400000\r\n" + b" " * 0x400000 + b"\r\n0\r\n\r\n", CHUNKED, length=False),
        413,
        "larger",
    ),
    ("transfer encoding: gzip", post(b"", b"Transfer-Encoding: gzip\r\n", length=False), 400, MALFORMED),
    ("transfer encoding: two", post(b"", b"Transfer-Encoding: chunked, x\r\n", length=False), 400, MALFORMED),
    ("a packed body", post(b"\x1f\x8b\x08", b"Content-Encoding: gzip\r\n"), 415, "Content-Encoding 'gzip'"),
    (
        "a body in an unknown coding",
        post(NEW, b"Content-Encoding: rot13\r\n"),
        415,
        "Content-Encoding 'rot13'",
    ),
    ("an expectation nobody knows", post(NEW, b"Expect: miracles\r\n"), 417, "Expectation"),
    ("one at a path that is none", b"PUT /no HTTP/1.1\r\n" + HOST + b"Expect: x\r\n\r\n", 417, "Expectation"),
    ("HTTP/1.0 without Host", get(version=b"1.0", host=b""), 403, "Host ''"),
]

#: Unusual, and good HTTP all the same.
SERVED = [
    ("HTTP/1.0", get(version=b"1.0")),
    ("a whole URL", get(b"http://localhost/jobs")),
    ("an empty line before", b"\r\n" + get()),
    ("chunks", post(b"%x\r\n" % len(NEW) + NEW + b"\r\n0\r\n\r\n", CHUNKED, length=False)),
    (
        "chunks with extensions and a trailer",
        post(b"3e;a=b\r\n" + NEW + b"\r\n0\r\nX: y\r\n\r\n", CHUNKED, length=False),
    ),
    ("identity for a coding", post(NEW, b"Content-Encoding: identity\r\n")),
    ("100-continue", post(NEW, b"Expect: 100-continue\r\n")),
    ("a body on GET, which means nothing", get(more=b"Content-Length: 3\r\n") + b"{x}"),
    ("an upgrade that is not on offer", get(more=b"Connection: Upgrade\r\nUpgrade: websocket\r\n")),
    (
        "a cookie and 90 headers",
        get(more=b"".join(b"X%d: x\r\n" % n for n in range(90)) + b"Cookie: a=b\r\n"),
    ),
]


@pytest.mark.parametrize(("raw", "status", "words"), [pytest.param(*row[1:], id=row[0]) for row in REFUSED])
def test_what_is_no_good_http_is_refused(shared_door, raw, status, words):
    reply = shared_door.send(raw)
    assert (reply.status, words in reply.error) == (status, True), reply
    check_headers(reply.headers, "", reply.error)
    assert shared_door("GET", "/healthz").status == 200


@pytest.mark.parametrize("raw", [pytest.param(row[1], id=row[0]) for row in SERVED])
def test_what_is_unusual_but_good_http_is_served(shared_door, raw):
    reply = shared_door.send(raw)
    assert reply.status == 200, reply
    assert "error" not in reply.body


def test_junk_after_a_good_request_does_not_spoil_its_neighbours(shared_door):
    with shared_door.socket() as wire:
        wire.sendall(get(b"/healthz") + b"JUNK\r\n\r\n")
        answers = wire.makefile("rb").read()
    assert MALFORMED.encode() in answers.splitlines()[-1]
    assert shared_door("GET", "/healthz").status == 200


def test_pipelined_requests_are_answered_in_their_order(shared_door):
    with shared_door.socket() as wire:
        wire.sendall(get(b"/jobs/one") + get(b"/jobs/two") + get(b"/jobs/three", b"Connection: close\r\n"))
        lines = wire.makefile("rb").read().split(b"\r\n")
    reasons = [json.loads(line[: line.index(b"}") + 1])["error"] for line in lines if line.startswith(b"{")]
    assert reasons == [f"There is no job {name}" for name in ("one", "two", "three")]


def test_what_is_refused_with_its_body_unread_does_not_spoil_the_next_on_that_connection(shared_door):
    with shared_door.socket() as wire:
        wire.sendall(post().replace(b"/jobs", b"/none") + get(b"/healthz", b"Connection: close\r\n"))
        answers = wire.makefile("rb").read()
    assert re.findall(rb"HTTP/1.1 (\d+)", answers) == [b"404", b"200"]


def test_a_request_hidden_in_the_body_of_another_is_never_seen(shared_door):
    hidden = post(NEW.replace(b'"t"', b'"smuggled"'))
    for raw in (get(more=b"Content-Length: %d\r\n" % len(hidden)) + hidden, post(hidden)):
        shared_door.send(raw)
    assert shared_door("GET", "/things/smuggled").status == 404


def test_a_client_that_goes_away_mid_request_leaves_nothing_behind(tmp_path):
    with opened(tmp_path / "data") as door:
        for cut in (1, 20, len(post()) - 1):
            with door.socket() as wire:
                wire.sendall(post()[:cut])
        assert door.ok("GET", "/jobs")["jobs"] == []


def test_a_body_at_the_limit_fits_and_is_read_to_its_end(shared_door):
    assert shared_door("POST", "/jobs", raw=NEW + b" " * (3 * 1024 * 1024 - len(NEW))).status == 200
    small = b'{"force":true}' + b" " * (128 * 1024)
    assert shared_door("PUT", "/jobs/x/cancel", raw=small).status == 413
