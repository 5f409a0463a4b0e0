"""Who is let in at AWS's planes, and what each role may do there: boto3 with real signatures."""

import json
import logging
import re
from datetime import timedelta
from urllib.parse import quote

import boto3
import pytest
from aws_site import Keys, arn, opened_site
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from signing import botocore_clock

from api import bodies
from api.aws.operations import CONTROL, DATA
from domain.access_keys import is_key_id
from domain.roles import Role, covers
from storage import access_keys, things

THING = "lamp"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with opened_site(tmp_path_factory.mktemp("guard") / "data") as found:
        for name in (THING, "other"):
            found.door.run(found.door.store.write(things.create, name, at=found.door.at))
        yield found


def code(call, **said):
    with pytest.raises(ClientError) as caught:
        call(**said)
    return (
        caught.value.response["ResponseMetadata"]["HTTPStatusCode"],
        caught.value.response["Error"]["Code"],
    )


def pending(site, keys, thing=THING):
    client = site.client("iot-jobs-data", keys=keys)
    try:
        return client.get_pending_job_executions(thingName=thing)
    finally:
        client.close()


def refused(site, keys, thing=THING):
    return code(lambda: pending(site, keys, thing))


def test_the_right_secret_lets_in(site):
    assert pending(site, site.keys)["queuedJobs"] == []


def test_a_wrong_secret_an_unknown_key_and_a_key_that_can_be_none(site):
    wrong = Keys(site.keys.key_id, site.keys.secret[:-1] + "-_"[site.keys.secret.endswith("-")])
    assert refused(site, wrong) == (403, "InvalidSignatureException")
    for key_id in ("TJAKAAAAAAAAAAAAAAAA", "AKIAIOSFODNN7EXAMPLE", "x" * 3000):
        assert refused(site, Keys(key_id, site.keys.secret)) == (403, "UnrecognizedClientException")


def test_an_unknown_key_costs_what_a_wrong_signature_costs(site, monkeypatch):
    from api.aws import signature

    seen = []
    right = signature.matches
    monkeypatch.setattr(signature, "matches", lambda *args: seen.append(len(args[2])) or right(*args))
    refused(site, Keys("TJAKAAAAAAAAAAAAAAAA", "x"))
    refused(site, Keys(site.keys.key_id, "x"))
    assert seen == [40, 40]


@pytest.mark.parametrize("minutes", [-16, 16])
def test_a_clock_that_is_wrong(site, minutes):
    with botocore_clock(lambda: site.door.at + timedelta(minutes=minutes)):
        assert refused(site, site.keys) == (403, "InvalidSignatureException")


def test_a_revoked_key_is_refused_at_once(site):
    keys = site.new_keys(Role.ADMIN)
    pending(site, keys)
    site.door.run(site.door.store.write(access_keys.revoke, keys.key_id, at=site.door.at))
    assert refused(site, keys) == (403, "UnrecognizedClientException")


@pytest.mark.parametrize("role", [Role.ADMIN, Role.DEVICE])
def test_a_key_that_is_revoked_while_the_body_comes_is_refused(site, monkeypatch, role):
    for_thing = {"thing_name": "passing"} if role is Role.DEVICE else {}
    site.things("passing")
    keys = site.new_keys(role, **for_thing)
    read, path = bodies.read, "/aws/iot-jobs-data/things/passing/jobs/$next"

    async def slow(request, **more):
        raw = await read(request, **more)
        if for_thing:
            await site.door.store.write(things.delete, "passing", at=site.door.at)
            await site.door.store.write(things.create, "passing", at=site.door.at)
        else:
            await site.door.store.write(access_keys.revoke, keys.key_id, at=site.door.at)
        return raw

    assert site.exchange("PUT", path, b"{}", keys=keys)[0] == 200
    monkeypatch.setattr(bodies, "read", slow)
    status, headers, _ = site.exchange("PUT", path, b"{}", keys=keys)
    assert (status, headers["x-amzn-errortype"]) == (403, "UnrecognizedClientException")


def test_an_unsigned_request_of_boto3(site):
    client = boto3.session.Session().client(
        "iot-jobs-data",
        endpoint_url=f"{site.url}/aws/iot-jobs-data",
        region_name="us-east-1",
        config=Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1}),
    )
    answer = code(client.get_pending_job_executions, thingName=THING)
    client.close()
    assert answer == (403, "MissingAuthenticationTokenException")


def test_the_key_of_the_rest_api_is_no_signature(site):
    status, headers, raw = site.send("GET", "/aws/iot/things", b"", {"Authorization": "Bearer x"})
    assert (status, headers["x-amzn-errortype"]) == (403, "MissingAuthenticationTokenException")
    assert set(json.loads(raw)) == {"message"}


def test_what_is_signed_for_one_plane_is_nothing_at_the_other(site):
    path = f"/aws/iot-jobs-data/things/{THING}/jobs"
    status, headers, raw = site.exchange("GET", path, service="iot")
    assert (status, headers["x-amzn-errortype"]) == (403, "InvalidSignatureException")
    assert "endpoint_url is that of the other plane" in json.loads(raw)["message"]
    _, _, raw = site.exchange("GET", path, service="s3")
    assert "endpoint_url" not in json.loads(raw)["message"]
    assert site.exchange("GET", path)[0] == 200


def test_a_client_that_knows_only_host_and_port_reaches_the_plane_it_signs_for(site):
    status, _, raw = site.exchange("GET", f"/things/{THING}/jobs", service="iot-jobs-data")
    assert status == 200
    assert set(json.loads(raw)) == {"inProgressJobs", "queuedJobs"}


def test_a_changed_body_is_refused(site):
    path = f"/aws/iot-jobs-data/things/{THING}/jobs/$next"
    sent = {}

    def catch(method, target, body, headers):
        sent.update(method=method, target=target, headers=headers)
        return 0, {}, b""

    site.send, real = catch, site.send
    try:
        site.exchange("PUT", path, b"{}")
    finally:
        del site.send
    assert site.send == real
    assert site.send(**sent, body=b"{}")[0] == 200
    status, headers, _ = site.send(**sent, body=b'{"stepTimeoutInMinutes":1}')
    assert (status, headers["x-amzn-errortype"]) == (403, "InvalidSignatureException")


def test_strangers_are_refused_before_their_body_is_waited_for(site):
    head = f"PUT /aws/iot/jobs/j HTTP/1.1\r\nHost: {site.door.host}\r\nContent-Length: 100000\r\n\r\n"
    assert site.door.send(head.encode()).status == 403


def test_strangers_take_up_no_room(tmp_path):
    with opened_site(tmp_path / "data", in_flight=1) as narrow:
        head = f"PUT /aws/iot/jobs/j HTTP/1.1\r\nHost: {narrow.door.host}\r\nContent-Length: 9\r\n"
        with narrow.door.socket() as silent:
            silent.sendall(head.encode())
            assert narrow.exchange("GET", "/aws/iot/things")[0] == 200
            silent.sendall(b"\r\n")
            assert silent.recv(12) == b"HTTP/1.1 403"
            assert narrow.exchange("GET", "/aws/iot/things")[0] == 200


# --- roles ---


@pytest.mark.parametrize("role", [Role.ADMIN, Role.OPERATOR])
def test_who_operates_may_speak_for_any_thing(site, role):
    keys = site.new_keys(role)
    pending(site, keys)
    pending(site, keys, "other")


def test_a_viewer_speaks_for_no_thing(site):
    assert refused(site, site.new_keys(Role.VIEWER)) == (403, "AccessDeniedException")


def test_a_device_speaks_for_its_thing_alone(site):
    keys = site.new_keys(Role.DEVICE, thing_name=THING)
    pending(site, keys)
    assert refused(site, keys, "other") == (403, "AccessDeniedException")
    assert refused(site, keys, "nobody") == (403, "AccessDeniedException")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (f"/aws/iot-jobs-data/things/{quote(arn('thing/other'), safe='')}/jobs", "AccessDeniedException"),
        (f"/aws/iot-jobs-data/things/{quote(arn(f'thing/{THING}'), safe='')}/jobs", "AccessDeniedException"),
        (f"/aws/iot-jobs-data/things/{THING}%2F..%2Fother/jobs", "AccessDeniedException"),
        (f"/aws/iot-jobs-data/things/{THING}%00/jobs", "AccessDeniedException"),
        (f"/aws/iot-jobs-data/things/{THING}/../other/jobs", "UnknownOperationException"),
        (f"/aws/iot-jobs-data/things/{THING};other/jobs", "AccessDeniedException"),
        ("/things/other/jobs", "AccessDeniedException"),
        # What is signed for the plane does not reach our own API.
        ("/access-keys", "UnknownOperationException"),
        ("/jobs", "UnknownOperationException"),
    ],
)
def test_a_device_gets_around_its_name_by_no_path(site, path, kind):
    keys = site.new_keys(Role.DEVICE, thing_name=THING)
    status, headers, _ = site.exchange("GET", path, keys=keys, service="iot-jobs-data")
    assert (status, headers["x-amzn-errortype"]) in {(403, kind), (404, kind)}


def test_a_device_gets_around_its_name_by_no_member_beside_the_path(site):
    job = site.door.job(THING, "other")
    keys = site.new_keys(Role.DEVICE, thing_name=THING)
    body = json.dumps({"status": "IN_PROGRESS", "thingName": "other", "jobId": "x"}).encode()
    path = f"/aws/iot-jobs-data/things/{THING}/jobs/{job}?thingName=other&jobId=x&status=FAILED"
    assert site.exchange("POST", path, body, keys=keys)[0] == 200
    seen = {
        name: site.jobs_data.describe_job_execution(jobId=job, thingName=name)["execution"]["status"]
        for name in (THING, "other")
    }
    assert seen == {THING: "IN_PROGRESS", "other": "QUEUED"}


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("operation", CONTROL, ids=lambda each: each.name)
def test_every_operation_of_the_control_plane_asks_for_its_role(site, operation, role):
    keys = site.new_keys(role, **({"thing_name": THING} if role is Role.DEVICE else {}))
    path = re.sub(r"{\w+}", "nothing-of-that-name", operation.path)
    status, headers, _ = site.exchange(operation.method, f"/aws/iot{path}", keys=keys)
    denied = (status, headers.get("x-amzn-errortype")) == (403, "AccessDeniedException")
    assert denied is not covers(role, operation.role)


def test_operations_that_change_something_are_for_more_than_viewers():
    for operation in CONTROL:
        assert operation.role is not Role.DEVICE, operation.name
        reads = operation.name.startswith(("Describe", "Get", "List", "Search"))
        assert reads is (operation.role is Role.VIEWER), operation.name
    assert {operation.role for operation in DATA} == {Role.DEVICE}


# --- what is noted, and what is not ---


def test_the_last_use_of_a_key_is_known(site):
    keys = site.new_keys(Role.ADMIN)

    def used():
        return site.door.run(site.door.store.read(access_keys.get, keys.key_id)).last_used_at

    assert used() is None
    assert refused(site, Keys(keys.key_id, "x"))[0] == 403
    assert used() is None
    pending(site, keys)
    assert used() == site.door.at


def test_no_secret_and_no_signature_in_the_log_and_in_answers(site, caplog):
    wrong = "planted-secret-of-a-caller-who-got-it-wrong"
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("botocore").setLevel(logging.INFO)
        pending(site, site.keys)
        with pytest.raises(ClientError) as caught:
            pending(site, Keys(site.keys.key_id, wrong))
        _, headers, raw = site.send(
            "GET", "/aws/iot/things", b"", {"Authorization": f"AWS4-HMAC-SHA256 {wrong}"}
        )
    told = f"{caplog.text} {caught.value.response} {headers} {raw}"
    assert "aws/iot" in caplog.text
    assert wrong not in told
    assert site.keys.secret not in told
    assert "Signature=" not in told


# --- insecure ---


@pytest.fixture(scope="module")
def open_site(tmp_path_factory):
    with opened_site(tmp_path_factory.mktemp("open") / "data", insecure=True, api_key="k" * 32) as found:
        found.door.run(found.door.store.write(things.create, THING, at=found.door.at))
        yield found


def test_an_insecure_server_takes_any_signature_and_none(open_site):
    pending(open_site, Keys("AKIAIOSFODNN7EXAMPLE", "whatever"))
    path = f"/aws/iot-jobs-data/things/{THING}/jobs"
    assert open_site.send("GET", path, b"", {})[0] == 200
    assert open_site.send("GET", path, b"", {"Authorization": "AWS4-HMAC-SHA256 rubbish"})[0] == 200


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}])
def test_an_insecure_server_takes_nothing_from_the_web_pages_of_others(open_site, headers):
    path = f"/aws/iot-jobs-data/things/{THING}/jobs/$next"
    status, told, _ = open_site.send("PUT", path, b"{}", headers)
    assert (status, told["x-amzn-errortype"]) == (403, "AccessDeniedException")


def test_its_own_api_still_wants_its_key(open_site):
    assert open_site.send("GET", "/jobs", b"", {})[0] == 401


def test_issued_key_ids_are_of_their_kind(site):
    assert is_key_id(site.keys.key_id)
    assert not is_key_id("AKIAIOSFODNN7EXAMPLE")
