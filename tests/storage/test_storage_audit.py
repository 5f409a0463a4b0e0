"""The audit: of a database in which everything has happened it says nothing, and of each break what it is."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from audit_breaks import BREAKS
from paced_jobs import report, retry, things
from sites import SqliteFile
from staged_jobs import staged
from sync_store import AUTO, SyncStore
from test_storage_zones import LOCAL, scheduled, thing

from domain.errors import Unavailable
from storage import audit, executions, groups, marks
from storage.audit_checks import CHECKS
from storage.snapshot import DATABASE, snapshot


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database in which jobs of every kind have come some way."""
    site = SqliteFile(tmp_path_factory.mktemp("lived"), durable=False)
    store = SyncStore(site)
    store.create("done", "t000")
    for status in ("IN_PROGRESS", "SUCCEEDED"):
        report(store, "t000", "done", status)
    store.create("plain", "t001")
    store.create("again", "t002", pacing=retry("FAILED", 1))
    report(store, "t002", "again", "FAILED")
    store.create("staged", *things(4), pacing=staged({"count": 1}))
    store.group("g", "t004")
    store.create("follow", "thinggroup/g", continuous=True)
    for name in ("first", "second"):
        store.create(name, "t005", exclusive_group="disk")
    store.tick()
    report(store, "t005", "first", "IN_PROGRESS")
    thing(store, "berlin", "Europe/Berlin")
    scheduled(store, "night", "berlin", **LOCAL)
    store.later(hours=9)
    store.tick()
    store.later(hours=3)
    store.tick()
    store.do(groups.create, "all-lamps", query="thingName:lamp*", at=store.now)
    store.do(groups.add, "g", ["lamp-1"], policy=AUTO, at=store.now)
    store.create("gone", "t006")
    store.do(executions.delete, "gone", "t006", force=True, at=store.now)
    store.tick()
    store.tell()
    store.close()
    return site.file


@pytest.fixture
def file(lived: Path, tmp_path: Path) -> Path:
    shutil.copy(lived, tmp_path / DATABASE)
    return tmp_path


def spoil(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / DATABASE)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def test_nothing_is_said_of_a_sound_store(file: Path) -> None:
    with snapshot(file) as connection:
        assert list(audit.faults(connection)) == []


@pytest.mark.parametrize("name", [check.name for check in CHECKS if check.name != "file"])
def test_a_break_is_named_and_nothing_else(file: Path, name: str) -> None:
    statements, expected, more = BREAKS[name]
    spoil(file, *statements)
    with snapshot(file) as connection:
        found = {fault.check.name: fault for fault in audit.faults(connection)}
    assert found.keys() == {name, *more}
    assert any(expected.items() <= offender.items() for offender in found[name].offenders), found[name]


def test_a_damaged_file_is_named(file: Path) -> None:
    """An index that lacks a row of its table is what a bad disk or a copy of half a log leaves."""
    with closing(sqlite3.connect(file / DATABASE)) as connection:
        connection.execute("PRAGMA writable_schema=ON")
        connection.execute("DELETE FROM sqlite_schema WHERE name = 'ix_executions_thing_id'")
        connection.commit()
    with snapshot(file) as connection:
        [fault] = audit.faults(connection)
    assert fault.check.name == "file"
    assert "never used" in fault.offenders[0]["damage"]


def test_no_more_are_named_than_asked_for(file: Path) -> None:
    spoil(file, "UPDATE jobs SET canceled = 5")
    with snapshot(file) as connection:
        [fault] = audit.faults(connection, named=3)
        [whole] = audit.faults(connection, named=1000)
    assert (len(fault.offenders), fault.more, whole.more) == (3, True, False)
    assert whole.offenders[:3] == fault.offenders


def test_only_what_was_asked_for_is_checked(file: Path) -> None:
    spoil(file, "UPDATE jobs SET canceled = 5", "UPDATE things SET notified_seq = 99")
    with snapshot(file) as connection:
        assert [fault.check.name for fault in audit.faults(connection, only=["marks"])] == ["marks"]


def test_a_snapshot_sees_nothing_of_what_is_written_meanwhile(file: Path) -> None:
    with closing(SyncStore(SqliteFile(file))) as store, snapshot(file) as connection:
        before = connection.exec_driver_sql("SELECT sum(notify_seq) FROM things").scalar_one()
        store.do(marks.mark, [1])
        assert connection.exec_driver_sql("SELECT sum(notify_seq) FROM things").scalar_one() == before
        with snapshot(file) as later:
            assert later.exec_driver_sql("SELECT sum(notify_seq) FROM things").scalar_one() == before + 1


def test_a_snapshot_reads_the_log_that_a_killed_server_left(file: Path, tmp_path_factory) -> None:
    left = tmp_path_factory.mktemp("left")
    with closing(SyncStore(SqliteFile(file))) as store:
        store.do(marks.mark, [1, 2, 3])
        for suffix in ("", "-wal"):
            shutil.copy(file / f"{DATABASE}{suffix}", left / f"{DATABASE}{suffix}")
        wanted = store.rows("SELECT sum(notify_seq) FROM things")
    with snapshot(left) as connection:
        found = connection.exec_driver_sql("SELECT sum(notify_seq) FROM things").all()
        assert list(audit.faults(connection)) == []
    assert found == wanted


def test_a_snapshot_cannot_be_written_to(file: Path) -> None:
    with pytest.raises(Unavailable, match="readonly"), snapshot(file) as connection:
        connection.exec_driver_sql("DELETE FROM jobs")


def test_a_snapshot_makes_no_database(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="there is no database"), snapshot(tmp_path / "nowhere"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_database_of_another_version_is_left_alone(file: Path) -> None:
    spoil(file, "UPDATE alembic_version SET version_num = '0001'")
    with pytest.raises(Unavailable, match="has schema 0001 and this program reads"), snapshot(file):
        pass


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / DATABASE).write_bytes(b"no database" * 1000)
    with pytest.raises(Unavailable, match="cannot be read: file is not a database"), snapshot(tmp_path):
        pass


def test_every_check_has_a_name_of_its_own_and_says_what_must_be() -> None:
    assert len({check.name for check in CHECKS}) == len(CHECKS)
    assert all(check.says for check in CHECKS)
