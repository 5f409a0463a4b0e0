"""Stories of creating jobs, through real HTTP; the decisions of the contract are named A1 to A37."""

import json

import pytest

ARN = "arn:aws:iot:us-east-1:123456789012"
NEW = {"targets": ["t1", "t2"], "targetSelection": "SNAPSHOT", "document": '{"operation":"echo"}'}


def test_create_job_then_every_target_has_an_execution(door):
    made = door("POST", "/jobs", {**NEW, "jobId": "first", "description": "hello"})
    assert made.status == 200
    assert made.body == {"created": True, "jobId": "first", "jobArn": f"{ARN}:job/first"}
    assert made.headers["Location"] == "/jobs/first"
    executions = door.ok("GET", "/jobs-executions/jobs/first")["jobExecutions"]
    assert [entry["thingArn"] for entry in executions] == [f"{ARN}:thing/t1", f"{ARN}:thing/t2"]


def test_create_job_names_it_when_the_caller_does_not_a7(door):
    made = door.ok("POST", "/jobs", NEW)
    assert len(made["jobId"]) == 36
    assert door.ok("GET", f"/jobs/{made['jobId']}")["job"]["jobId"] == made["jobId"]


def test_create_answers_200_not_201_a8(door):
    assert door("POST", "/jobs", NEW).status == 200
    assert door("POST", "/job-templates", {"document": "{}", "description": "d"}).status == 200


def test_targets_are_names_or_paths_or_arns_a9(door):
    door.ok("POST", "/thing-groups", {"thingGroupName": "g"})
    door.ok("PUT", "/thing-groups/g/things", {"things": ["t4"]})
    spelled = ["t1", "thing/t2", f"{ARN}:thing/t3", "thinggroup/g"]
    job = door.job(*spelled)
    listed = door.ok("GET", f"/jobs-executions/jobs/{job}")["jobExecutions"]
    assert {entry["thingArn"].rpartition("/")[2] for entry in listed} == {"t1", "t2", "t3", "t4"}
    assert door.ok("GET", f"/jobs/{job}")["job"]["targets"] == spelled


def test_an_unknown_thing_as_target_is_registered_by_that_v33(door):
    assert door("GET", "/things/new-one").status == 404
    door.job("new-one")
    assert door.ok("GET", "/things/new-one")["thing"]["thingName"] == "new-one"


def test_an_unknown_group_or_a_foreign_arn_is_422_a9_a13(door):
    for target in ("thinggroup/none", f"{ARN}:thinggroup/none", "arn:aws:s3:::bucket/t"):
        reply = door("POST", "/jobs", {**NEW, "targets": [target]})
        assert reply.status == 422
        assert "targets" in reply.error


def test_target_selection_is_required_a11(door):
    reply = door("POST", "/jobs", {"targets": ["t"], "document": "{}"})
    assert (reply.status, reply.error) == (422, "targetSelection is required")


@pytest.mark.parametrize(
    "document",
    ['{"a": [1, 2.50, "\\u00e4"],\n "b": null}', "{}", ' {"x":1} ', '{"big":123456789012345678901234567890}'],
)
def test_a_document_that_is_a_string_comes_back_to_the_letter_a12(door, document):
    job = door.job("t", document=document)
    assert door.ok("GET", f"/jobs/{job}/document") == {"document": document}


def test_a_document_that_is_an_object_comes_back_with_the_same_content_a12(door):
    given = {"steps": [{"runCommand": ["a", "ä", "\U0001f600"]}], "n": 1.5e-9, "i": 2**70, "e": {}, "z": None}
    job = door.job("t", document=given)
    assert json.loads(door.ok("GET", f"/jobs/{job}/document")["document"]) == given


@pytest.mark.parametrize(
    "placeholder", ["${aws:iot:unknown:x}", "${aws:iot:s3-presigned-url:https://x", "${aws:iot:}"]
)
def test_an_unknown_or_malformed_placeholder_is_422_a13(door, placeholder):
    reply = door("POST", "/jobs", {**NEW, "document": json.dumps({"url": placeholder})})
    assert reply.status == 422
    assert "placeholder" in reply.error


def test_a_known_placeholder_is_kept_a13(door):
    text = '{"url":"${aws:iot:s3-presigned-url:https://s3.amazonaws.com/bucket/key}"}'
    job = door.job("t", document=text)
    assert door.ok("GET", f"/jobs/{job}/document")["document"] == text


def test_document_limits_are_the_contracts_a36(door):
    fits = json.dumps({"x": "y" * (32768 - 9)}, separators=(",", ":"))
    assert len(fits) == 32767
    door.job("t", document=fits)
    reply = door("POST", "/jobs", {**NEW, "document": json.dumps({"x": "y" * 32768})})
    assert reply.status == 422
    assert "32768" in reply.error


def test_a_job_from_a_template_needs_no_document_a28(door):
    kept = door.ok("POST", "/job-templates", {"document": '{"from":"template"}', "description": "d"})
    for by in ("jobTemplateId", "jobTemplateArn"):
        asked = {"targets": ["t"], "targetSelection": "SNAPSHOT", by: kept[by]}
        job = door.ok("POST", "/jobs", asked)["jobId"]
        assert door.ok("GET", f"/jobs/{job}/document")["document"] == '{"from":"template"}'


def test_a_job_from_a_template_that_is_not_there_is_404(door):
    reply = door("POST", "/jobs", {"targets": ["t"], "targetSelection": "SNAPSHOT", "jobTemplateId": "no"})
    assert (reply.status, reply.error) == (404, "There is no job template no")


def test_timeout_config_is_kept_a28(door):
    job = door.job("t", timeoutConfig={"inProgressTimeoutInMinutes": 5})
    assert door.ok("GET", f"/jobs/{job}")["job"]["timeoutConfig"] == {"inProgressTimeoutInMinutes": 5}


@pytest.mark.parametrize(
    "member",
    [
        "documentParameters",
        "documentSource",
        "destinationPackageVersions",
        "namespaceId",
        "tags",
    ],
)
def test_a_configuration_that_is_not_honoured_is_refused_and_tolerated_empty_a28(door, member):
    reply = door("POST", "/jobs", {**NEW, member: {"x": 1}})
    assert reply.status == 422
    assert f"this version does not honour {member}" in reply.error
    assert door("POST", "/jobs", {**NEW, member: {}}).status == 200


def test_ten_thousand_targets_fit(door):
    job = door.job(*(f"thing-with-a-very-long-name-{n:0100}" for n in range(10_000)))
    page = door.ok("GET", f"/jobs-executions/jobs/{job}?maxResults=1")
    assert len(page["jobExecutions"]) == 1
    assert page["nextToken"]


def test_wrong_content_type_is_tolerated_if_the_body_parses_a33(door):
    raw = json.dumps(NEW).encode()
    for kind in ("text/plain", "application/octet-stream", "application/vnd.x+json; charset=latin-1", ""):
        assert door("POST", "/jobs", raw=raw, headers={"Content-Type": kind}).status == 200
    assert door("POST", "/jobs", raw=b"{", headers={"Content-Type": "application/json"}).status == 422
