"""``thingjobs db copy``: an embedded installation moves to PostgreSQL whole, and goes on where it was."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from migrated import lay_in
from typer.testing import CliRunner

from cli.main import app
from domain.execution import Status
from domain.job import NewJob, TargetSelection
from domain.messages import Request
from domain.roles import Role
from domain.topics import Operation
from storage import access_keys, device, executions, history, jobs, tokens
from storage.copying import copy
from storage.history import Kept
from storage.policy import Policy
from storage.snapshot import DATABASE
from storage.store import Store

NOW = datetime(2026, 3, 1, tzinfo=UTC)


async def create(store, name, *things, at=NOW):
    new = NewJob(
        targets=things, target_selection=TargetSelection.SNAPSHOT, job_id=name, document='{"a":"ß☃"}'
    )
    await store.write(jobs.create, new, policy=Policy(), at=at)


async def update(store, thing, status):
    said = {"status": status, "status_details": {"step": "Ünïcode"}}
    asked = Request(thing_name=thing, operation=Operation.UPDATE, job_id="j", **said)
    [answer] = await store.write(device.answer, [asked], policy=Policy(), at=NOW)
    assert isinstance(answer, device.Updated), answer


@pytest.fixture
async def old(tmp_path):
    """A data directory in which something has happened, and a token and a key out of it."""
    folder = lay_in(tmp_path / "old")
    store = Store.open(folder)
    await create(store, "j", "lamp", "door")
    await create(store, "gone", "lamp")
    await store.write(jobs.delete, "gone", force=True, at=NOW)
    await update(store, "lamp", Status.IN_PROGRESS)
    token = await store.write(tokens.issue, "lamp", at=NOW)
    made = await store.write(access_keys.create, store.vault, Role.ADMIN, at=NOW)
    await store.close()
    return folder, token, made


@pytest.fixture
def site(make_site_of, tmp_path):
    found = make_site_of("postgresql")(tmp_path / "new")
    yield found
    found.drop()


def run(*arguments, code=0, **env):
    answer = CliRunner().invoke(app, ["db", "copy", *arguments], env={"THINGJOBS_CONFIG": None, **env})
    assert answer.exit_code == code, answer.output
    return answer.stderr if code else answer.stdout


def rows(site, statement):
    with psycopg.connect(site.url) as connection:
        return connection.execute(statement).fetchall()


async def test_everything_goes_over_and_goes_on(old, site):
    folder, token, made = old
    said = run("--from", f"sqlite:{folder}", "--to", site.url).splitlines()
    assert any(line.startswith("execution_events: 3 rows, ") for line in said), said
    assert said[-1] == f"all is there; keys and artifacts stay in {folder}"
    with closing(sqlite3.connect(folder / DATABASE)) as connection:
        (highest,) = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'jobs'").fetchone()
    store = Store.connect(site.url, data_dir=folder)
    try:
        assert await store.read(tokens.verify, token) == "lamp"
        assert await store.read(access_keys.verify, store.vault, made.key.key_id, made.secret) is not None
        job = await store.read(jobs.get, "j")
        assert (job.counts[Status.IN_PROGRESS], job.counts[Status.QUEUED]) == (1, 1)
        assert rows(site, "SELECT document FROM jobs") == [('{"a":"ß☃"}',)]
        await update(store, "lamp", Status.SUCCEEDED)
        done = await store.read(executions.get, "j", "lamp")
        assert (done.version_number, done.status) == (3, Status.SUCCEEDED)
        await create(store, "new", "lamp")
        assert await store.read(jobs.key_of, "new") == highest + 1
        assert (await store.read(executions.get, "j", "door")).status is Status.QUEUED
    finally:
        await store.close()
    answer = CliRunner().invoke(app, ["db", "check"], env={"THINGJOBS_DATABASE_URL": site.url})
    assert answer.exit_code == 0, answer.output


async def test_a_history_that_has_begun_late_goes_over_as_it_is(old, site):
    """Its transitions have high numbers, and the first ones are gone."""
    folder, *_ = old
    with closing(sqlite3.connect(folder / DATABASE)) as connection, connection:
        connection.execute("UPDATE sqlite_sequence SET seq = 42000000 WHERE name = 'execution_events'")
    store = Store.open(folder)
    await update(store, "lamp", Status.SUCCEEDED)
    later, kept = NOW + timedelta(days=40), Kept(timedelta(days=30))
    await create(store, "new", "door", at=later)
    while (piece := await store.read(history.due, kept, at=later)) is not None:
        await store.write(history.go_on, piece, kept, at=later)
    await store.close()
    assert "execution_events: 1 rows, " in run("--from", f"sqlite:{folder}", "--to", site.url)
    store = Store.connect(site.url, data_dir=folder)
    try:
        # Partitions of numbers that nothing has are dropped as soon as somebody looks.
        while (piece := await store.read(history.due, kept, at=later)) is not None:
            await store.write(history.go_on, piece, kept, at=later)
        await update(store, "door", Status.SUCCEEDED)
        assert (await store.read(executions.get, "j", "door")).version_number == 2
    finally:
        await store.close()
    found = rows(site, "SELECT id, tableoid::regclass::text FROM execution_events ORDER BY id")
    assert found == [(42000002, "execution_events_40000000"), (42000003, "execution_events_40000000")]
    answer = CliRunner().invoke(app, ["db", "check"], env={"THINGJOBS_DATABASE_URL": site.url})
    assert answer.exit_code == 0, answer.output


async def test_the_settings_say_from_where_and_where_to(old, site):
    said = run(THINGJOBS_DATA_DIR=str(old[0]), THINGJOBS_DATABASE_URL=site.url)
    assert "jobs: 1 rows, " in said


async def test_what_is_there_already_stays(old, site):
    argument = ["--from", f"sqlite:{old[0]}", "--to", site.url]
    run(*argument)
    before = rows(site, "SELECT * FROM jobs")
    assert "in the database already; it must be empty" in run(*argument, code=1)
    assert rows(site, "SELECT * FROM jobs") == before


async def test_a_running_server_is_not_copied(old, site):
    store = Store.open(old[0])
    assert "is in use by process" in run("--from", f"sqlite:{old[0]}", "--to", site.url, code=1)
    await store.close()
    assert rows(site, "SELECT count(*) FROM things") == [(0,)]


async def test_what_cannot_be_kept_leaves_nothing_behind(old, site):
    """A character that PostgreSQL knows no text with."""
    with closing(sqlite3.connect(old[0] / DATABASE)) as connection, connection:
        connection.execute("UPDATE jobs SET description = 'a' || char(0) || 'b'")
    keys = rows(site, "SELECT * FROM meta")
    assert "cannot be written" in run("--from", f"sqlite:{old[0]}", "--to", site.url, code=1)
    assert rows(site, "SELECT count(*) FROM things") == [(0,)]
    assert len(rows(site, "SELECT * FROM meta")) >= len(keys)


async def test_a_difference_is_found_before_it_is_kept(old, site):
    """The target changes what it is given, as a trigger of somebody's might."""
    with psycopg.connect(site.url) as connection:
        connection.execute(
            "CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN NEW.version := NEW.version + 1; RETURN NEW; END $$"
        )
        connection.execute(
            "CREATE TRIGGER spoil BEFORE INSERT ON executions FOR EACH ROW EXECUTE FUNCTION spoil()"
        )
    told = []
    with pytest.raises(Exception, match=r"executions came over as .* nothing was kept"):
        copy(old[0], site.url, told.append)
    assert "jobs" in {copied.table for copied in told}
    assert rows(site, "SELECT count(*) FROM jobs") == [(0,)]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--from", "mysql:x", "--to", "postgresql://h/d"], 2, "sqlite:DIRECTORY is what can be copied from"),
        (["--from", "sqlite:nowhere", "--to", "postgresql://h/d"], 1, "there is no database nowhere"),
        (["--from", "sqlite:nowhere"], 2, "where to?"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path, monkeypatch, arguments, code, words):
    monkeypatch.chdir(tmp_path)
    assert words in run(*arguments, code=code)
    assert list(tmp_path.iterdir()) == []
