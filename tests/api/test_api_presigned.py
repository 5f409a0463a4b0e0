"""``presignedUrlConfig`` over REST: taken, shown, inherited, changed, and held to the contract's limits."""

import pytest

from domain.execution import Status
from domain.topics import Operation

ROLE = "arn:aws:iam::123456789012:role/links"
CONFIG = {"roleArn": ROLE, "expiresInSec": 300}


def shown(door, job):
    return door.ok("GET", f"/jobs/{job}")["job"]["presignedUrlConfig"]


def test_a_job_shows_what_it_was_given_and_an_empty_object_otherwise(door):
    assert shown(door, door.job("t", presignedUrlConfig=CONFIG)) == CONFIG
    assert shown(door, door.job("t")) == {}
    assert shown(door, door.job("t", presignedUrlConfig={})) == {}
    assert shown(door, door.job("t", presignedUrlConfig={"expiresInSec": 60.0})) == {"expiresInSec": 60}


def test_a_job_has_it_from_its_template_unless_it_says_otherwise(door):
    template = {"document": "{}", "description": "d", "jobTemplateId": "x", "presignedUrlConfig": CONFIG}
    door.ok("POST", "/job-templates", template)
    assert door.ok("GET", "/job-templates/x")["jobTemplate"]["presignedUrlConfig"] == CONFIG
    assert shown(door, door.job("t", jobTemplateId="x")) == CONFIG
    # As a whole: what the job leaves out does not come from the template (contract 1.7).
    assert shown(door, door.job("t", jobTemplateId="x", presignedUrlConfig={"expiresInSec": 60})) == {
        "expiresInSec": 60
    }


def test_it_may_be_changed_also_when_the_job_has_ended(door):
    job = door.job("t", presignedUrlConfig=CONFIG)
    door.device("t", Operation.UPDATE, job, status=Status.SUCCEEDED)
    assert door.ok("GET", f"/jobs/{job}")["job"]["status"] == "COMPLETED"
    door.ok("PUT", f"/jobs/{job}", {"presignedUrlConfig": {"expiresInSec": 60}})
    assert shown(door, job) == {"expiresInSec": 60}
    body = {"presignedUrlConfig": {"expiresInSec": 60}, "timeoutConfig": {"inProgressTimeoutInMinutes": 1}}
    assert door("PUT", f"/jobs/{job}", body).status == 409


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"expiresInSec": 59}, "presignedUrlConfig.expiresInSec"),
        ({"expiresInSec": 3601}, "presignedUrlConfig.expiresInSec"),
        ({"expiresInSec": "60"}, "presignedUrlConfig.expiresInSec"),
        ({"expiresInSec": 60.5}, "presignedUrlConfig.expiresInSec"),
        ({"roleArn": "x" * 19}, "presignedUrlConfig.roleArn"),
        ({"roleArn": "x" * 2049}, "presignedUrlConfig.roleArn"),
        ({"roleArn": 1}, "presignedUrlConfig.roleArn"),
        ({"expires": 60}, "presignedUrlConfig.expires"),
        ([], "presignedUrlConfig"),
    ],
)
def test_what_the_contract_refuses_is_422_and_names_the_member(shared_door, config, reason):
    new = {"targets": ["t"], "targetSelection": "SNAPSHOT", "document": "{}", "presignedUrlConfig": config}
    template = {"document": "{}", "description": "d", "presignedUrlConfig": config}
    job = shared_door.job("t")
    for method, path, body in (
        ("POST", "/jobs", new),
        ("POST", "/job-templates", template),
        ("PUT", f"/jobs/{job}", {"presignedUrlConfig": config}),
    ):
        refused = shared_door(method, path, body)
        assert refused.status == 422
        assert reason in refused.error
