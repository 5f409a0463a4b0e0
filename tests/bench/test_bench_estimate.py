"""The estimate: its figures are those that were measured, and the document prints what comes of them."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from bench.estimate import FLEETS, Estimate, Habits, Units, table

DOCS = Path(__file__).resolve().parents[2] / "docs"


def printed(what):
    """Return the figure in a row of docs/performance.md."""
    text = (DOCS / "performance.md").read_text(encoding="utf-8")
    [found] = re.findall(rf"^\| {re.escape(what)} \| ([\d,.]+)", text, re.MULTILINE)
    return float(found.replace(",", ""))


def test_the_unit_costs_are_those_that_were_measured():
    assert Units() == Units(
        thing=printed("l, a thing with its token in a group, PostgreSQL"),
        execution=printed("l, an execution, ended, PostgreSQL"),
        event=printed("l, an event, PostgreSQL"),
        updates=printed("b, updates: Mosquitto"),
        creation=printed("d, a job for 100,000 things, by a group"),
    )


def test_the_document_prints_what_comes_of_them():
    assert table() in (DOCS / "scaling.md").read_text(encoding="utf-8")


def test_the_document_says_what_was_assumed():
    text = (DOCS / "scaling.md").read_text(encoding="utf-8")
    for each in fields(Habits):
        value = getattr(Habits(), each.name)
        assert f"| `{each.name}` | {value:,} |" in text


def test_the_arithmetic():
    units = Units(thing=10, execution=100, event=5, updates=1000, creation=5)
    habits = Habits(jobs_a_month=1, days_kept=60, events=2, requests=4, notifications=1, load=0.5)
    fleet = Estimate(1_000_000, units, habits)
    assert fleet.executions == 2_000_000
    assert fleet.stored == 10_000_000 + 200_000_000 + 20_000_000
    assert fleet.requests(2000) == 2000
    assert fleet.messages(2000) == 4500
    assert fleet.dispatchers(2000) == 4
    assert fleet.creation == 50
    assert fleet.nodes == 4
    assert fleet.connects == pytest.approx(555.6, abs=0.1)


def test_ten_times_the_fleet_is_ten_times_the_rows():
    small, large, _ = (Estimate(things, Units(), Habits()) for things in FLEETS)
    assert large.stored == pytest.approx(10 * small.stored)
