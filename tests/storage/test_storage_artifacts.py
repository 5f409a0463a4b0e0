"""Artifacts in the store: what a name stands for, when it may go, and the links that documents get."""

import json
from datetime import timedelta

import pytest

from domain.artifacts import Artifact, Links, is_signed
from domain.errors import AlreadyExists, Conflict, InvalidRequest, NotFound
from domain.messages import Request
from domain.names import artifact_name
from domain.pacing import checked
from domain.topics import Operation
from storage import artifacts, device, jobs, links
from storage.policy import Policy

SHA256 = "a" * 64
OTHER = "b" * 64


def put(store, name="app.bin", sha256=SHA256, size=7):
    return store.do(
        artifacts.create, name, sha256=sha256, size=size, content_type="application/zip", at=store.now
    )


def test_a_name_stands_for_one_content(store):
    assert put(store)
    assert not put(store)
    with pytest.raises(AlreadyExists, match=f"already exists with other content .sha256 {SHA256}"):
        put(store, sha256=OTHER)
    assert store.do(artifacts.get, "app.bin") == Artifact(
        name="app.bin", sha256=SHA256, size=7, content_type="application/zip", created_at=store.now
    )


@pytest.mark.parametrize("name", ["", ".", "..", ".a", "-a", "a/b", "a:b", "a b", "a\n", "ü", "x" * 129])
def test_what_is_no_name_is_refused(store, name):
    with pytest.raises(InvalidRequest, match="artifactName"):
        put(store, name)
    with pytest.raises(InvalidRequest):
        artifact_name(name)


def test_a_content_is_kept_until_its_last_name_goes(store):
    put(store, "one")
    put(store, "two")
    assert not store.do(artifacts.delete, "one", sha256=SHA256)
    assert store.do(artifacts.is_kept, SHA256)
    assert store.do(artifacts.delete, "two", sha256=SHA256)
    assert not store.do(artifacts.is_kept, SHA256)


def test_what_stands_for_something_else_by_now_is_not_deleted(store):
    put(store)
    with pytest.raises(NotFound, match=r"There is no artifact app\.bin"):
        store.do(artifacts.delete, "app.bin", sha256=OTHER)
    with pytest.raises(NotFound, match="There is no artifact none"):
        store.do(artifacts.delete, "none", sha256=SHA256)


@pytest.mark.parametrize("kind", ["artifact", "artifact-sha256", "artifact-size"])
def test_what_the_document_of_an_open_job_names_is_kept_unless_forced(store, kind):
    put(store, "app_1.bin")
    store.create("job", "t", document=json.dumps({"url": f"${{thingjobs:{kind}:app_1.bin}}"}))
    with pytest.raises(Conflict, match=r"The document of job job names artifact app_1\.bin"):
        store.do(artifacts.delete, "app_1.bin", sha256=SHA256)
    assert store.do(artifacts.delete, "app_1.bin", sha256=SHA256, force=True)


def test_a_name_that_is_escaped_counts_as_well(store):
    put(store)
    store.create("job", "t", document=r'{"url": "\u0024{thingjobs:artifact:\u0061pp.bin}"}')
    with pytest.raises(Conflict):
        store.do(artifacts.delete, "app.bin", sha256=SHA256)


@pytest.mark.parametrize(
    "text",
    ["app_1.bin", "${thingjobs:artifact:appx1.bin}", "${thingjobs:artifact:my-app_1.bin}", "x:app_1.bin}"],
)
def test_what_only_looks_alike_keeps_nothing(store, text):
    for name in ("app_1.bin", "appx1.bin", "my-app_1.bin"):
        put(store, name)
    store.create("job", "t", document=json.dumps({"url": text}))
    store.do(artifacts.delete, "app_1.bin", sha256=SHA256)


def test_a_job_that_has_ended_keeps_nothing(store):
    put(store)
    store.create("job", "t", document='{"url": "${thingjobs:artifact:app.bin}"}')
    store.do(jobs.cancel, "job", at=store.now)
    assert store.do(artifacts.delete, "app.bin", sha256=SHA256)


def test_pages_are_newest_first(store):
    for n in range(5):
        put(store, f"a{n}")
    names, token = [], None
    while True:
        page = store.do(artifacts.page, max_results=2, next_token=token)
        names += [artifact.name for artifact in page.items]
        token = page.next_token
        if token is None:
            break
    assert names == ["a4", "a3", "a2", "a1", "a0"]


def test_the_signing_key_is_made_once(store):
    key = store.do(artifacts.signing_key)
    store.reopen()
    assert store.do(artifacts.signing_key) == key
    assert len(key) == 32


DOCUMENT = json.dumps(
    {
        "url": "${thingjobs:artifact:app.bin}",
        "sha256": "${thingjobs:artifact-sha256:app.bin}",
        "size": "${thingjobs:artifact-size:app.bin}",
        "note": "it has ${thingjobs:artifact-size:app.bin} bytes",
    }
)


@pytest.fixture
def made(store):
    return Links(key=store.do(artifacts.signing_key), base="https://jobs.example")


def given(store, made, thing, operation=Operation.START_NEXT, **more):
    """Return the document as a thing is given it."""
    request = Request(thing_name=thing, operation=operation, **more)
    (answer,) = store.do(device.answer, [request], policy=Policy(minter=links.minter(made)), at=store.now)
    return json.loads(answer.document)


def query(url):
    return dict(pair.split("=") for pair in url.partition("?")[2].split("&"))


def signed(store, url, thing):
    told = query(url)
    return is_signed(
        store.do(artifacts.signing_key),
        store.do(artifacts.get, "app.bin"),
        thing_name=thing,
        expires=int(told["expires"]),
        signature=told["signature"],
    )


def test_each_thing_gets_a_link_of_its_own_and_what_is_known_of_the_content(store, made):
    put(store)
    store.create("job", "t1", "t2", document=DOCUMENT)
    urls = {}
    for thing in ("t1", "t2"):
        document = given(store, made, thing)
        urls[thing] = document.pop("url")
        assert document == {"sha256": SHA256, "size": 7, "note": "it has 7 bytes"}
        assert urls[thing].startswith("https://jobs.example/artifacts/app.bin/content?")
        assert query(urls[thing])["thing"] == thing
        assert signed(store, urls[thing], thing)
    assert not signed(store, urls["t1"], "t2")


def test_a_link_is_made_anew_each_time_and_never_stored(store, made):
    put(store)
    store.create("job", "t", document=DOCUMENT)
    first = given(store, made, "t")["url"]
    store.later(minutes=10)
    second = given(store, made, "t", Operation.DESCRIBE, job_id="job", include_document=True)["url"]
    assert int(query(second)["expires"]) - int(query(first)["expires"]) == 600
    assert store.do(jobs.document, "job") == DOCUMENT
    kept = [
        row
        for table in ("jobs", "executions", "execution_events")
        for row in store.rows(f"SELECT * FROM {table}")
    ]
    assert "signature" not in str(kept)


@pytest.mark.parametrize(("config", "seconds"), [(None, 3600), ({}, 3600), ({"expiresInSec": 60}, 60)])
def test_a_link_is_good_for_as_long_as_its_job_says(store, made, config, seconds):
    put(store)
    pacing = checked({} if config is None else {"presignedUrlConfig": config})
    store.create("job", "t", document=DOCUMENT, pacing=pacing)
    expires = int(query(given(store, made, "t")["url"])["expires"])
    assert expires == int((store.now + timedelta(seconds=seconds)).timestamp())


def test_the_setting_holds_where_the_job_says_nothing(store, made):
    made.seconds = 120
    put(store)
    store.create("job", "t", document=DOCUMENT)
    assert int(query(given(store, made, "t")["url"])["expires"]) == int(store.now.timestamp()) + 120


@pytest.mark.parametrize(
    "config",
    [
        {"expiresInSec": 59},
        {"expiresInSec": 3601},
        {"expiresInSec": "60"},
        {"expiresInSec": 60.5},
        {"roleArn": "short"},
        {"roleArn": "x" * 2049},
        {"unknown": 1},
    ],
)
def test_the_limits_of_the_contract_hold(config):
    with pytest.raises(InvalidRequest, match="presignedUrlConfig"):
        checked({"presignedUrlConfig": config})


@pytest.mark.parametrize("kind", ["artifact", "artifact-sha256", "artifact-size"])
def test_an_artifact_that_is_not_there_is_refused_when_the_document_comes_in(store, kind):
    put(store)
    store.do(links.require, DOCUMENT)
    with pytest.raises(InvalidRequest, match="document names the artifact none, which does not exist"):
        store.do(
            links.require, f'{{"a": "${{thingjobs:{kind}:none}}", "b": "${{thingjobs:artifact:app.bin}}"}}'
        )


S3 = "${aws:iot:s3-presigned-url:https://s3.amazonaws.com/bucket/firmware/app%20one.bin}"


def test_links_to_s3_are_made_by_whoever_can(store, made):
    asked = []
    made.presign = lambda named, *, seconds: asked.append((named, seconds)) or "https://s3/signed"
    pacing = checked({"presignedUrlConfig": {"expiresInSec": 300, "roleArn": "arn:aws:iam::1:role/x"}})
    store.create("job", "t", document=json.dumps({"url": S3}), pacing=pacing)
    assert given(store, made, "t") == {"url": "https://s3/signed"}
    ((named, seconds),) = asked
    assert (named.bucket, named.key, named.region, seconds) == ("bucket", "firmware/app one.bin", None, 300)


@pytest.mark.parametrize(
    "url", [S3, S3.replace("https:", "http:"), S3.replace("amazonaws.com", "evil.example")]
)
def test_a_link_to_s3_that_cannot_be_made_stays_as_it_is(store, made, url):
    store.create("job", "t", document=json.dumps({"url": url}))
    assert given(store, made, "t") == {"url": url}


def test_contents_in_s3_are_linked_there(store, made):
    made.elsewhere = lambda sha256, seconds: f"https://s3/{sha256}?{seconds}"
    put(store)
    store.create("job", "t", document=DOCUMENT)
    assert given(store, made, "t")["url"] == f"https://s3/{SHA256}?3600"


def test_an_artifact_that_was_deleted_by_force_is_never_a_hole_in_a_document(store, made):
    put(store)
    store.create("job", "t", document=DOCUMENT)
    store.do(artifacts.delete, "app.bin", sha256=SHA256, force=True)
    request = Request(thing_name="t", operation=Operation.START_NEXT)
    (answer,) = store.do(device.answer, [request], policy=Policy(minter=links.minter(made)), at=store.now)
    assert answer.document is None
    assert store.rows("SELECT status FROM executions") == [("REJECTED",)]
