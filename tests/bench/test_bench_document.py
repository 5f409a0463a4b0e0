"""Results come into the documents as they were measured, each in its measure's place and nowhere else."""

import json

import pytest

from bench import document
from bench.__main__ import MEASURES
from bench.footings import POSTGRESQL
from bench.report import write
from bench.rows import Goal, Row

LETTERS = {name: measure.letters for name, measure in MEASURES.items()}


def row(letter, what, *rounds, unit="s", **more):
    return Row(letter=letter, what=what, unit=unit, rounds=rounds, **more)


@pytest.fixture
def results(tmp_path):
    """Give ``results(rows)``: the file that a run with these rows leaves."""

    def written(*rows):
        return write(tmp_path, rows, {"cores": 2}, {})

    return written


@pytest.fixture
def documents(tmp_path, monkeypatch):
    """Copies of both, to be written to."""
    for name in ("PERFORMANCE", "SCALING"):
        original = getattr(document, name)
        copy = tmp_path / original.name
        copy.write_text(original.read_text(encoding="utf-8"), encoding="utf-8")
        monkeypatch.setattr(document, name, copy)
    monkeypatch.setattr(document.estimate, "PERFORMANCE", document.PERFORMANCE)
    return document


def test_a_row_says_its_figure_its_spread_its_goal_and_whether_that_is_reached(results):
    path = results(
        row("g", "connected", 1.0, 3.0, 2.0, goal=Goal("<=", 1.5)),
        row("g", "connected fast", 0.5, goal=Goal("<=", 1.5)),
    )
    text = document.tables([path], LETTERS)["connects"]
    assert "| g, connected | 2.00 s | 1.00-3.00 of 3 | <= 1.5 | **missed** |" in text
    assert "| g, connected fast | 0.50 s | 0.50-0.50 of 1 | <= 1.5 | reached |" in text


def test_what_else_the_machine_did_stands_above_the_table(results):
    quiet = document.tables([results(row("e", "told", 1.0))], LETTERS)["notify"]
    assert "others" not in quiet
    busy = document.tables(
        [results(row("e", "told", 1.0, notes="CPU; others used 37 % of the machine"))], LETTERS
    )
    assert "while others used up to 37 % of the machine" in busy["notify"]


def test_updates_say_who_spent_what_on_each(results):
    costs = {"p50_ms": [80.0], "p99_ms": [170.0], "cpu_us_each": [{"load": 20.4, "server": 89.0}]}
    path = results(row("b", "updates", 5857.0, unit="1/s", details=costs))
    text = document.tables([path], LETTERS)["updates"]
    assert "| b, updates | 5,857 /s | 5,857-5,857 of 1 | 80.0 / 170 ms | load 20, server 89 |  |  |" in text


def test_what_grows_is_a_column_for_each_size(results):
    def cell(size, value):
        footing = f"{POSTGRESQL}"
        return row(
            "o", f"{size}", value, unit="ms", details={"cell": [footing, "executions", "a page", size]}
        )

    text = document.tables([results(cell(1_000, 2.0), cell(1_000_000, 4.0))], LETTERS)["scaling"]
    assert "| executions | 1,000 | 1,000,000 |" in text
    assert "| a page: Mosquitto + PostgreSQL | 2.00 ms | 4.00 ms |" in text


def test_filling_changes_one_place_and_what_comes_of_it(documents, results):
    before = documents.PERFORMANCE.read_text()
    told = row("e", "create to last notified, 10,000 things: Mosquitto + PostgreSQL", 5.0)
    found = documents.tables([results(told)], LETTERS)
    assert documents.fill(found) == []
    after = documents.PERFORMANCE.read_text()
    assert after.count("| e, ") == 1
    assert before.partition("<!-- table: notify -->")[0] == after.partition("<!-- table: notify -->")[0]
    assert before.partition("### Pages")[2] == after.partition("### Pages")[2]
    assert (
        "| until all could have been told of it | 8.3 min | 1.4 h | 13.9 h |" in documents.SCALING.read_text()
    )
    documents.fill(found)
    assert documents.PERFORMANCE.read_text() == after


def test_the_document_has_a_place_for_every_measure():
    text = document.PERFORMANCE.read_text(encoding="utf-8")
    for name in MEASURES:
        assert f"<!-- table: {name} -->\n" in text


def test_a_later_file_counts_more(results, tmp_path):
    old = json.loads(results(row("e", "told", 1.0)).read_text())
    first, second = tmp_path / "1.json", tmp_path / "2.json"
    first.write_text(json.dumps(old))
    old["rows"][0]["median"] = 9.0
    second.write_text(json.dumps(old | {"at": "2099-01-01T00:00:00+00:00"}))
    assert "| e, told | 9.00 s" in document.tables([second, first], LETTERS)["notify"]
