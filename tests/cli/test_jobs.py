"""``thingjobs jobs``: a real server, commands as a person types them, and what becomes of the jobs."""

import json

import pytest
from job_site import NEW, opened
from typer.testing import CliRunner

from cli.main import app
from domain.execution import Status


@pytest.fixture
def site(tmp_path):
    with opened(tmp_path) as found:
        yield found


def rows(text):
    return [line.split() for line in text.splitlines()]


def test_a_job_is_created_from_a_file_or_standard_input(site, tmp_path):
    (tmp_path / "job.json").write_text(json.dumps(NEW))
    assert site.says("create", str(tmp_path / "job.json")) == "created j\n"
    again = json.dumps({**NEW, "jobId": "k"})
    answer = json.loads(site.says("create", "-", "--json", stdin=again))
    assert answer["jobId"] == "k"


def test_jobs_are_listed_newest_first_and_by_status(site):
    for job in ("j", "k", "l"):
        site.create(jobId=job)
    site.says("cancel", "k")
    listed = rows(site.says("list"))
    assert listed[0] == ["ID", "STATUS", "CREATED", "THINGS"]
    assert [row[:2] for row in listed[1:]] == [["l", "IN_PROGRESS"], ["k", "CANCELED"], ["j", "IN_PROGRESS"]]
    assert listed[1][3:] == ["Queued", "2"]
    assert [row[0] for row in rows(site.says("list", "--status", "CANCELED"))[1:]] == ["k"]
    found = json.loads(site.says("list", "--json"))["jobs"]
    assert [job["jobId"] for job in found] == ["l", "k", "j"]


def test_a_list_that_was_cut_says_so_beside_it(site):
    for job in ("j", "k", "l"):
        site.create(jobId=job)
    answer = site.run("list", "--limit", "2", "--json")
    assert [job["jobId"] for job in json.loads(answer.stdout)["jobs"]] == ["l", "k"]
    assert answer.stderr == "thingjobs: there are more; --limit is 2\n"
    assert site.run("list", "--limit", "3").stderr == ""


def test_a_list_goes_on_over_pages(site):
    site.create(targets=[f"t{number:03}" for number in range(260)])
    assert len(rows(site.says("executions", "j", "--limit", "1000"))) == 261
    assert len(rows(site.run("executions", "j", "--limit", "255").stdout)) == 256


def test_show_tells_what_is_set_and_how_many_things_stand_where(site):
    site.create(description="new lamps")
    site.report("lamp", Status.SUCCEEDED)
    shown = site.says("show", "j")
    assert "new lamps" in shown
    assert ["Succeeded", "1"] in rows(shown)
    assert "reasonCode" not in shown
    assert json.loads(site.says("show", "j", "--json"))["job"]["jobId"] == "j"


def test_executions_are_listed_with_their_things(site):
    site.create()
    site.report("lamp", Status.FAILED)
    listed = rows(site.says("executions", "j"))
    assert listed[0] == ["THING", "NUMBER", "STATUS", "QUEUED", "UPDATED"]
    assert {tuple(row[:3]) for row in listed[1:]} == {("lamp", "1", "FAILED"), ("door", "1", "QUEUED")}
    assert [row[0] for row in rows(site.says("executions", "j", "--status", "QUEUED"))[1:]] == ["door"]


def test_events_tell_who_did_what_and_why(site):
    site.create()
    site.report("lamp", Status.FAILED, status_details={"why": "dark"})
    site.says("cancel", "j", "--comment", "no good")
    told = site.says("events", "j")
    assert "CREATE" in told
    assert "api-key for anna" in told
    assert "comment=no good" in told
    assert "QUEUED -> FAILED" in told
    assert "why=dark" in told
    assert "DEVICE" in told
    assert [row[1] for row in rows(site.says("events", "j", "door"))[1:]] == ["door", "door"]
    newest = rows(site.says("events", "j", "--acts", "--newest"))[1:]
    assert [row[2] for row in newest] == ["CANCEL", "RELEASE", "CREATE"]


def test_what_a_device_says_does_not_drive_the_terminal(site):
    site.create()
    site.report("lamp", Status.FAILED, status_details={"why": "a\nb"})
    assert "why=a\\nb" in site.says("events", "j", "lamp")


def test_watch_ends_with_the_job_and_says_how(site):
    site.create(targets=["lamp"])
    with site.watching("j") as watcher:
        site.report("lamp", Status.IN_PROGRESS)
        site.report("lamp", Status.SUCCEEDED)
        said, complained = watcher.communicate(timeout=30)
    assert (watcher.returncode, complained) == (0, "")
    assert rows(said)[-1] == ["COMPLETED", "Succeeded", "1"]


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (("cancel", "--force"), "CANCELED"),
        (("delete", "--force"), "DELETION_IN_PROGRESS"),
        (("abort", "--yes"), "CANCELED"),
    ],
)
def test_watch_of_a_job_that_was_taken_back_fails(site, end, status):
    site.create(targets=["lamp"])
    with site.watching("j") as watcher:
        site.says(end[0], "j", end[1])
        said, complained = watcher.communicate(timeout=30)
    assert (watcher.returncode, complained) == (1, "")
    assert rows(said)[-1][0] == status


def test_watch_outlasts_a_server_that_comes_back(site):
    site.create(targets=["lamp"])
    with site.watching("j") as watcher:
        site.restart()
        site.report("lamp", Status.SUCCEEDED)
        said, complained = watcher.communicate(timeout=30)
    assert (watcher.returncode, complained) == (0, "")
    assert rows(said)[-1][0] == "COMPLETED"


def test_watch_gives_up_on_a_server_that_does_not_come_back(site):
    site.create(targets=["lamp"])
    with site.watching("j", "--patience", "0") as watcher:
        site.wait(site.server.close())
        _, complained = watcher.communicate(timeout=30)
    assert (watcher.returncode, "no answer" in complained) == (1, True)


def test_the_steering_commands_do_what_they_say(site):
    waves = {"waves": [{"count": 1, "gate": {"successPercentage": 100}}, {"percent": 100}]}
    site.create(stagedRolloutConfig=waves)
    assert site.says("pause", "j", "--comment", "lunch") == "paused j\n"
    assert "PAUSED" in site.says("show", "j")
    assert site.says("resume", "j") == "resumed j\n"
    assert site.says("promote", "j") == "promoted j\n"
    for thing in ("lamp", "door"):
        site.report(thing, Status.FAILED)
    assert site.says("retry-failed", "j") == "retrying on 2 things\n"
    assert site.says("abort", "j", "--comment", "no") == "aborted j\n"
    done = {row[2]: row[3:6] for row in rows(site.says("events", "j", "--acts"))[1:]}
    for act in ("PAUSE", "RESUME", "PROMOTE", "RETRY_FAILED", "ABORT"):
        assert done[act] == ["api-key", "for", "anna"]


def test_targets_are_added_and_single_executions_taken_back(site):
    site.create(targetSelection="CONTINUOUS")
    assert site.says("associate", "j", "gate", "roof") == "associated 2 targets with j\n"
    assert site.says("cancel", "j", "--thing", "gate") == "canceled j on gate\n"
    assert site.says("delete", "j", "--thing", "roof") == "deleted j on roof\n"
    assert {row[0]: row[2] for row in rows(site.says("executions", "j"))[1:]} == {
        "lamp": "QUEUED",
        "door": "QUEUED",
        "gate": "CANCELED",
    }


def test_a_plan_and_an_explanation_are_shown_whatever_their_members(site, tmp_path):
    site.create()
    site.says("pause", "j")
    assert "PAUSED" in site.says("explain", "j", "lamp")
    assert json.loads(site.says("explain", "j", "lamp", "--json"))["reasons"]
    (tmp_path / "plan.json").write_text(json.dumps({**NEW, "jobId": "planned"}))
    assert ["things", "2"] in rows(site.says("plan", str(tmp_path / "plan.json")))
    assert "  - things begin as soon as they are told" in site.says("plan", str(tmp_path / "plan.json"))
    assert site.run("show", "planned").exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("show", "x"), 1, "There is no job x"),
        (("events", "j", "x"), 1, "There is no thing x"),
        (("approve", "j"), 1, "approve"),
        (("delete", "j"), 1, "force"),
        (("list", "--status", "GONE"), 1, "status"),
        (("create", "missing.json"), 2, "cannot read missing.json"),
        (("create", "."), 2, "cannot read ."),
        (("pause", "j", "--actor", "a\nb"), 2, "--actor"),
    ],
)
def test_trouble_is_one_line_and_a_code(site, arguments, code, words):
    site.create()
    answer = site.run(*arguments)
    assert (answer.exit_code, len(answer.stderr.splitlines()), words in answer.stderr) == (code, 1, True)
    assert answer.stdout == ""


@pytest.mark.parametrize(
    ("given", "words"), [("{", "is not JSON"), ("[]", "JSON object"), ("[" * 200_000, "is not JSON")]
)
def test_what_is_no_job_is_refused_before_anybody_is_asked(site, given, words):
    answer = site.run("create", "-", stdin=given)
    assert (answer.exit_code, words in answer.stderr) == (2, True)


def test_a_server_that_is_not_there_is_named_with_the_way_to_say_where_it_is():
    answer = CliRunner().invoke(app, ["jobs", "list", "--url", "http://127.0.0.1:1"])
    assert (answer.exit_code, len(answer.stderr.splitlines())) == (1, 1)
    assert "no answer from http://127.0.0.1:1" in answer.stderr
    assert "THINGJOBS_URL" in answer.stderr
