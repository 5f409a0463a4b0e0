"""``thingjobs db check``: says that all is well beside a running server, names what is not, ends with 1."""

import sqlite3
from contextlib import closing

import psycopg
import pytest
from job_site import opened
from typer.testing import CliRunner

from cli.main import app
from domain.job import NewJob, TargetSelection
from storage import jobs
from storage.policy import Policy
from storage.snapshot import DATABASE


@pytest.fixture
def site(tmp_path):
    with opened(tmp_path) as found:
        new = NewJob(targets=("lamp",), target_selection=TargetSelection.SNAPSHOT, job_id="j", document="{}")
        found.wait(found.store.write(jobs.create, new, policy=Policy(), at=found.options.clock()))
        yield found


def check(folder, *arguments):
    command = ["db", "check", "--data-dir", str(folder / "data"), *arguments]
    return CliRunner().invoke(app, command, env={"THINGJOBS_CONFIG": None})


def spoil(folder, statement):
    with closing(sqlite3.connect(folder / "data" / DATABASE)) as connection, connection:
        connection.execute(statement)


def test_all_is_well_beside_a_running_server(site, tmp_path):
    answer = check(tmp_path)
    assert answer.exit_code == 0, answer.output
    assert answer.stdout.startswith("all ")
    assert answer.stdout.endswith(" checks hold\n")


def test_what_does_not_fit_is_named_and_the_code_says_so(site, tmp_path):
    spoil(tmp_path, "UPDATE jobs SET failed = 3")
    answer = check(tmp_path)
    assert answer.exit_code == 1
    assert answer.stdout.splitlines()[:2] == [
        "counters: not so: a job counts its things by their latest execution",
        "  job=j status=FAILED counted=3 found=0",
    ]
    assert " checks failed\n" in answer.stdout


def test_it_names_as_many_as_it_is_told(site, tmp_path):
    spoil(tmp_path, "UPDATE jobs SET failed = 3, canceled = 4")
    said = check(tmp_path, "--named", "1").stdout.splitlines()
    assert [line for line in said if line.startswith("  ")] == [
        "  job=j status=FAILED counted=3 found=0",
        "  ... and more",
    ]


def test_without_a_database_there_is_one_line_and_nothing_is_made(tmp_path):
    answer = check(tmp_path)
    assert answer.exit_code == 1
    assert answer.stderr == f"thingjobs: there is no database {tmp_path / 'data' / DATABASE}\n"
    assert not (tmp_path / "data").exists()


def test_a_database_on_a_server_is_checked_as_well(make_site_of, tmp_path):
    site = make_site_of("postgresql")(tmp_path)
    command, env = ["db", "check"], {"THINGJOBS_DATABASE_URL": site.url, "THINGJOBS_CONFIG": None}
    answer = CliRunner().invoke(app, command, env=env)
    assert answer.exit_code == 0, answer.output
    assert answer.stdout.endswith(" checks hold\n")
    with psycopg.connect(site.url) as connection:
        connection.execute("INSERT INTO job_acts (at, job, event, act) VALUES (0, 7, 0, 'CREATE')")
    answer = CliRunner().invoke(app, command, env=env)
    assert answer.exit_code == 1
    assert answer.stdout.splitlines()[:2] == ["acts: not so: acts belong to a job", "  act=1 job=#7"]
    site.drop()
    answer = CliRunner().invoke(app, command, env=env)
    assert answer.exit_code == 1
    assert answer.stderr.startswith("thingjobs: the database cannot be read: ")
