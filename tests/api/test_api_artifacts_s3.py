"""Artifacts in S3-compatible storage: put there, read from there, linked there, every signature checked."""

import hashlib
import http.client
from urllib.parse import parse_qsl, urlsplit

import pytest
from http_door import opened
from s3_server import ACCESS_KEY, SECRET, UNSIGNED, s3_server, signature

from api.artifact_s3 import Presigner, S3Access, S3Contents
from api.artifact_store import ArtifactStore
from domain.s3_objects import S3Object, parse

FIRMWARE = hashlib.shake_256(b"s3").digest(1_000_000)
SHA256 = hashlib.sha256(FIRMWARE).hexdigest()
#: Above what goes in one piece.
LARGE = hashlib.shake_256(b"large").digest(12_000_000)


def test_the_checker_agrees_with_the_example_that_aws_prints():
    url = (
        "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524"
        "%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400"
        "&X-Amz-SignedHeaders=host"
    )
    split = urlsplit(url)
    assert (
        signature(
            "GET",
            split.path,
            parse_qsl(split.query),
            {"host": "examplebucket.s3.amazonaws.com"},
            UNSIGNED,
            date="20130524T000000Z",
            scope="20130524/us-east-1/s3/aws4_request",
        )
        == "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    )


@pytest.fixture
def s3():
    with s3_server() as server:
        yield server


def access(s3, secret=SECRET):
    return S3Access(region="us-east-1", endpoint=s3.url, access_key_id=ACCESS_KEY, secret_access_key=secret)


@pytest.fixture
def door(tmp_path, s3):
    folder = tmp_path / "data" / "artifacts"
    kept = ArtifactStore(S3Contents(access(s3), "bucket", "artifacts/"), drafts=folder, max_bytes=50_000_000)
    with opened(tmp_path / "data", artifacts=kept) as door:
        yield door


def fetch(url, **headers):
    split = urlsplit(url)
    connection = http.client.HTTPConnection(split.hostname, split.port, timeout=30)
    connection.request("GET", f"{split.path}?{split.query}", headers=headers)
    answer = connection.getresponse()
    found = answer.status, answer.read()
    connection.close()
    return found


def test_what_is_put_lies_there_under_its_digest_and_nothing_stays_here(door, s3, tmp_path):
    assert door("PUT", f"/artifacts/app.bin?sha256={SHA256}", raw=FIRMWARE).body["created"]
    assert s3.objects == {f"bucket/artifacts/{SHA256}": FIRMWARE}
    assert list((tmp_path / "data" / "artifacts").iterdir()) == []
    assert door("GET", "/artifacts/app.bin/content").raw == FIRMWARE
    part = door("GET", "/artifacts/app.bin/content", headers={"Range": "bytes=10-19"})
    assert (part.status, part.raw) == (206, FIRMWARE[10:20])
    assert s3.refused == []


def test_a_large_content_goes_in_parts(door, s3):
    assert door("PUT", "/artifacts/large", raw=LARGE).status == 200
    assert list(s3.objects.values()) == [LARGE]
    assert s3.parts == {}
    assert door("GET", "/artifacts/large/content").raw == LARGE
    assert s3.refused == []


def test_an_empty_content_is_one_too(door, s3):
    assert door("PUT", "/artifacts/empty", raw=b"").status == 200
    assert door("GET", "/artifacts/empty/content").raw == b""


def test_what_is_deleted_goes_there_with_its_last_name(door, s3):
    for name in ("one", "two"):
        door("PUT", f"/artifacts/{name}", raw=FIRMWARE)
    door.ok("DELETE", "/artifacts/one")
    assert len(s3.objects) == 1
    door.ok("DELETE", "/artifacts/two")
    assert s3.objects == {}


def test_a_storage_in_trouble_is_503_and_leaves_no_name(door, s3):
    s3.broken = True
    refused = door("PUT", "/artifacts/app.bin", raw=FIRMWARE)
    assert refused.status == 503
    assert refused.error.startswith("the S3 storage of artifacts does not serve: ")
    s3.broken = False
    assert door("GET", "/artifacts/app.bin").status == 404
    assert door("PUT", "/artifacts/app.bin", raw=FIRMWARE).status == 200
    s3.broken = True
    assert door("GET", "/artifacts/app.bin/content").status == 503


def test_a_content_that_is_lost_there_is_503(door, s3):
    door("PUT", "/artifacts/app.bin", raw=FIRMWARE)
    s3.objects.clear()
    assert door("GET", "/artifacts/app.bin/content").status == 503


def test_a_wrong_secret_is_refused_there_and_never_told_here(tmp_path, s3):
    kept = ArtifactStore(
        S3Contents(access(s3, "planted-secret"), "bucket", "artifacts/"),
        drafts=tmp_path / "data" / "artifacts",
        max_bytes=10**9,
    )
    with opened(tmp_path / "data", artifacts=kept) as door:
        refused = door("PUT", "/artifacts/app.bin", raw=FIRMWARE)
    assert refused.status == 503
    assert "planted-secret" not in refused.error
    assert s3.refused[0] == "SignatureDoesNotMatch"
    assert "planted-secret" not in repr(access(s3, "planted-secret"))


@pytest.mark.parametrize("key", ["app.bin", "a/b c/ü+x~.bin", "100%.bin"])
def test_a_presigned_link_is_taken_with_ranges_and_for_its_object_only(s3, key):
    s3.objects[f"bucket/{key}"] = FIRMWARE
    s3.objects["bucket/other"] = b"other"
    url = Presigner(access(s3), frozenset({"bucket"})).link(S3Object("bucket", key), seconds=60)
    assert fetch(url) == (200, FIRMWARE)
    assert fetch(url, Range="bytes=5-") == (206, FIRMWARE[5:])
    parts = urlsplit(url)
    assert fetch(f"{s3.url}/bucket/other?{parts.query}")[0] == 403
    assert fetch(url.replace("X-Amz-Expires=60", "X-Amz-Expires=600"))[0] == 403
    assert fetch(f"{s3.url}{parts.path}")[0] == 403


SPELLINGS = {
    "https://s3.amazonaws.com/bucket/a/b%20c.bin": (None, "s3.us-east-1"),
    "https://s3.eu-west-1.amazonaws.com/bucket/a/b%20c.bin": ("eu-west-1", "s3.eu-west-1"),
    "https://bucket.s3.amazonaws.com/a/b%20c.bin": (None, "s3.us-east-1"),
    "https://bucket.s3.eu-west-1.amazonaws.com/a/b%20c.bin": ("eu-west-1", "s3.eu-west-1"),
    "https://s3-us-west-2.amazonaws.com/bucket/a/b%20c.bin": ("us-west-2", "s3.us-west-2"),
}


@pytest.mark.parametrize("url", SPELLINGS)
def test_all_spellings_of_a_url_name_the_object_in_its_region(url):
    region, host = SPELLINGS[url]
    named = parse(url)
    assert named == S3Object("bucket", "a/b c.bin", region)
    aws = S3Access(region="us-east-1", access_key_id="a", secret_access_key="s")
    link = Presigner(aws, frozenset({"bucket"})).link(named, seconds=60)
    assert link.startswith(f"https://{host}.amazonaws.com/bucket/a/b%20c.bin?")


@pytest.mark.parametrize(
    "url",
    [
        "http://s3.amazonaws.com/bucket/key",
        "https://s3.amazonaws.com/bucket",
        "https://s3.amazonaws.com/bucket/",
        "https://s3.amazonaws.com.evil.example/bucket/key",
        "https://evil.example/s3.amazonaws.com/bucket/key",
        "https://s3.amazonaws.com@evil.example/bucket/key",
        "https://s3.amazonaws.com/Bucket/key",
        "s3://bucket/key",
        "",
    ],
)
def test_what_is_no_such_url_names_nothing(url):
    assert parse(url) is None


def test_a_bucket_that_is_not_allowed_is_not_linked(s3):
    presigner = Presigner(access(s3), frozenset({"bucket"}))
    assert presigner.link(S3Object("other", "a"), seconds=60) is None
    assert presigner.link(S3Object("bucket", "a/../b"), seconds=60) is None
