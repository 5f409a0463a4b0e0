"""Jobs whose document is named by a URL: fetched once, from artifacts and listed buckets (contract 1.4)."""

import json

import pytest
from asking import refused
from aws_fleet import DOCUMENT, Fleet
from aws_site import opened_site
from s3_server import ACCESS_KEY, SECRET, s3_server

from api.artifact_s3 import ObjectReader, S3Access
from api.document_sources import DocumentSources

BASE = "http://files.example.com:8080/fleet"


@pytest.fixture(scope="module")
def s3():
    with s3_server() as server:
        yield server


@pytest.fixture(scope="module")
def stocked(tmp_path_factory, s3):
    access = S3Access(region="us-east-1", endpoint=s3.url, access_key_id=ACCESS_KEY, secret_access_key=SECRET)
    reader = ObjectReader(access, frozenset({"listed"}))
    sources = DocumentSources(base=lambda: f"{BASE}/", read_object=reader.read)
    with opened_site(tmp_path_factory.mktemp("sources") / "data", sources=sources) as site:
        yield site


@pytest.fixture
def fleet(stocked):
    return Fleet(stocked)


def put(fleet, name, content):
    reply = fleet.site.door("PUT", f"/artifacts/{name}", raw=content)
    assert reply.status == 200, reply.raw
    return f"{BASE}/artifacts/{name}/content"


def test_an_artifact_of_ours_is_read_once(fleet):
    url = put(fleet, f"doc-{fleet.number}.json", DOCUMENT.encode())
    fleet.iot.create_job(jobId=fleet.name("j"), targets=fleet.things("t"), documentSource=url)
    job = fleet.name("j")
    assert fleet.iot.describe_job(jobId=job)["documentSource"] == url
    fleet.site.door("DELETE", f"/artifacts/doc-{fleet.number}.json")
    assert fleet.iot.get_job_document(jobId=job)["document"] == DOCUMENT
    told = fleet.site.jobs_data.describe_job_execution(
        jobId=job, thingName=fleet.name("t"), includeJobDocument=True
    )
    assert json.loads(told["execution"]["jobDocument"]) == json.loads(DOCUMENT)


def test_a_signed_link_names_its_artifact_as_well(fleet):
    url = put(fleet, f"doc-{fleet.number}.json", b"{}")
    signed = f"{url}?expires=1&thing=t&signature=x"
    fleet.iot.create_job(jobId=fleet.name("j"), targets=fleet.things("t"), documentSource=signed)


@pytest.mark.parametrize(
    "url",
    [
        "https://s3.amazonaws.com/listed/docs/a.json",
        "https://s3.us-east-1.amazonaws.com/listed/docs/a.json",
        "https://listed.s3.us-east-1.amazonaws.com/docs/a.json",
    ],
)
def test_an_object_of_a_listed_bucket_is_read(fleet, s3, url):
    s3.objects["listed/docs/a.json"] = b'{"from":"s3"}'
    fleet.iot.create_job(jobId=fleet.name("j"), targets=fleet.things("t"), documentSource=url)
    s3.objects["listed/docs/a.json"] = b'{"from":"later"}'
    assert fleet.iot.get_job_document(jobId=fleet.name("j"))["document"] == '{"from":"s3"}'


def test_a_template_hands_on_where_its_document_came_from(fleet):
    url = put(fleet, f"doc-{fleet.number}.json", DOCUMENT.encode())
    name = fleet.name("x")
    template = fleet.iot.create_job_template(jobTemplateId=name, description="d", documentSource=url)
    made = {"targets": fleet.things("t"), "jobTemplateArn": template["jobTemplateArn"]}
    fleet.iot.create_job(jobId=fleet.name("a"), **made)
    fleet.iot.create_job(jobId=fleet.name("b"), document="{}", **made)
    assert fleet.iot.describe_job(jobId=fleet.name("a"))["documentSource"] == url
    assert "documentSource" not in fleet.iot.describe_job(jobId=fleet.name("b"))


REFUSED = {
    "elsewhere": ("http://169.254.169.254/latest/meta-data", "THINGJOBS_S3_LINKED_BUCKETS"),
    "other host": ("http://other.example.com/artifacts/a/content", "THINGJOBS_ARTIFACT_URL"),
    "other prefix": (f"{BASE}x/artifacts/a/content", "is not fetched"),
    "no content": (f"{BASE}/artifacts/a", "is not fetched"),
    "unlisted": ("https://s3.amazonaws.com/other/a.json", "THINGJOBS_S3_LINKED_BUCKETS"),
    "file": ("file:///etc/passwd", "is not fetched"),
    "no artifact": (f"{BASE}/artifacts/nothing/content", "there is no artifact 'nothing'"),
    "no object": ("https://s3.amazonaws.com/listed/nothing", "there is no object 'listed/nothing'"),
    "version": ("https://s3.amazonaws.com/listed/a?versionId=1", "has no query"),
    "long": (f"https://x/{'a' * 1350}", "1 to 1350"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_nothing_else_is_fetched(fleet, s3, case):
    url, words = REFUSED[case]
    said = {"jobId": fleet.name("j"), "targets": fleet.things("t"), "documentSource": url}
    code, status, message = refused(fleet.iot.create_job, **said)
    assert (code, status) == ("InvalidRequestException", 400)
    assert words in message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "not valid JSON"),
        (b"[]", "must hold a JSON object"),
        (b"\xff", "not UTF-8 at byte 0"),
        (b'{"a":"' + b"x" * 32_768 + b'"}', "at most 32768"),
    ],
)
def test_what_is_fetched_must_be_a_document(fleet, s3, content, words):
    ours = put(fleet, f"bad-{fleet.number}", content)
    s3.objects["listed/bad"] = content
    for url in (ours, "https://s3.amazonaws.com/listed/bad"):
        said = {"jobId": fleet.name("j"), "targets": fleet.things("t"), "documentSource": url}
        code, status, message = refused(fleet.iot.create_job, **said)
        assert (code, status, words in message) == ("InvalidRequestException", 400, True), message


def test_a_storage_that_does_not_serve_is_no_fault_of_the_caller(fleet, s3):
    s3.broken = True
    try:
        said = {"jobId": fleet.name("j"), "targets": fleet.things("t")}
        code, status, _ = refused(
            fleet.iot.create_job, **said, documentSource="https://s3.amazonaws.com/listed/a.json"
        )
    finally:
        s3.broken = False
    assert (code, status) == ("ServiceUnavailableException", 503)


def test_without_sources_nothing_is_fetched(shared_site):
    fleet = Fleet(shared_site)
    said = {"jobId": fleet.name("j"), "targets": fleet.things("t")}
    code, _, message = refused(
        fleet.iot.create_job, **said, documentSource="https://s3.amazonaws.com/listed/a"
    )
    assert (code, "is not fetched" in message) == ("InvalidRequestException", True)
