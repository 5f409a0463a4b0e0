"""A story per operation on job templates, through real HTTP."""

from sites import BOTH

DIALECTS = BOTH

ARN = "arn:aws:iot:us-east-1:123456789012"


def test_create_template_then_get_it_with_both_spellings_a1_a7_a27(door):
    made = door("POST", "/job-templates", {"document": '{"a": 1}', "description": "d", "jobTemplateId": "x"})
    assert made.body == {
        "created": True,
        "jobTemplateId": "x",
        "jobTemplateArn": f"{ARN}:jobtemplate/x",
        "version": 1,
    }
    assert made.headers["Location"] == "/job-templates/x"
    assert door.ok("GET", "/job-templates/x") == {
        "jobTemplate": {
            "jobTeplateArn": f"{ARN}:jobtemplate/x",
            "jobTemplateArn": f"{ARN}:jobtemplate/x",
            "jobTemplateId": "x",
            "version": 1,
            "document": '{"a": 1}',
            "parameters": {},
            "description": "d",
            "createdAt": "2024-06-10T06:13:20.123Z",
            "presignedUrlConfig": {},
            "jobExecutionsRolloutConfig": {},
            "abortConfig": {},
            "jobExecutionsRetryConfig": {},
            "stagedRolloutConfig": {},
            "retryPolicyConfig": {},
            "maintenanceWindows": [],
            "priority": 0,
            "exclusiveGroup": None,
            "timeoutConfig": {},
        }
    }


def test_a_template_keeps_its_time_out_a27(door):
    timeout = {"inProgressTimeoutInMinutes": 7}
    asked = {"document": "{}", "description": "d", "timeoutConfig": timeout}
    made = door.ok("POST", "/job-templates", asked)
    shown = door.ok("GET", f"/job-templates/{made['jobTemplateId']}")["jobTemplate"]
    assert shown["timeoutConfig"] == timeout


def test_list_templates_with_both_keys_a2_a6(door):
    for n in range(3):
        door.ok("POST", "/job-templates", {"document": "{}", "description": "d", "jobTemplateId": f"x{n}"})
    first = door.ok("GET", "/job-templates?maxResults=2")
    assert first["JobTemplates"] == first["jobTemplates"]
    last = door.ok("GET", f"/job-templates?maxResults=2&nextToken={first['nextToken']}")
    listed = [*first["JobTemplates"], *last["JobTemplates"]]
    assert [entry["jobTemplateId"] for entry in listed] == ["x2", "x1", "x0"]
    assert last["nextToken"] is None
    assert listed[0]["jobTeplateArn"] == f"{ARN}:jobtemplate/x2"


def test_delete_template(door):
    door.ok("POST", "/job-templates", {"document": "{}", "description": "d", "jobTemplateId": "x"})
    assert door.ok("DELETE", "/job-templates/x") == {"deleted": True}
    for method in ("GET", "DELETE"):
        reply = door(method, "/job-templates/x")
        assert (reply.status, reply.error) == (404, "There is no job template x")


def test_a_template_id_that_is_taken_is_409(door):
    asked = {"document": "{}", "description": "d", "jobTemplateId": "x"}
    door.ok("POST", "/job-templates", asked)
    assert door("POST", "/job-templates", asked).status == 409


def test_document_and_description_are_required(door):
    reply = door("POST", "/job-templates", {"document": "{}"})
    assert (reply.status, reply.error) == (422, "description is required")
    reply = door("POST", "/job-templates", {"description": "d"})
    assert (reply.status, reply.error) == (422, "document is required, unless jobArn names a job")


def test_a_document_given_as_an_object_is_kept_as_text(door):
    made = door.ok("POST", "/job-templates", {"document": {"a": ["b"]}, "description": "d"})
    shown = door.ok("GET", f"/job-templates/{made['jobTemplateId']}")["jobTemplate"]
    assert shown["document"] == '{"a":["b"]}'
