"""Who is let in: callers with the key, or without one only this machine and no foreign web page."""

import logging

import pytest
from http_door import opened

from api.routes import ROUTES

KEY = "correct-horse-battery-staple-0123456789"
NEW = {"targets": ["t"], "targetSelection": "SNAPSHOT", "document": "{}"}
OPEN = {"/healthz", "/readyz", "/authority/ca.pem"}


@pytest.fixture(scope="module")
def locked(tmp_path_factory):
    with opened(tmp_path_factory.mktemp("locked") / "data", api_key=KEY) as door:
        yield door


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_every_operation_but_the_probes_needs_the_key(locked, route):
    path = route.path.replace("{", "").replace("}", "")
    reply = locked(route.method, path)
    if route.path in OPEN:
        assert reply.status == 200
        return
    assert reply.status == 401
    assert "Authorization: Bearer" in reply.error
    assert reply.headers["WWW-Authenticate"] == 'Bearer realm="thingjobs"'
    assert reply.headers["Connection"] == "close"
    assert locked(route.method, path, headers=bearer(KEY)).status != 401


@pytest.mark.parametrize("path", ["/openapi.json", "/docs", "/docs/start.js", "/docs/swagger-ui.css"])
def test_the_description_of_the_api_needs_no_key_since_a_browser_has_none(locked, path):
    assert locked("GET", path).status == 200


@pytest.mark.parametrize(
    "path", ["/nothing", "//", "/healthz/", "/healthz/x", "/docs/../jobs", "/docs/a/b", "/openapi.json/", "/"]
)
def test_a_stranger_learns_nothing_not_even_what_is_not_there(locked, path):
    assert locked("GET", path).status == 401


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Bearer",
        "Bearer ",
        KEY,
        f"Basic {KEY}",
        f"Bearer{KEY}",
        f"Bearer {KEY[:-1]}",
        f"Bearer {KEY}x",
        f"Bearer x{KEY}",
        f"Bearer {KEY.upper()}",
        f"Bearer {KEY} {KEY}",
        f"Bearer {KEY},",
        f'Bearer "{KEY}"',
        "Bearer \xfc\xff",
        "Bearer " + "x" * 4_000,
    ],
)
def test_anything_but_the_key_is_refused(locked, value):
    assert locked("GET", "/jobs", headers={"Authorization": value}).status == 401


def test_the_key_counts_in_its_header_only(locked):
    assert locked("GET", f"/jobs?api_key={KEY}").status == 401
    assert locked("GET", "/jobs", headers={"X-Api-Key": KEY}).status == 401
    assert locked("GET", "/jobs", headers={"Cookie": f"Authorization=Bearer {KEY}"}).status == 401


def test_the_scheme_may_be_written_small_and_blanks_do_not_matter(locked):
    for value in (f"bearer {KEY}", f"BEARER   {KEY}", f"Bearer {KEY}  "):
        assert locked("GET", "/jobs", headers={"Authorization": value}).status == 200


def test_with_a_key_the_server_may_be_called_by_any_name(locked):
    headers = {**bearer(KEY), "Host": "jobs.example", "Origin": "https://console.example"}
    assert locked("POST", "/jobs", NEW, headers=headers).status == 200


def test_neither_key_nor_wrong_key_is_ever_logged(locked, caplog):
    with caplog.at_level(logging.DEBUG):
        locked("GET", "/jobs", headers=bearer(KEY))
        locked("GET", "/jobs", headers=bearer("wrong-" + KEY))
        locked("POST", "/jobs", raw=b"{", headers=bearer(KEY))
    assert "/jobs" in caplog.text
    assert KEY not in caplog.text


HERE = [
    "localhost",
    "LOCALHOST:1",
    "127.0.0.1",
    "127.0.0.1:8080",
    "127.9.9.9",
    "[::1]",
    "[::1]:80",
    "localhost:",
]
ELSEWHERE = [
    "evil.example",
    "localhost.evil.example",
    "evil.example:80",
    "localhost.",
    "localhost@evil.example",
    "localhost:x@evil.example",
    "127.0.0.1.evil.example",
    "localhost:99999999999",
    "localhost:65536",
    "10.0.0.1",
    "0.0.0.0",
    "2130706433",
    "0x7f000001",
    "[::1",
    "[::2]",
    "[::1].evil.example",
    "::1",
    "",
    "\xff",
    "*",
]


@pytest.mark.parametrize("host", HERE)
def test_loopback_has_these_names(shared_door, host):
    assert shared_door("GET", "/jobs", headers={"Host": host}).status == 200


@pytest.mark.parametrize("host", ELSEWHERE)
def test_a_name_that_foreign_dns_points_at_us_is_refused(shared_door, host):
    for method, path, body in (("GET", "/jobs", None), ("POST", "/jobs", NEW), ("GET", "/docs", None)):
        reply = shared_door(method, path, body, headers={"Host": host})
        assert reply.status == 403
        assert "is not a name of this server" in reply.error


def test_a_whole_url_in_the_request_line_counts_as_a_name(shared_door):
    reply = shared_door.send(b"GET http://evil.example/jobs HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert (reply.status, "'evil.example'" in reply.error) == (403, True)


def test_probes_may_call_by_any_name(shared_door):
    assert shared_door("GET", "/healthz", headers={"Host": "10.1.2.3:8080"}).status == 200


def test_who_is_yet_to_trust_us_may_call_by_any_name(shared_door):
    assert shared_door("GET", "/authority/ca.pem", headers={"Host": "10.1.2.3:8080"}).status == 200


def test_more_names_can_be_allowed(tmp_path):
    with opened(tmp_path / "data", hosts=frozenset({"jobs.internal"})) as door:
        assert door("GET", "/jobs", headers={"Host": "jobs.internal:80"}).status == 200
        assert door("GET", "/jobs", headers={"Host": "other.internal"}).status == 403


FOREIGN = [
    "https://evil.example",
    "http://localhost",
    "http://localhost:1",
    "http://127.0.0.1:{port}.evil.example",
    "null",
    "",
    "http://[",
    "file://",
    "http://LOCALHOST@127.0.0.1:{port}",
    "\xff",
]


@pytest.mark.parametrize("origin", FOREIGN)
@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/json"])
def test_a_foreign_web_page_can_change_nothing(shared_door, origin, kind):
    headers = {"Origin": origin.format(port=shared_door.port), "Content-Type": kind}
    for method, path in (("POST", "/jobs"), ("PUT", "/jobs/x"), ("DELETE", "/jobs/x?force=true")):
        reply = shared_door(method, path, {**NEW, "jobId": "evil"}, headers=headers)
        assert reply.status == 403
        assert "may not change anything here" in reply.error
    assert shared_door("GET", "/jobs/evil").status == 404


def test_our_own_pages_may_change_things(shared_door):
    origin = f"http://127.0.0.1:{shared_door.port}"
    assert shared_door("POST", "/jobs", NEW, headers={"Origin": origin}).status == 200


def test_a_foreign_page_that_asks_first_is_not_invited(shared_door):
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    for method in ("OPTIONS", "GET"):
        reply = shared_door(method, "/jobs", headers=asked)
        assert not [name for name in reply.headers if name.lower().startswith("access-control")]


def test_what_a_caller_says_cannot_forge_a_line_of_the_log(shared_door, caplog):
    with caplog.at_level(logging.DEBUG):
        shared_door("PUT", "/jobs/x%0aINFO%20forged%1b[31m%E2%80%AE", raw=b"{}")
        shared_door("GET", "/jobs", headers={"X-Request-Id": "a b"})
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("api")]
    assert any("/jobs/x" in line for line in lines)
    for line in lines:
        assert line.isprintable()
        assert line.isascii()


def test_a_request_id_of_the_callers_is_kept_if_it_is_a_sane_one(shared_door):
    sane = shared_door("GET", "/healthz", headers={"X-Request-Id": "trace-1.2_3"})
    assert sane.headers["X-Request-Id"] == "trace-1.2_3"
    for insane in ("a b", "x" * 65, "<script>", ""):
        assert (
            shared_door("GET", "/healthz", headers={"X-Request-Id": insane}).headers["X-Request-Id"] != insane
        )
