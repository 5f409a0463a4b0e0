"""Artifacts over real HTTP: what is put is what is got, whole or in ranges, and it never changes."""

import pytest
from firmware import FIRMWARE, SHA256, on_disk, put
from http_door import opened


def test_what_is_put_is_what_is_got(door):
    stored = put(door, **{"Content-Type": "application/zip"})
    assert stored.body == {
        "created": True,
        "artifactName": "app.bin",
        "sha256": SHA256,
        "size": len(FIRMWARE),
        "contentType": "application/zip",
        "createdAt": "2024-06-10T06:13:20.123Z",
    }
    shown = {name: value for name, value in stored.body.items() if name != "created"}
    assert door.ok("GET", "/artifacts/app.bin") == {"artifact": shown}
    fetched = door("GET", "/artifacts/app.bin/content")
    assert (fetched.status, fetched.raw) == (200, FIRMWARE)
    assert fetched.headers["Content-Type"] == "application/zip"
    assert fetched.headers["Content-Disposition"] == 'attachment; filename="app.bin"'
    assert fetched.headers["ETag"] == f'"{SHA256}"'
    assert fetched.headers["Accept-Ranges"] == "bytes"
    assert on_disk(door) == [SHA256]


def test_the_digest_is_told_in_the_words_of_rfc_9530(door):
    put(door, content=b"")
    told = door("GET", "/artifacts/app.bin/content").headers["Repr-Digest"]
    assert told == "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"


def test_the_same_content_again_is_no_harm_and_another_is_refused(door):
    put(door)
    door.later(hours=1)
    again = put(door)
    assert (again.status, again.body["created"]) == (200, False)
    assert again.body["createdAt"] == "2024-06-10T06:13:20.123Z"
    for other in (FIRMWARE[:-1] + b"!", b"short"):
        refused = put(door, content=other)
        assert refused.status == 409
        assert f"Artifact app.bin already exists with other content (sha256 {SHA256})" in refused.error
    assert door("GET", "/artifacts/app.bin/content").raw == FIRMWARE
    assert on_disk(door) == [SHA256]


def test_one_content_under_two_names_lies_there_once_and_goes_with_the_last(door):
    put(door, "one")
    put(door, "two")
    assert on_disk(door) == [SHA256]
    door.ok("DELETE", "/artifacts/one")
    assert door("GET", "/artifacts/two/content").raw == FIRMWARE
    door.ok("DELETE", "/artifacts/two")
    assert on_disk(door) == []
    for method, path in (("GET", ""), ("GET", "/content"), ("DELETE", "")):
        reply = door(method, f"/artifacts/two{path}")
        assert (reply.status, reply.error) == (404, "There is no artifact two")


def test_a_deleted_name_may_stand_for_something_else(door):
    put(door)
    door.ok("DELETE", "/artifacts/app.bin")
    assert put(door, content=b"new").body["created"]


def test_the_digest_that_was_meant_is_checked(door):
    assert put(door, query=f"?sha256={SHA256}").status == 200
    wrong = put(door, "other", query=f"?sha256={'0' * 64}")
    assert (wrong.status, wrong.error) == (
        422,
        f"sha256 {'0' * 64} is not that of the content, {SHA256}",
    )
    assert put(door, "other", query="?sha256=abc").status == 422
    assert door("GET", "/artifacts/other").status == 404
    assert on_disk(door) == [SHA256]


def test_the_list_is_paged_newest_first(door):
    for n in range(3):
        put(door, f"a{n}", bytes([n]))
    first = door.ok("GET", "/artifacts?maxResults=2")
    last = door.ok("GET", f"/artifacts?maxResults=2&nextToken={first['nextToken']}")
    names = [entry["artifactName"] for entry in first["artifacts"] + last["artifacts"]]
    assert (names, last["nextToken"]) == (["a2", "a1", "a0"], None)


@pytest.mark.parametrize(
    "name",
    [
        "..",
        ".hidden",
        "%2e%2e",
        "a%2Fb",
        "..%2F..%2Fx",
        "a%00",
        "a%0A",
        "x" * 129,
        "%C3%BC",
        "a:b",
        "a b".replace(" ", "%20"),
        "-",
    ],
)
def test_what_is_no_name_names_nothing_and_leads_nowhere(shared_door, name):
    assert put(shared_door, name).status == 404
    assert shared_door("GET", f"/artifacts/{name}/content").status == 404
    assert on_disk(shared_door) == []


@pytest.mark.parametrize("name", ["a", "_", "app-1.2.3+build_7.tar.gz", "x" * 128])
def test_these_are_names(door, name):
    assert put(door, name.replace("+", "%2B")).body["artifactName"] == name
    assert door("GET", f"/artifacts/{name}/content").raw == FIRMWARE


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (None, "application/octet-stream"),
        ("application/x-www-form-urlencoded", "application/octet-stream"),
        ("text/html; charset=utf-8", "text/html"),
        ("nonsense", "application/octet-stream"),
    ],
)
def test_the_type_is_kept_if_it_is_one(door, given, kept):
    headers = {} if given is None else {"Content-Type": given}
    assert put(door, **headers).body["contentType"] == kept
    fetched = door("GET", "/artifacts/app.bin/content")
    assert fetched.headers["Content-Type"] == kept
    # Whatever it claims to be, no browser is to show it as ours.
    assert fetched.headers["Content-Disposition"].startswith("attachment")
    assert fetched.headers["X-Content-Type-Options"] == "nosniff"


SIZE = len(FIRMWARE)


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-", 0, SIZE - 1),
        ("bytes=0-0", 0, 0),
        ("bytes=5-9", 5, 9),
        (f"bytes={SIZE - 1}-", SIZE - 1, SIZE - 1),
        (f"bytes=1000-{SIZE * 2}", 1000, SIZE - 1),
        ("bytes=-3", SIZE - 3, SIZE - 1),
        (f"bytes=-{SIZE + 5}", 0, SIZE - 1),
        (f"bytes=0-{SIZE - 1}", 0, SIZE - 1),
    ],
)
def test_a_range_is_sent_alone(with_firmware, asked, first, last):
    reply = with_firmware("GET", "/artifacts/app.bin/content", headers={"Range": asked})
    assert (reply.status, reply.raw) == (206, FIRMWARE[first : last + 1])
    assert reply.headers["Content-Range"] == f"bytes {first}-{last}/{SIZE}"
    assert int(reply.headers["Content-Length"]) == len(reply.raw)


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", f"bytes={10**17}-", "bytes=-0"])
def test_a_range_beyond_the_end_is_416(with_firmware, asked):
    reply = with_firmware("GET", "/artifacts/app.bin/content", headers={"Range": asked})
    assert (reply.status, reply.headers["Content-Range"]) == (416, f"bytes */{SIZE}")
    assert reply.error == f"the content has {SIZE} bytes"


@pytest.mark.parametrize(
    "asked", ["", "bytes=-", "bytes=5-4", "bytes=a-b", "items=0-1", "bytes=0-1,3-4", "bytes=1"]
)
def test_what_is_not_one_range_is_passed_over(with_firmware, asked):
    reply = with_firmware("GET", "/artifacts/app.bin/content", headers={"Range": asked})
    assert (reply.status, reply.raw) == (200, FIRMWARE)


def test_a_range_counts_only_if_the_content_is_still_the_one_that_was_begun(with_firmware):
    for tag, status in ((f'"{SHA256}"', 206), ('"other"', 200), ("Mon, 10 Jun 2024 06:13:20 GMT", 200)):
        headers = {"Range": "bytes=5-", "If-Range": tag}
        assert with_firmware("GET", "/artifacts/app.bin/content", headers=headers).status == status


def test_who_has_the_content_is_not_sent_it(with_firmware):
    for tag, status in ((f'"{SHA256}"', 304), (f'"x", W/"{SHA256}"', 304), ('"x"', 200)):
        reply = with_firmware("GET", "/artifacts/app.bin/content", headers={"If-None-Match": tag})
        assert (reply.status, reply.raw == b"") == (status, status == 304)


def test_head_tells_all_but_the_content(with_firmware):
    for headers, status, length in (({}, 200, SIZE), ({"Range": "bytes=0-9"}, 206, 10)):
        reply = with_firmware("HEAD", "/artifacts/app.bin/content", headers=headers)
        assert (reply.status, reply.raw, int(reply.headers["Content-Length"])) == (status, b"", length)
        assert reply.headers["ETag"] == f'"{SHA256}"'


def test_an_empty_content_is_one_too(door):
    put(door, content=b"")
    assert door("GET", "/artifacts/app.bin/content").raw == b""
    assert door("GET", "/artifacts/app.bin/content", headers={"Range": "bytes=0-"}).status == 416


@pytest.fixture(scope="module")
def with_firmware(tmp_path_factory):
    with opened(tmp_path_factory.mktemp("firmware") / "data") as door:
        put(door)
        yield door
