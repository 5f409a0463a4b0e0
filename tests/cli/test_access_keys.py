"""``thingjobs keys``: issued to a file that boto3 reads, listed without secrets, revoked."""

import json
import re
import stat

import boto3
import pytest
from botocore.exceptions import ClientError
from job_site import opened
from typer.testing import CliRunner

from cli.main import app


@pytest.fixture
def site(tmp_path):
    with opened(tmp_path) as found:
        yield found


@pytest.fixture
def run(site):
    def run(*arguments, code=0):
        answer = CliRunner().invoke(app, ["keys", *arguments], env=site.env)
        assert answer.exit_code == code, answer.output
        return answer.stderr if code else answer.stdout

    return run


def keys(run):
    return json.loads(run("list", "--json"))["accessKeys"]


def test_what_is_printed_is_a_credentials_file(run):
    said = run("create", "--profile", "fleet", "--description", "for CI")
    found = re.fullmatch(r"\[fleet\]\naws_access_key_id = (\w+)\naws_secret_access_key = (\S{40})\n", said)
    [key] = keys(run)
    assert (key["accessKeyId"], key["role"], key["description"]) == (found[1], "OPERATOR", "for CI")
    assert found[2] not in run("list", "--json") + run("list")


def test_boto3_works_with_the_file_until_the_key_is_revoked(site, run, tmp_path, monkeypatch):
    file = tmp_path / "new" / "credentials"
    said = run("create", "--file", str(file))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    [key] = keys(run)
    assert said == f"access key {key['accessKeyId']} in {file}\n"
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    client = boto3.session.Session().client(
        "iot-jobs-data",
        region_name="us-east-1",
        endpoint_url=f"http://127.0.0.1:{site.server.port}/aws/iot-jobs-data",
    )
    try:
        with pytest.raises(ClientError, match="ResourceNotFound"):
            client.get_pending_job_executions(thingName="lamp")
        assert run("revoke", key["accessKeyId"]) == f"revoked {key['accessKeyId']}\n"
        with pytest.raises(ClientError, match="UnrecognizedClientException"):
            client.get_pending_job_executions(thingName="lamp")
    finally:
        client.close()
    [row] = [line.split() for line in run("list").splitlines()[1:]]
    assert row[:3] == [key["accessKeyId"], "OPERATOR", "-"]
    assert len(row) == 7


def test_a_device_key_is_for_its_thing(site, run):
    assert "thingName" in run("create", "--role", "device", code=1)
    assert "lamp" in run("create", "--role", "device", "--thing", "lamp", code=1)
    CliRunner().invoke(app, ["things", "token", "lamp"], env=site.env)
    made = json.loads(run("create", "--role", "DEVICE", "--thing", "lamp", "--json"))
    assert (made["role"], made["thingName"]) == ("DEVICE", "lamp")


def test_a_file_that_is_there_stays_and_no_key_is_issued(run, tmp_path):
    file = tmp_path / "credentials"
    file.write_text("mine")
    assert "is there already" in run("create", "--file", str(file), code=2)
    assert file.read_text() == "mine"
    assert keys(run) == []


def test_a_key_whose_file_cannot_be_written_is_revoked_at_once(run, tmp_path):
    (tmp_path / "file").write_text("")
    assert "cannot write" in run("create", "--file", str(tmp_path / "file" / "credentials"), code=2)
    [key] = keys(run)
    assert key["revokedAt"] is not None


@pytest.mark.parametrize("profile", ["a]b", "a\nb"])
def test_a_profile_that_would_break_the_file_is_refused(run, profile):
    assert "--profile" in run("create", "--profile", profile, code=2)
    assert keys(run) == []


def test_unknown_keys_cannot_be_revoked(run):
    assert "TJAKAAAAAAAAAAAAAAAA" in run("revoke", "TJAKAAAAAAAAAAAAAAAA", code=1)


def test_a_long_list_says_that_it_was_cut(site, run):
    for _ in range(3):
        run("create")
    answer = CliRunner().invoke(app, ["keys", "list", "--limit", "2"], env=site.env)
    assert len(answer.stdout.splitlines()) == 3
    assert answer.stderr == "thingjobs: there are more; --limit is 2\n"
