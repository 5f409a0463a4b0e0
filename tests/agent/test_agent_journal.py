"""The journal on disk: whole or not at all, and readable after a sudden death."""

import json
import os
import stat

import pytest

from agent import journal as journal_module
from agent.errors import JournalDamaged, JournalHeld, JournalUnreadable, JournalUnwritable
from agent.journal import REMEMBERED, Entry, ExecutionKey, FileJournal, Record, Report, digest
from domain.execution import Status

KEY = ExecutionKey("job", 1, 1_700_000_000)
REPORT = Report(status=Status.FAILED, details={"reason": "x"}, expected_version=3, client_token="t")
ENTRY = Entry(key=KEY, digest="d", step="half", report=REPORT)


async def test_what_was_saved_is_loaded_by_another_process(tmp_path):
    record = Record(entry=ENTRY, finished=(Entry(key=KEY, digest="e"),))
    await FileJournal(tmp_path / "new" / "folder", "t1").save(record)
    assert await FileJournal(tmp_path / "new" / "folder", "t1").load() == record


async def test_only_its_owner_may_read_a_journal(tmp_path):
    journal = FileJournal(tmp_path, "t1")
    await journal.save(Record(entry=ENTRY))
    assert stat.S_IMODE(journal.path.stat().st_mode) == 0o600


async def test_one_agent_only_works_with_a_journal(tmp_path):
    first, other, second = (FileJournal(tmp_path, name) for name in ("t1", "t2", "t1"))
    with first.held(), other.held(), pytest.raises(JournalHeld, match="another agent"), second.held():
        pytest.fail("held twice")
    with FileJournal(tmp_path, "t1").held():
        """Free again."""


async def test_a_thing_without_a_journal_begins_empty(tmp_path):
    assert await FileJournal(tmp_path, "t1").load() == Record()


async def test_names_that_are_no_file_names_anywhere_are_spelled(tmp_path):
    for name in ("a:b", "a_b", "a-b"):
        await FileJournal(tmp_path, name).save(Record())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a%3Ab.json", "a-b.json", "a_b.json"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"entry": {"key": 5}}', b"\xff\xfe"])
async def test_a_damaged_journal_is_reported_and_kept_aside_by_the_next_save(tmp_path, content):
    journal = FileJournal(tmp_path, "t1")
    journal.path.write_bytes(content)
    for _ in range(2):
        with pytest.raises(JournalDamaged):
            await journal.load()
    await journal.save(Record(entry=ENTRY))
    assert (tmp_path / "t1.damaged").read_bytes() == content
    assert (await journal.load()).entry == ENTRY


async def test_a_journal_the_disk_does_not_give_is_not_taken_for_an_empty_or_a_damaged_one(tmp_path):
    journal = FileJournal(tmp_path, "t1")
    journal.path.mkdir()
    with pytest.raises(JournalUnreadable, match="Is a directory"):
        await journal.load()


async def test_the_old_content_stands_until_the_new_one_is_on_the_disk(tmp_path, monkeypatch):
    journal = FileJournal(tmp_path, "t1")
    await journal.save(Record(entry=ENTRY))

    def power_cut(_descriptor):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", power_cut)
    with pytest.raises(JournalUnwritable, match="Input/output error"):
        await journal.save(Record())
    assert (await FileJournal(tmp_path, "t1").load()).entry == ENTRY


async def test_content_and_directory_are_flushed_in_this_order(tmp_path, monkeypatch):
    done = []
    real_fsync, real_replace = os.fsync, journal_module.Path.replace

    def fsync(descriptor):
        done.append("directory" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        real_fsync(descriptor)

    def replace(path, target):
        done.append("rename")
        return real_replace(path, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(journal_module.Path, "replace", replace)
    await FileJournal(tmp_path, "t1").save(Record())
    assert done == ["file", "rename", "directory"]


def test_finished_jobs_are_remembered_up_to_a_bound():
    record = Record()
    for number in range(REMEMBERED + 5):
        record = record.with_entry(Entry(key=ExecutionKey("job", number, 0), digest="")).closed()
    assert len(record.finished) == REMEMBERED
    assert record.entry is None
    assert record.outcome_of(ExecutionKey("job", 0, 0)) is None
    assert record.outcome_of(ExecutionKey("job", REMEMBERED + 4, 0)) is not None
    assert record.outcome_of(ExecutionKey("job", REMEMBERED + 4, 1)) is None


def test_a_digest_knows_no_order_of_members():
    one, two = json.loads('{"a": 1, "b": [1, 2]}'), json.loads('{"b": [1, 2], "a": 1}')
    assert digest(one) == digest(two) != digest({"a": 1, "b": [2, 1]})
