"""What the server tells of itself: whether it lives and is ready, where things are, and the docs page."""

import re

import pytest
from http_door import opened
from sqlalchemy import text

from api import docs


def test_healthz_tells_that_the_process_lives(door):
    assert door.ok("GET", "/healthz") == {"status": "ok"}


def test_readyz_names_the_parts_that_are_not_ready(door):
    assert door.ok("GET", "/readyz") == {
        "ready": True,
        "parts": {"store": True},
        "optional": {},
        "error": None,
    }
    door.parts = {"store": True, "broker": False, "dispatcher": False}
    reply = door("GET", "/readyz")
    assert reply.status == 503
    assert reply.headers["Retry-After"] == "1"
    assert reply.body == {
        "ready": False,
        "parts": door.parts,
        "optional": {},
        "error": "not ready: broker, dispatcher",
    }
    assert door("GET", "/healthz").status == 200
    door.parts = {"store": True}
    assert door("GET", "/readyz").status == 200


def test_probes_answer_while_the_store_is_closed_and_operations_say_so(door):
    door.run(door.store.close())
    assert door("GET", "/healthz").status == 200
    reply = door("GET", "/jobs")
    assert (reply.status, reply.error, reply.headers["Retry-After"]) == (503, "the store is closed", "1")


def test_a_failure_of_ours_tells_its_number_to_the_caller_and_its_cause_to_the_log_only(door, caplog):
    door.run(door.store.write(lambda connection: connection.execute(text("DROP TABLE templates"))))
    reply = door("GET", "/job-templates")
    assert reply.status == 500
    assert reply.error == f"internal error, request id {reply.headers['X-Request-Id']}"
    (record,) = (record for record in caplog.records if record.name == "api.envelope" and record.exc_info)
    assert reply.headers["X-Request-Id"] in record.getMessage()
    assert "no such table" in caplog.text
    assert door("GET", "/jobs").status == 200


def test_the_root_says_where_to_go_on(tmp_path):
    with opened(tmp_path / "data", links={"source": "/source"}) as door:
        about = door.ok("GET", "/")
    assert (about["name"], about["version"]) == ("thingjobs", "0.0.0-test")
    assert {"openapi": "/openapi.json", "docs": "/docs", "source": "/source"}.items() <= about[
        "links"
    ].items()


def test_the_docs_page_loads_nothing_from_elsewhere(shared_door, requirement):
    requirement("Swagger UI", docs.installed(), "pip install thingjobs[docs]")
    page = shared_door("GET", "/docs")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    loaded = re.findall(rb'(?:src|href)="([^"]+)"', page.raw)
    assert len(loaded) == 4
    for path in map(bytes.decode, loaded):
        assert re.fullmatch(r"/docs/[\w.-]+", path)
        asset = shared_door("GET", path)
        assert asset.status == 200
        assert len(asset.raw) > 50
    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'self';")
    assert "http" not in policy
    assert b"http" not in page.raw
    start = shared_door("GET", "/docs/start.js").raw
    assert b'url: "/openapi.json"' in start
    assert b"validatorUrl: null" in start


def test_without_swagger_ui_the_docs_page_is_a_plain_one(tmp_path, monkeypatch):
    monkeypatch.setattr(docs, "installed", lambda: None)
    with opened(tmp_path / "data") as door:
        page = door("GET", "/docs")
        assert page.status == 200
        assert b'href="/openapi.json"' in page.raw
        assert door("GET", "/docs/start.js").status == 404


@pytest.mark.parametrize(
    "headers", [{"Range": "bytes=a-b"}, {"Range": "bytes=9999999-"}, {"If-Match": '"x"'}]
)
def test_an_asset_is_served_whole_whatever_part_of_it_is_asked_for(shared_door, requirement, headers):
    requirement("Swagger UI", docs.installed(), "pip install thingjobs[docs]")
    whole = shared_door("GET", "/docs/swagger-ui.css")
    asked = shared_door("GET", "/docs/swagger-ui.css", headers=headers)
    assert (asked.status, asked.raw) == (200, whole.raw)
