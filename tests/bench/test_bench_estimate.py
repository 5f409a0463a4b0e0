"""The estimate: its figures are those that were measured, and the document prints what comes of them."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from bench.estimate import FLEETS, Estimate, Habits, Units, measured, table

DOCS = Path(__file__).resolve().parents[2] / "docs"


def units(**known):
    costs = {each.name: 1.0 for each in fields(Units)}
    return Units(**{**costs, **known})


def test_the_unit_costs_are_those_that_the_document_says():
    text = (DOCS / "performance.md").read_text(encoding="utf-8")
    found = measured(text)
    [updates] = re.findall(r"^\| b, updates: Mosquitto \+ PostgreSQL \| ([\d,]+) /s", text, re.MULTILINE)
    assert found.updates == float(updates.replace(",", ""))
    [event] = re.findall(r"^\| l, an event, PostgreSQL \| (\d+) bytes", text, re.MULTILINE)
    assert found.event == float(event)
    assert all(getattr(found, each.name) > 0 for each in fields(Units))


def test_a_row_that_is_not_there_is_named():
    with pytest.raises(ValueError, match=r"no row 'b, updates: Mosquitto \+ PostgreSQL'"):
        measured("| b, updates: Mosquitto + SQLite | 5,000 /s |")


def test_a_count_in_a_row_makes_the_cost_of_one():
    text = (DOCS / "performance.md").read_text(encoding="utf-8")
    told = "| e, create to last notified, 5,000 things: Mosquitto + PostgreSQL | 2.50 s | x |"
    assert measured(f"{text}\n{told}\n").notification == 0.0005


def test_the_document_prints_what_comes_of_them():
    assert table() in (DOCS / "scaling.md").read_text(encoding="utf-8")


def test_the_document_says_what_was_assumed():
    text = (DOCS / "scaling.md").read_text(encoding="utf-8")
    for each in fields(Habits):
        value = getattr(Habits(), each.name)
        assert f"| `{each.name}` | {value:,} |" in text


def test_the_arithmetic():
    known = units(
        thing=10,
        execution=100,
        event=5,
        updates=1000,
        dispatcher_us=100,
        creation=5e-5,
        notification=1e-3,
        admissions=200,
        connection=4,
    )
    habits = Habits(jobs_a_month=1, days_kept=60, events=2, requests=4, notifications=1, load=0.5)
    fleet = Estimate(1_000_000, known, habits)
    assert fleet.executions == 2_000_000
    assert fleet.stored == 10_000_000 + 200_000_000 + 20_000_000
    assert fleet.requests(2000) == 2000
    assert fleet.messages(2000) == 4500
    assert fleet.dispatchers(2000) == 4
    assert fleet.creation == 50
    assert fleet.nodes == 4
    assert fleet.cores(known.dispatcher_us, 200) == 4
    assert fleet.notification == 1000
    assert fleet.memory == 4_096_000_000
    assert fleet.admitting == 6
    assert fleet.connects == pytest.approx(555.6, abs=0.1)


def test_ten_times_the_fleet_is_ten_times_the_rows():
    small, large, _ = (Estimate(things, units(), Habits()) for things in FLEETS)
    assert large.stored == pytest.approx(10 * small.stored)
