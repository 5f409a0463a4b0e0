"""Which settings say where artifacts lie and how they are linked, and what is said of links to nowhere."""

import os

import pytest
from structlog.testing import capture_logs

from api.artifact_s3 import S3Contents
from cli.artifact_parts import artifact_parts, warn_of_loopback
from cli.errors import UsageRefused
from cli.settings import load, printable
from domain.s3_objects import S3Object
from storage.store import Store

KEY = "k" * 20
S3 = {"s3_access_key_id": "AK", "s3_secret_access_key": "planted-secret"}
OBJECT = S3Object("linked", "a/b.bin", "eu-west-1")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch):
    for name in os.environ:
        if name.upper().startswith("THINGJOBS_"):
            monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("settings", "warns"),
    [
        ({}, False),
        ({"http_host": "0.0.0.0", "api_key": KEY}, True),
        ({"http_host": "::", "api_key": KEY}, True),
        ({"mqtt_host": "192.0.2.7"}, True),
        ({"broker": "external", "broker_host": "mqtt.example"}, True),
        ({"mqtt_host": "192.0.2.7", "http_host": "192.0.2.7", "api_key": KEY}, False),
        ({"mqtt_host": "192.0.2.7", "artifact_url": "https://jobs.example"}, False),
        ({"mqtt_host": "192.0.2.7", "artifact_store": "s3", "s3_bucket": "bucket", **S3}, False),
    ],
)
def test_links_that_may_lead_nowhere_are_told_of(settings, warns):
    with capture_logs() as said:
        warn_of_loopback(load(**settings), "http://127.0.0.1:8080")
    told = [(entry["log_level"], entry["setting"], entry["links_begin_with"]) for entry in said]
    assert told == [("warning", "THINGJOBS_ARTIFACT_URL", "http://127.0.0.1:8080")] * warns


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"artifact_store": "s3", **S3}, "THINGJOBS_ARTIFACT_STORE=s3 needs THINGJOBS_S3_BUCKET"),
        ({"artifact_store": "s3", "s3_bucket": "bucket"}, "S3 needs THINGJOBS_S3_ACCESS_KEY_ID and"),
        ({"s3_linked_buckets": "one,two", "s3_access_key_id": "AK"}, "THINGJOBS_S3_SECRET_ACCESS_KEY"),
        ({"s3_linked_buckets": "one, two", **S3}, "THINGJOBS_S3_LINKED_BUCKETS"),
        ({"s3_linked_buckets": "No", **S3}, "THINGJOBS_S3_LINKED_BUCKETS"),
        ({"s3_bucket": "a/b"}, "THINGJOBS_S3_BUCKET"),
        ({"s3_endpoint": "ftp://x"}, "THINGJOBS_S3_ENDPOINT"),
        ({"artifact_url": "jobs.example"}, "THINGJOBS_ARTIFACT_URL"),
        ({"artifact_url": "https://jobs.example/?x"}, "THINGJOBS_ARTIFACT_URL"),
        ({"artifact_url": "https://me:pw@jobs.example"}, "THINGJOBS_ARTIFACT_URL"),
        ({"artifact_link_seconds": 59}, "THINGJOBS_ARTIFACT_LINK_SECONDS"),
        ({"artifact_link_seconds": 3601}, "THINGJOBS_ARTIFACT_LINK_SECONDS"),
        ({"artifact_max_bytes": 0}, "THINGJOBS_ARTIFACT_MAX_BYTES"),
        ({"artifact_store": "ftp"}, "THINGJOBS_ARTIFACT_STORE"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused_by_name(settings, reason):
    with pytest.raises(UsageRefused, match=reason):
        load(**settings)


def test_the_secret_is_shown_nowhere(tmp_path):
    settings = load(artifact_store="s3", s3_bucket="bucket", **S3)
    assert "planted-secret" not in printable(settings) + repr(settings)


@pytest.fixture
async def store(tmp_path):
    store = Store.open(tmp_path / "data")
    yield store
    await store.close()


async def test_without_s3_nothing_is_linked_there(store, tmp_path):
    _, links = await artifact_parts(load(data_dir=tmp_path / "data"), store)
    assert links.to_object(OBJECT, seconds=60) is None


async def test_documents_may_point_into_the_buckets_that_are_listed_and_no_others(store, tmp_path):
    settings = load(data_dir=tmp_path / "data", s3_linked_buckets="other,linked", **S3)
    kept, links = await artifact_parts(settings, store)
    assert not isinstance(kept.contents, S3Contents)
    url = links.to_object(OBJECT, seconds=60)
    assert url.startswith(
        "https://s3.eu-west-1.amazonaws.com/linked/a/b.bin?X-Amz-Algorithm=AWS4-HMAC-SHA256&"
    )
    assert "X-Amz-Expires=60&" in url
    assert links.to_object(S3Object("foreign", "a"), seconds=60) is None
    assert links.to_object(S3Object("linked", "a//b"), seconds=60) is None


async def test_links_name_the_address_of_s3_that_devices_see(store, tmp_path):
    settings = load(
        data_dir=tmp_path / "data",
        artifact_store="s3",
        s3_bucket="bucket",
        s3_endpoint="http://10.0.0.1:9000",
        s3_public_endpoint="https://objects.example",
        **S3,
    )
    kept, links = await artifact_parts(settings, store)
    assert isinstance(kept.contents, S3Contents)
    assert links.elsewhere("a" * 64, 60).startswith(f"https://objects.example/bucket/artifacts/{'a' * 64}?")
    # Its own bucket is no other's to point into.
    assert links.to_object(S3Object("bucket", "a"), seconds=60) is None


async def test_variables_of_aws_in_the_environment_change_nothing(store, tmp_path, monkeypatch):
    for name in ("AWS_ENDPOINT", "AWS_ENDPOINT_URL"):
        monkeypatch.setenv(name, "http://evil.example")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "theirs")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "theirs")
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    settings = load(data_dir=tmp_path / "data", s3_linked_buckets="linked", **S3)
    _, links = await artifact_parts(settings, store)
    url = links.to_object(OBJECT, seconds=60)
    assert "evil" not in url
    assert "theirs" not in url
    assert "X-Amz-Credential=AK%2F" in url
