"""The tables of the page on windows are what the rules compute."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from domain.cron import YEARS
from domain.opening import opening, zone_named
from domain.schedule import MOST_BLACKOUTS, MOST_WINDOWS, CloseBehavior, SchedulingConfig
from domain.windows import LONGEST_MINUTES

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "windows.md").read_text(encoding="utf-8")


def table(title: str) -> list[list[str]]:
    """Return the cells of a section's only table, the head left out."""
    part = TEXT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    found = [line.strip("|").split("|") for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip().strip("`") for cell in row] for row in found[2:]]


def schedule(expression: str, minutes: str, **more: object) -> SchedulingConfig:
    window = {"startTime": f"cron({expression})", "durationInMinutes": int(minutes or 1)}
    windows = [] if expression == "none" else [window]
    return SchedulingConfig.model_validate({"maintenanceWindows": windows, **more})


def utc(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=UTC)


def shown(moment: datetime | None) -> str:
    return "…" if moment is None else f"{moment:%m-%d %H:%M}"


@pytest.mark.parametrize("row", table("When clocks change"), ids=lambda row: f"{row[0]} {row[1]} {row[3]}")
def test_a_window_over_a_change_of_clocks_is_as_told(row):
    zone, expression, minutes, after, *told = row
    config = schedule(expression, minutes, timeZone=zone)
    opens = opening(config, "", utc(after)).changes_at
    closes = opening(config, "", opens).changes_at
    there = zone_named(zone)
    assert told == [
        shown(opens), shown(opens.astimezone(there)), shown(closes), shown(closes.astimezone(there)),
    ]  # fmt: skip


@pytest.mark.parametrize("row", table("Blackout dates"), ids=lambda row: f"{row[0]} {row[2]}")
def test_a_window_around_blackout_dates_is_as_told(row):
    expression, minutes, dark, since, told = row
    config = schedule(expression, minutes, blackoutDates=[dark])
    at: datetime | None = utc(since)
    found = []
    for _ in told.split(", "):
        at = opening(config, "", at).changes_at
        opens, at = at, opening(config, "", at).changes_at
        found.append(f"{shown(opens)} to {shown(at)}")
    assert ", ".join(found) == told


def test_the_limits_are_those_in_force():
    numbers = [[int(number) for number in re.findall(r"\d+", row[1])] for row in table("Limits")]
    assert numbers == [[MOST_WINDOWS], [1, LONGEST_MINUTES], [MOST_BLACKOUTS], [YEARS.start, YEARS.stop - 1]]


def test_every_behaviour_at_a_close_is_told():
    head = re.search(r"^\| \| (.*) \|$", TEXT.partition("## What a close does")[2], re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", head[1])) == set(CloseBehavior)
