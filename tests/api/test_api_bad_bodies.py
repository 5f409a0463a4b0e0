"""Bodies that are wrong, each with the answer it gets: field and value are named, and the server lives on."""

import json

import pytest
from sites import BOTH

DIALECTS = BOTH

NEW = {"targets": ["t"], "targetSelection": "SNAPSHOT", "document": "{}"}
ARN = "arn:aws:iot:us-east-1:123456789012"


def new(**more):
    return json.dumps({**NEW, **more}).encode()


def doc(text):
    return new(document=text)


def nested(depth, inner=b"1"):
    return b'{"a":' * depth + inner + b"}" * depth


#: Name, body, words of the reason; all are 422 from POST /jobs.
JOBS = [
    ("not JSON", b"{", "not valid JSON", "line 1"),
    ("no text at all", b"\xff\xfe", "not valid JSON"),
    ("a lone surrogate", b'{"description":"\\ud800"}', "not valid JSON"),
    ("half a pair of surrogates", b'{"description":"\\ud83d\\u0041"}', "not valid JSON"),
    ("overlong UTF-8", b'{"description":"\xc0\xaf"}', "not valid JSON"),
    ("a surrogate in UTF-8", b'{"description":"\xed\xa0\x80"}', "not valid JSON"),
    ("UTF-16", new().decode().encode("utf-16"), "not valid JSON"),
    ("UTF-16 without a mark", new().decode().encode("utf-16-le"), "not valid JSON"),
    ("UTF-32", new().decode().encode("utf-32"), "not valid JSON"),
    ("a byte order mark", b"\xef\xbb\xbf" + new(), "not valid JSON"),
    ("NaN", b'{"description":NaN}', "not valid JSON"),
    ("Infinity", b'{"description":-Infinity}', "not valid JSON"),
    ("single quotes", b"{'targets':['t']}", "not valid JSON"),
    ("a comment", b"{/* */}", "not valid JSON"),
    ("a comma too many", b'{"targets":["t"],}', "not valid JSON"),
    ("two objects", b"{}{}", "not valid JSON"),
    ("a raw line end in a string", b'{"description":"a\nb"}', "not valid JSON"),
    ("a number with a zero before it", b'{"description":01}', "not valid JSON"),
    ("a number of a million digits", b'{"description":' + b"9" * 1_000_000 + b"}", "not valid JSON"),
    ("an exponent out of this world", b'{"description":1e999999}', "description"),
    ("an array", b"[]", "must be a JSON object"),
    ("a string", b'"targets"', "must be a JSON object"),
    ("null", b"null", "must be a JSON object"),
    ("nothing", b"", "targets is required", "targetSelection is required"),
    ("blanks", b" \n\t ", "targets is required"),
    ("a name twice", b'{"targets":["a"],"targets":["b"]}', "'targets' stands twice"),
    ("a name twice, once escaped", b'{"targets":["a"],"target\\u0073":["b"]}', "'targets' stands twice"),
    ("a name twice, far down", b'{"timeoutConfig":{"a":1,"a":1}}', "'a' stands twice"),
    ("25 levels", nested(25), "nested deeper than 24"),
    ("a thousand levels", nested(1_000), "nested deeper than 24"),
    ("a hundred thousand brackets", b"[" * 100_000, "nested deeper than 24"),
    (
        "ten thousand and one members",
        json.dumps(dict.fromkeys(map(str, range(10_001)))).encode(),
        "10001 members",
    ),
    ("an unknown member", new(urgency=3), "unknown member 'urgency'"),
    ("a member in another case", new(Targets=["t"]), "unknown member 'Targets'"),
    ("a member in snake case", new(job_id="x"), "unknown member 'job_id'"),
    ("an unknown member of a member", new(timeoutConfig={"minutes": 1}), "timeoutConfig.minutes"),
    ("__proto__", new(__proto__={}), "unknown member '__proto__'"),
    ("targets: null", new(targets=None), "targets must be an array, not null"),
    ("targets: a string", new(targets="t"), "targets must be an array, not a string"),
    ("targets: an object", new(targets={"t": 1}), "targets must be an array, not an object"),
    ("targets: none", new(targets=[]), "targets has 0 entries; at least 1"),
    ("targets: 10,001", new(targets=["t"] * 10_001), "targets has 10001 entries; at most 10000"),
    ("targets: a number", new(targets=[7]), "targets[0] must be a string, not a number"),
    ("targets: null inside", new(targets=["t", None]), "targets[1] must be a string, not null"),
    ("targets: empty", new(targets=[""]), "targets", "''"),
    ("targets: 129 characters", new(targets=["t" * 129]), "targets", "ttt"),
    ("targets: a space", new(targets=["a b"]), "targets", "'a b'"),
    ("targets: a wildcard", new(targets=["#"]), "targets", "'#'"),
    ("targets: a line end", new(targets=["t\n"]), "targets", "'t\\n'"),
    ("targets: U+0000", new(targets=["t\0"]), "targets", "'t\\x00'"),
    ("targets: a slash", new(targets=["thing/a/b"]), "targets", "'thing/a/b'"),
    ("targets: another kind", new(targets=["things/t"]), "targets", "'things/t'"),
    ("targets: an umlaut", new(targets=["tür"]), "targets", "'tür'"),
    ("targets: a digit that is not ASCII", new(targets=["t\u0661"]), "targets"),
    ("targets: ARN of a bucket", new(targets=["arn:aws:s3:::t"]), "targets", "arn:aws:s3:::t"),
    ("targets: ARN of a job", new(targets=[f"{ARN}:job/t"]), "targets", "job/t"),
    ("targets: an unknown group", new(targets=["thinggroup/none"]), "targets", "no thing group 'none'"),
    ("targetSelection: null", new(targetSelection=None), "targetSelection", "SNAPSHOT"),
    (
        "targetSelection: lower case",
        new(targetSelection="snapshot"),
        "targetSelection 'snapshot'",
        "CONTINUOUS",
    ),
    ("targetSelection: empty", new(targetSelection=""), "targetSelection ''"),
    ("targetSelection: an array", new(targetSelection=["SNAPSHOT"]), "targetSelection", "['SNAPSHOT']"),
    ("targetSelection: true", new(targetSelection=True), "targetSelection True"),
    ("document: null", new(document=None), "document is required"),
    ("document: a number", new(document=5), "document", "must be a JSON string or object"),
    ("document: an array", new(document=[]), "document", "must be a JSON string or object"),
    ("document: no JSON", doc("echo hello"), "document is not valid JSON"),
    ("document: empty", doc(""), "document is not valid JSON"),
    ("document: an array in a string", doc("[]"), "document must hold a JSON object"),
    ("document: NaN", doc('{"a":NaN}'), "document is not valid JSON"),
    ("document: a name twice", doc('{"a":1,"a":2}'), "document", "'a' stands twice"),
    ("document: a lone surrogate", doc('{"a":"\\ud800"}'), "document"),
    ("document: U+0000", doc('{"a":"\\u0000"}'), "document", "U+0000"),
    ("document: 21 levels", doc(nested(21).decode()), "document is nested deeper than 20"),
    (
        "document: 21 levels as object",
        new(document=json.loads(nested(21))),
        "document is nested deeper than 20",
    ),
    ("document: 32,769 bytes", doc(json.dumps({"a": "x" * 32_760})), "document has 32769 bytes", "32768"),
    ("document: characters count as bytes", doc('{"a":"' + "ä" * 16_384 + '"}'), "document has 32776 bytes"),
    ("document: an unknown placeholder", doc('{"a":"${aws:iot:x:y}"}'), "placeholder", "${aws:iot:x:y}"),
    ("description: a number", new(description=5), "description must be a string, not a number"),
    ("description: a line end", new(description="a\nb"), "description", "U+000A"),
    ("description: U+0000", new(description="a\0"), "description", "U+0000"),
    ("description: right-to-left override", new(description="a\u202eb"), "description", "U+202E"),
    ("description: too long", new(description="x" * 2_029), "description has 2029 characters", "2028"),
    ("jobId: empty", new(jobId=""), "jobId ''", "does not match"),
    ("jobId: a number", new(jobId=5), "jobId must be a string, not a number"),
    ("jobId: 65 characters", new(jobId="j" * 65), "jobId", "does not match"),
    ("jobId: a colon", new(jobId="a:b"), "jobId 'a:b'"),
    ("jobId: $next", new(jobId="$next"), "jobId '$next'"),
    ("jobId: a path", new(jobId="../x"), "jobId '../x'"),
    ("jobId: a line end", new(jobId="j\n"), "jobId 'j\\n'"),
    ("clientToken: empty", new(clientToken=""), "clientToken"),
    ("clientToken: 65 characters", new(clientToken="x" * 65), "clientToken"),
    ("clientToken: an umlaut", new(clientToken="ü"), "clientToken"),
    ("timeoutConfig: a number", new(timeoutConfig=5), "timeoutConfig must be an object, not a number"),
    ("minutes: none", new(timeoutConfig={"inProgressTimeoutInMinutes": 0}), "inProgressTimeoutInMinutes 0"),
    ("minutes: 10,081", new(timeoutConfig={"inProgressTimeoutInMinutes": 10_081}), "10081", "10080"),
    ("minutes: half a one", new(timeoutConfig={"inProgressTimeoutInMinutes": 1.5}), "1.5", "whole number"),
    ("minutes: true", new(timeoutConfig={"inProgressTimeoutInMinutes": True}), "True", "whole number"),
    ("minutes: a string", new(timeoutConfig={"inProgressTimeoutInMinutes": "5"}), "'5'", "whole number"),
    (
        "minutes: null",
        new(timeoutConfig={"inProgressTimeoutInMinutes": None}),
        "InMinutes",
        "must not be null",
    ),
    ("jobTemplateArn: of a thing", new(jobTemplateArn=f"{ARN}:thing/t"), "jobTemplateArn"),
    (
        "two templates",
        new(jobTemplateId="a", jobTemplateArn=f"{ARN}:jobtemplate/b"),
        "jobTemplateId a",
        "differ",
    ),
    ("five faults are told and the others counted", b'{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1}', "and 3 more"),
]

#: Method, path, body, words: the other operations. There are a job j on t, a group g.
OTHERS = [
    ("PUT", "/jobs/j/cancel", {"force": "yes"}, "force 'yes'", "true or false"),
    ("PUT", "/jobs/j/cancel", {"force": 1}, "force 1"),
    ("PUT", "/jobs/j/cancel", {"comment": ["x"]}, "comment must be a string, not an array"),
    ("PUT", "/jobs/j/cancel", {"reason": "x"}, "unknown member 'reason'"),
    ("PUT", "/jobs/j/associate", {}, "targets is required"),
    ("PUT", "/jobs/j/associate", {"targets": [{}]}, "targets[0] must be a string, not an object"),
    ("PUT", "/jobs/j", {"description": ["x"]}, "description must be a string"),
    ("PUT", "/jobs/j", {"targets": ["u"]}, "unknown member 'targets'"),
    ("PUT", "/jobs/j/things/t/cancel", {"expectedVersion": "one"}, "expectedVersion 'one'"),
    ("PUT", "/jobs/j/things/t/cancel", {"expectedVersion": -1}, "expectedVersion -1"),
    ("PUT", "/jobs/j/things/t/cancel", {"expectedVersion": 1.5}, "expectedVersion 1.5"),
    ("PUT", "/jobs/j/things/t/cancel", {"expectedVersion": 10**18}, "expectedVersion 1000000000000000000"),
    ("PUT", "/jobs/j/things/t/cancel", {"expectedVersion": True}, "expectedVersion True"),
    (
        "PUT",
        "/jobs/j/things/t/cancel",
        {"statusDetails": "x"},
        "statusDetails must be an object, not a string",
    ),
    ("PUT", "/jobs/j/things/t/cancel", {"statusDetails": {"detailsMap": "x"}}, "statusDetails.detailsMap"),
    ("PUT", "/jobs/j/things/t/cancel", {"detailsMap": {"a": {}}}, "a must be a string, not an object"),
    ("PUT", "/jobs/j/things/t/cancel", {"detailsMap": {"a": None}}, "a must be a string, not null"),
    ("PUT", "/jobs/j/things/t/cancel", {"detailsMap": {"": "x"}}, "''", "does not match"),
    ("PUT", "/jobs/j/things/t/cancel", {"detailsMap": {"a": ""}}, "0 characters"),
    ("PUT", "/jobs/j/things/t/cancel", {"detailsMap": {"a": "x" * 1025}}, "1025 characters"),
    ("PUT", "/jobs/j/things/t/cancel", {"detailsMap": {"a": "\x1b[31m"}}, "U+001B"),
    ("PUT", "/jobs/j/things/t/cancel", {"detailsMap": {str(n): "x" for n in range(11)}}, "11 pairs", "10"),
    ("PUT", "/jobs/j/things/t/cancel", {"action": []}, "action must be a string, not an array"),
    ("DELETE", "/jobs/j", {"force": "TRUE"}, "force 'TRUE'"),
    ("DELETE", "/jobs/j?force=false", {"force": 2}, "force 2"),
    ("DELETE", "/jobs/j/things/t", {"executionNumber": "first"}, "executionNumber 'first'"),
    ("DELETE", "/jobs/j/things/t", {"executionNumber": "01"}, "executionNumber '01'"),
    ("DELETE", "/job-templates/x", {"force": True}, "unknown member 'force'"),
    (
        "POST",
        "/job-templates",
        {"document": "{}", "description": None},
        "description must be a string, not null",
    ),
    (
        "POST",
        "/job-templates",
        {"document": "{}", "description": "d", "targets": ["t"]},
        "unknown member 'targets'",
    ),
    ("POST", "/things", {}, "thingName is required"),
    ("POST", "/things", {"thingName": "a/b"}, "thingName 'a/b'"),
    ("POST", "/things", {"thingName": "n", "timeZone": "Mars/Base"}, "timeZone 'Mars/Base'"),
    ("POST", "/things", {"thingName": "n", "timeZone": "../../etc/passwd"}, "timeZone"),
    ("POST", "/things", {"thingName": "n", "attributes": {"a": 1}}, "attributes.a", "1"),
    ("POST", "/things", {"thingName": "n", "attributes": {"a b": "1"}}, "attributes", "'a b'"),
    ("POST", "/things", {"thingName": "n", "attributes": {str(n): "" for n in range(51)}}, "51 pairs"),
    ("PUT", "/things/t", {}, "attributes or timeZone is required"),
    ("PUT", "/things/t", {"attributes": None}, "attributes", "must not be null"),
    ("POST", "/things/t/tokens", {"ttl": 5}, "unknown member 'ttl'"),
    ("POST", "/thing-groups", {"thingGroupName": "g/h"}, "thingGroupName 'g/h'"),
    ("PUT", "/thing-groups/g", {}, "description, timeZone or queryString is required"),
    ("PUT", "/thing-groups/g/things", {"things": []}, "things has 0 entries"),
    ("PUT", "/thing-groups/g/things", {"things": ["thing/t"]}, "things[0] 'thing/t'"),
    ("DELETE", "/thing-groups/g/things", {"things": "t"}, "things must be an array"),
]


@pytest.fixture(scope="module")
def furnished(shared_door):
    shared_door.job("t", jobId="j", targetSelection="CONTINUOUS")
    shared_door.ok("POST", "/job-templates", {"document": "{}", "description": "d", "jobTemplateId": "x"})
    shared_door.ok("POST", "/thing-groups", {"thingGroupName": "g"})
    return shared_door


def refused(door, reply, words):
    assert reply.status == 422, reply
    for word in words:
        assert word in reply.error, reply.error
    assert len(reply.error) < 1_000
    assert "Traceback" not in reply.error
    assert door("GET", "/healthz").status == 200


@pytest.mark.parametrize(("raw", "words"), [pytest.param(row[1], row[2:], id=row[0]) for row in JOBS])
def test_a_bad_job_is_refused_with_field_and_value(furnished, raw, words):
    refused(furnished, furnished("POST", "/jobs", raw=raw), words)


@pytest.mark.parametrize(
    ("method", "path", "body", "words"),
    [pytest.param(*row[:3], row[3:], id=f"{row[0]} {row[1]} {row[3]}") for row in OTHERS],
)
def test_a_bad_body_of_another_operation_is_refused_with_field_and_value(
    furnished, method, path, body, words
):
    refused(furnished, furnished(method, path, body), words)


def test_nothing_that_was_refused_has_left_a_trace(furnished):
    assert [job["jobId"] for job in furnished.ok("GET", "/jobs")["jobs"]] == ["j"]
    assert [thing["thingName"] for thing in furnished.ok("GET", "/things")["things"]] == ["t"]
    assert furnished.ok("GET", "/jobs/j")["job"]["targets"] == ["t"]
    assert furnished.ok("GET", "/jobs/j/things/t")["execution"]["versionNumber"] == 1
