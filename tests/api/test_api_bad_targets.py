"""Paths, queries and methods that are wrong, each with the answer it gets; the server lives on."""

import pytest
from sites import BOTH

DIALECTS = BOTH

#: Path of a GET, status, words of the reason. There is a job j on a thing t.
GETS = [
    ("/nothing", 404, "nothing at '/nothing'"),
    ("/jobs/", 404, "nothing at '/jobs/'"),
    ("//jobs", 404, "nothing at '//jobs'"),
    ("/Jobs", 404, "nothing at '/Jobs'"),
    ("/jobs/j/", 404, "nothing at"),
    ("/jobs/j/things", 404, "nothing at"),
    ("/jobs/j/unknown", 404, "nothing at"),
    ("/jobs/../healthz", 404, "nothing at"),
    ("/jobs/..%2fhealthz", 404, "no job '../healthz'"),
    ("/jobs/%2e%2e", 404, "no job '..'"),
    ("/jobs/%252e", 404, "no job '%2e'"),
    ("/docs/../../../etc/passwd", 404, "nothing at"),
    ("/docs/..%2f..%2fapi/app.py", 404, "nothing at"),
    ("/docs/start.js/x", 404, "nothing at"),
    ("/jobs/a%2Fb", 404, "no job 'a/b'"),
    ("/jobs/%ff", 404, "no job '%ff'"),
    ("/jobs/%zz", 404, "no job '%zz'"),
    ("/jobs/%", 404, "no job '%'"),
    ("/jobs/%00", 404, "no job '\\x00'"),
    ("/jobs/j%0a", 404, "no job 'j\\n'"),
    ("/jobs/%C3%BC", 404, "no job '\\xfc'"),
    ("/jobs/%ED%A0%80", 404, "no job"),
    ("/jobs/%F0%9F%98%80", 404, "no job '\\U0001f600'"),
    ("/jobs/a:b", 404, "no job 'a:b'"),
    ("/jobs/$next", 404, "no job '$next'"),
    ("/jobs/" + "j" * 65, 404, "no job 'jjj"),
    ("/jobs/" + "j" * 4_000, 404, "no job 'jjj"),
    ("/jobs/{jobId}", 404, "nothing at '/jobs/{jobId}'"),
    ("/jobs/j'%20OR%201=1--", 404, "no job"),
    ("/jobs/j/things/a%20b", 404, "no thing 'a b'"),
    ("/jobs/j/things/" + "t" * 129, 404, "no thing"),
    ("/jobs-executions/jobs/x:y", 404, "no job 'x:y'"),
    ("/jobs-executions/things/+", 404, "no thing '+'"),
    ("/job-templates/a:b", 404, "no job template 'a:b'"),
    ("/things/%23", 404, "no thing '#'"),
    ("/thing-groups/a%2Fb", 404, "no thing group 'a/b'"),
    ("/jobs?unknown=1", 422, "unknown query parameter 'unknown'"),
    ("/jobs?Status=CANCELED", 422, "unknown query parameter 'Status'"),
    ("/jobs?max_results=1", 422, "unknown query parameter 'max_results'"),
    ("/jobs/j?force=true", 422, "unknown query parameter 'force'"),
    ("/healthz?x=1", 422, "unknown query parameter 'x'"),
    ("/jobs?status=CANCELED&status=COMPLETED", 422, "'status' is given more than once"),
    ("/jobs?maxResults=1&maxResults=1", 422, "'maxResults' is given more than once"),
    ("/jobs?status=canceled", 422, "status 'canceled' is not one of"),
    ("/jobs?status=%00", 422, "status '\\x00'"),
    ("/jobs?status=%ff", 422, "status '\\ufffd'"),
    ("/jobs?status[]=CANCELED", 422, "unknown query parameter 'status[]'"),
    ("/jobs?targetSelection=BOTH", 422, "targetSelection 'BOTH'"),
    ("/jobs?extended", 422, "extended '': must be true or false"),
    ("/jobs?extended=1", 422, "extended '1': must be true or false"),
    ("/jobs?maxResults=1;status=CANCELED", 422, "maxResults '1;status=CANCELED'"),
    ("/jobs?nextToken=%ed%a0%80", 422, "nextToken"),
    ("/jobs?" + "&".join(f"q{n}=1" for n in range(500)), 422, "and 495 more"),
    ("/jobs-executions/jobs/j?status=COMPLETED", 422, "status 'COMPLETED' is not one of"),
    ("/jobs-executions/things/t?targetSelection=SNAPSHOT", 422, "unknown query parameter"),
    ("/things?namePrefix=a+b", 422, "namePrefix 'a b'"),
    ("/things?namePrefix=%25", 422, "namePrefix '%'"),
    ("/things?attributeName=a", 422, "attributeName and attributeValue"),
    ("/things?attributeName=a%20b&attributeValue=x", 422, "attributeName 'a b'"),
    ("/thing-groups/g/things?recursive=maybe", 422, "recursive 'maybe'"),
]

#: Method, path, status, words.
METHODS = [
    ("DELETE", "/jobs", 405, "DELETE is not allowed on '/jobs'; allowed: GET, HEAD, POST"),
    ("PUT", "/jobs", 405, "PUT is not allowed"),
    ("PATCH", "/jobs/j", 405, "PATCH is not allowed"),
    ("POST", "/jobs/j", 405, "allowed: DELETE, GET, HEAD, PUT"),
    ("GET", "/jobs/j/cancel", 405, "allowed: PUT"),
    ("POST", "/jobs/j/cancel", 405, "allowed: PUT"),
    ("OPTIONS", "/jobs", 405, "OPTIONS is not allowed"),
    ("TRACE", "/jobs", 405, "TRACE is not allowed"),
    ("POST", "/healthz", 405, "POST is not allowed"),
    ("PUT", "/docs", 405, "PUT is not allowed"),
    ("POST", "/openapi.json", 405, "POST is not allowed"),
    ("PUT", "/nothing", 404, "nothing at"),
    ("DELETE", "/jobs/j?force=yes", 422, "force 'yes'"),
    ("DELETE", "/jobs/j?force=true&force=false", 422, "'force' is given more than once"),
    ("DELETE", "/jobs/j/things/t?executionNumber=-1", 422, "executionNumber '-1'"),
    ("DELETE", "/jobs/j/things/t?executionNumber=1.0", 422, "executionNumber '1.0'"),
    ("DELETE", "/jobs/j/things/t?executionNumber=" + "9" * 40, 422, "executionNumber '999"),
    ("DELETE", "/job-templates/x?force=true", 422, "unknown query parameter 'force'"),
    ("DELETE", "/things/t?expectedVersion=x", 422, "expectedVersion 'x'"),
]


@pytest.fixture(scope="module")
def furnished(shared_door):
    shared_door.job("t", jobId="j", targetSelection="CONTINUOUS")
    shared_door.ok("POST", "/thing-groups", {"thingGroupName": "g"})
    return shared_door


@pytest.mark.parametrize(("path", "status", "words"), GETS, ids=[row[0][:60] for row in GETS])
def test_a_bad_path_or_query_is_refused(furnished, path, status, words):
    reply = furnished("GET", path)
    assert (reply.status, words in reply.error) == (status, True), reply
    assert furnished("GET", "/healthz").status == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "words"), METHODS, ids=[f"{row[0]} {row[1][:50]}" for row in METHODS]
)
def test_a_bad_method_or_flag_is_refused(furnished, method, path, status, words):
    reply = furnished(method, path)
    assert (reply.status, words in reply.error) == (status, True), reply
    if status == 405:
        assert method not in reply.headers["Allow"].split(", ")
    assert furnished("GET", "/healthz").status == 200


@pytest.mark.parametrize("path", ["/jobs", "/jobs/j", "/jobs/none", "/nothing", "/healthz", "/docs"])
def test_head_is_a_get_without_its_body(furnished, path):
    head, get = furnished("HEAD", path), furnished("GET", path)
    assert (head.status, head.raw) == (get.status, b"")
    assert head.headers["Content-Length"] == get.headers["Content-Length"]


def test_other_ways_to_say_the_method_mean_nothing(furnished):
    for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        assert furnished("POST", "/jobs/j", headers={name: "DELETE"}).status == 405
    assert furnished("GET", "/jobs/j").status == 200
