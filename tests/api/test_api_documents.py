"""Templates in versions, parameters and values by thing, through real HTTP."""

import json

import pytest

from domain.topics import Operation

ARN = "arn:aws:iot:us-east-1:123456789012"
SCHEMA = {
    "type": "object",
    "properties": {
        "version": {"type": "string", "pattern": "^[0-9.]+$"},
        "retries": {"type": "integer", "default": 2},
    },
    "required": ["version"],
}
KEPT = {
    "jobTemplateId": "x",
    "document": {"v": "${thingjobs:parameter:version}", "r": "${thingjobs:parameter:retries}"},
    "description": "d",
    "parameters": SCHEMA,
    "abortConfig": {
        "criteriaList": [
            {
                "failureType": "FAILED",
                "action": "CANCEL",
                "thresholdPercentage": 20,
                "minNumberOfExecutedThings": 5,
            }
        ]
    },
    "maintenanceWindows": [{"startTime": "cron(0 0 * * ? *)", "durationInMinutes": 60}],
}
JOB = {"targets": ["t"], "targetSelection": "SNAPSHOT", "jobId": "j"}


def keep(door, **more):
    return door.ok("POST", "/job-templates", {**KEPT, **more})


def version(door, **more):
    asked = {name: value for name, value in {**KEPT, **more}.items() if name != "jobTemplateId"}
    return door.ok("POST", "/job-templates/x/versions", asked)


def given(door, thing, job="j"):
    return json.loads(door.device(thing, Operation.DESCRIBE, job, include_document=True).document)


def test_versions_of_a_template_are_made_listed_got_and_deleted(door):
    assert keep(door)["version"] == 1
    made = version(door, document="{}", description="second")
    assert (made["jobTemplateId"], made["version"]) == ("x", 2)
    assert door.ok("GET", "/job-templates/x")["jobTemplate"]["description"] == "second"
    old = door.ok("GET", "/job-templates/x?version=1")["jobTemplate"]
    assert (old["version"], old["description"], old["parameters"]) == (1, "d", SCHEMA)
    listed = door.ok("GET", "/job-templates/x/versions")["jobTemplates"]
    assert [entry["version"] for entry in listed] == [2, 1]
    assert [entry["version"] for entry in door.ok("GET", "/job-templates")["jobTemplates"]] == [2]
    assert door("POST", "/job-templates", KEPT).status == 409
    assert door.ok("DELETE", "/job-templates/x?version=2") == {"deleted": True}
    assert door.ok("GET", "/job-templates/x")["jobTemplate"]["version"] == 1
    assert door("GET", "/job-templates/x?version=2").error == "There is no version 2 of job template x"
    assert door.ok("DELETE", "/job-templates/x") == {"deleted": True}
    for path in ("/job-templates/x", "/job-templates/x/versions"):
        assert door("GET", path).status == 404
    assert door("POST", "/job-templates/x/versions", {"document": "{}", "description": "d"}).status == 404


@pytest.mark.parametrize("asked", ["0", "-1", "x", "1.0", "2147483648", ""])
def test_a_version_is_a_number(door, asked):
    keep(door)
    assert door("GET", f"/job-templates/x?version={asked}").status == 422


def test_a_job_takes_a_version_its_configuration_and_its_parameters(door):
    keep(door)
    version(door, parameters={}, document="{}")
    asked = {**JOB, "jobTemplateId": "x", "templateVersion": 1, "parameters": {"version": "1.2"}}
    window = {"schedulingConfig": {"startTime": "2024-06-11 12:00"}}
    door.ok("POST", "/jobs", {**asked, **window})
    shown = door.ok("GET", "/jobs/j")["job"]
    assert (shown["jobTemplateId"], shown["templateVersion"]) == ("x", 1)
    assert shown["parameters"] == {"version": "1.2", "retries": 2}
    assert shown["abortConfig"] == KEPT["abortConfig"]
    # The schedule that the job states replaces the template's windows as a whole.
    assert not shown["schedulingConfig"].get("maintenanceWindows")
    assert door.ok("GET", "/jobs/j/document") == {"document": '{"v":"1.2","r":2}'}
    newest = {**JOB, "jobId": "k", "targetSelection": "CONTINUOUS", "jobTemplateArn": f"{ARN}:jobtemplate/x"}
    door.ok("POST", "/jobs", newest)
    shown = door.ok("GET", "/jobs/k")["job"]
    assert shown["templateVersion"] == 2
    (kept,) = shown["schedulingConfig"]["maintenanceWindows"]
    assert kept["startTime"] == "cron(0 0 * * ? *)"


REFUSED = [
    ({"jobTemplateId": "x"}, 422, "parameters.version is required"),
    ({"jobTemplateId": "x", "parameters": {"version": "v"}}, 422, "parameters.version: 'v' does not match"),
    ({"jobTemplateId": "x", "parameters": {"version": "1", "z": 1}}, 422, "parameters.z is not known"),
    ({"jobTemplateId": "x", "parameters": ["version"]}, 422, "parameters must be an object"),
    ({"jobTemplateId": "x", "templateVersion": 9}, 404, "version 9 of job template x"),
    ({"jobTemplateId": "x", "templateVersion": "1"}, 422, "templateVersion"),
    ({"jobTemplateId": "x", "templateVersion": 0}, 422, "templateVersion"),
    ({"document": "{}", "templateVersion": 1}, 422, "templateVersion is given without a template"),
    ({"document": '{"a":"${thingjobs:value:s}"}'}, 422, "1 things have no value for ${thingjobs:value:s}"),
    ({"document": '{"a":"${thingjobs:thing:attributes.s}"}'}, 422, "have no value for"),
    ({"document": '{"${thingjobs:thing:name}":1}'}, 422, "in the name"),
    ({"document": '{"a":"${thingjobs:value}"}'}, 422, "unknown or malformed"),
    ({"document": "{}", "thingValues": {"things": {"u": {"s": 1}}}}, 422, "there are no things u"),
    (
        {"document": "{}", "thingValues": {"things": {"t": {"s": None}}}},
        422,
        "thingValues.things.t.s must be",
    ),
    ({"document": "{}", "thingValues": {"things": {"t": {"a b": 1}}}}, 422, "thingValues.things.t: the name"),
    ({"document": "{}", "thingValues": {"things": {"t t": {}}}}, 422, "thingName 't t'"),
    ({"document": "{}", "thingValues": {"things": []}}, 422, "thingValues.things must be"),
    ({"document": "{}", "thingValues": {"t": {}}}, 422, "unknown member"),
    ({"document": "{}", "valuesCsv": "name,s\nt,1"}, 422, "valuesCsv: the first column"),
    ({"document": "{}", "valuesCsv": "thingName,s\nt"}, 422, "valuesCsv line 2"),
    ({"document": "{}", "valuesCsv": 5}, 422, "valuesCsv must be a string"),
    (
        {"document": "{}", "valuesCsv": "thingName,s\nt,1", "thingValues": {"things": {"t": {"s": 1}}}},
        422,
        "both give thing t the value s",
    ),
]


@pytest.mark.parametrize(("more", "status", "words"), REFUSED)
def test_a_job_with_something_wrong_about_its_document_is_refused_in_words(door, more, status, words):
    keep(door)
    reply = door("POST", "/jobs", {**JOB, **more})
    assert (reply.status, words in reply.error) == (status, True), reply.raw
    assert door("GET", "/jobs/j").status == 404


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"properties": {"a": {"$ref": "https://example.org"}}}, "'$ref'"),
        ({"properties": {"a": {"pattern": "("}}}, "parameters.properties.a.pattern"),
        ({"properties": {}}, "names the parameter retries"),
        ([], "parameters must be"),
        (None, "null"),
    ],
)
def test_a_template_with_a_bad_schema_is_refused_in_words(door, parameters, words):
    reply = door("POST", "/job-templates", {**KEPT, "parameters": parameters})
    assert (reply.status, words in reply.error) == (422, True), reply.raw


def test_values_by_csv_and_by_object_reach_their_things(door):
    document = {"s": "${thingjobs:value:s}", "n": "${thingjobs:value:n}"}
    asked = {
        **JOB,
        "targets": ["t", "u"],
        "document": document,
        "valuesCsv": 'thingName,s\nt,"1, ""2"""\nu,x\n',
    }
    asked["thingValues"] = {"things": {"t": {"n": 1.5}, "u": {"n": True}}}
    door.ok("POST", "/jobs", asked)
    assert given(door, "t") == {"s": '1, "2"', "n": 1.5}
    assert given(door, "u") == {"s": "x", "n": True}


def test_more_targets_bring_their_values(door):
    document = {"s": "${thingjobs:value:s}"}
    asked = {**JOB, "targetSelection": "CONTINUOUS", "document": document, "valuesCsv": "thingName,s\nt,1"}
    door.ok("POST", "/jobs", asked)
    reply = door("PUT", "/jobs/j/associate", {"targets": ["u"]})
    assert (reply.status, "document needs: u" in reply.error) == (422, True)
    door.ok("PUT", "/jobs/j/associate", {"targets": ["u"], "thingValues": {"things": {"u": {"s": "2"}}}})
    assert given(door, "u") == {"s": "2"}


def test_a_table_of_ten_thousand_things_is_taken(door):
    names = [f"thing-{n}" for n in range(10_000)]
    table = "thingName,s\n" + "".join(f"{name},value-of-{name}\n" for name in names)
    door.ok(
        "POST",
        "/jobs",
        {**JOB, "targets": names, "document": {"s": "${thingjobs:value:s}"}, "valuesCsv": table},
    )
    # Some of them are let out at once, the others by the clock.
    assert given(door, names[1_000]) == {"s": f"value-of-{names[1_000]}"}


def test_a_template_is_made_from_a_job(door):
    door.ok(
        "POST", "/jobs", {**JOB, "document": '{"a": 1}', "priority": 3, "abortConfig": KEPT["abortConfig"]}
    )
    asked = {"jobArn": f"{ARN}:job/j", "description": "d", "jobTemplateId": "from-j", "priority": 4}
    door.ok("POST", "/job-templates", asked)
    shown = door.ok("GET", "/job-templates/from-j")["jobTemplate"]
    assert (shown["document"], shown["priority"]) == ('{"a": 1}', 4)
    assert shown["abortConfig"] == KEPT["abortConfig"]
    missing = {**asked, "jobArn": f"{ARN}:job/k", "jobTemplateId": "y"}
    assert door("POST", "/job-templates", missing).error == "There is no job k"
