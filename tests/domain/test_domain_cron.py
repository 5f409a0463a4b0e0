"""AWS's cron dialect: what it means, what is refused, and what daylight saving time does to it."""

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.cron import after, latest, nearest_weekday, parse

BERLIN = ZoneInfo("Europe/Berlin")


def utc(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=UTC)


def first(expression: str, at: str, count: int = 3, zone=UTC) -> list[str]:
    return [f"{found:%Y-%m-%d %H:%M}" for found in islice(after(parse(expression), utc(at), zone), count)]


@pytest.mark.parametrize(
    ("expression", "at", "expected"),
    [
        ("cron(0 10 * * ? *)", "2026-01-01 10:00", ["2026-01-02 10:00", "2026-01-03 10:00"]),
        ("cron(0 18 ? * MON-FRI *)", "2026-01-02 18:00", ["2026-01-05 18:00", "2026-01-06 18:00"]),
        ("cron(0 8 1 * ? *)", "2026-01-01 08:00", ["2026-02-01 08:00", "2026-03-01 08:00"]),
        ("0 8 1 * ? *", "2026-01-01 08:00", ["2026-02-01 08:00"]),
        ("cron(0/15 * * * ? *)", "2026-01-01 00:50", ["2026-01-01 01:00", "2026-01-01 01:15"]),
        ("cron(0 0 ? * 1 *)", "2026-01-01 00:00", ["2026-01-04 00:00"]),  # 1 is Sunday
        ("cron(0 0 ? * 7 *)", "2026-01-01 00:00", ["2026-01-03 00:00"]),  # 7 is Saturday
        ("cron(0 0 ? * L *)", "2026-01-01 00:00", ["2026-01-03 00:00"]),
        ("cron(0 0 ? * 2#1 *)", "2026-01-06 00:00", ["2026-02-02 00:00"]),  # first Monday
        ("cron(0 0 ? * FRI#2 *)", "2026-01-01 00:00", ["2026-01-09 00:00"]),
        ("cron(0 0 ? * 6L *)", "2026-01-01 00:00", ["2026-01-30 00:00"]),  # last Friday
        ("cron(0 0 ? * 2,4 *)", "2026-01-01 00:00", ["2026-01-05 00:00", "2026-01-07 00:00"]),
        ("cron(0 0 L * ? *)", "2026-02-01 00:00", ["2026-02-28 00:00", "2026-03-31 00:00"]),
        ("cron(0 0 15W * ? *)", "2026-01-31 00:00", ["2026-02-16 00:00", "2026-03-16 00:00"]),
        ("cron(0 0 1W * ? *)", "2026-01-31 00:00", ["2026-02-02 00:00", "2026-03-02 00:00"]),
        ("cron(0 0 1 1 ? 2030)", "2026-01-01 00:00", ["2030-01-01 00:00"]),
        ("cron(0 0 1 1 ? 2030-2040/5)", "2026-01-01 00:00", ["2030-01-01 00:00", "2035-01-01 00:00"]),
        ("cron(0 0 29 FEB ? *)", "2026-01-01 00:00", ["2028-02-29 00:00", "2032-02-29 00:00"]),
        ("cron(0 0 1 1 ? 2020)", "2026-01-01 00:00", []),
    ],
)
def test_an_expression_means_what_it_means_at_aws(expression, at, expected):
    assert first(expression, at, max(1, len(expected))) == expected


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("", "0 fields"),
        ("cron(0 10 * * ?)", "5 fields"),
        ("cron(0 10 * * * *)", "exactly one of"),
        ("cron(0 10 ? * ? *)", "exactly one of"),
        ("cron(60 10 * * ? *)", "bad minute"),
        ("cron(0 24 * * ? *)", "bad hour"),
        ("cron(0 0 32 * ? *)", "bad day-of-month"),
        ("cron(0 0 0W * ? *)", "bad day-of-month"),
        ("cron(0 0 1 13 ? *)", "bad month"),
        ("cron(0 0 ? * 0 *)", "bad day-of-week '0'"),
        ("cron(0 0 ? * 8 *)", "bad day-of-week '8'"),
        ("cron(0 0 ? * 2#6 *)", "bad day-of-week '2#6'"),
        ("cron(0 0 ? * MON- *)", "bad day-of-week 'MON-'"),
        ("cron(0 0 1 1 ? 1969)", "bad year '1969'"),
        ("cron(0 0 1 1 ? 2200)", "bad year '2200'"),
        ("cron(0 0 1 1 ? 2030/0)", "bad year '2030/0'"),
        ("cron(0/0 0 1 1 ? *)", "bad minute"),
        ("cron(0 0 30 2 ? *)", "bad day-of-month"),
    ],
)
def test_an_expression_that_cannot_be_is_refused_by_its_field(expression, why):
    with pytest.raises(ValueError) as refused:
        parse(expression)
    assert why in str(refused.value)


def test_an_hour_that_is_left_out_runs_when_it_ends_and_a_doubled_one_runs_once():
    spring = first("cron(30 2 * * ? *)", "2026-03-28 00:00", 3, BERLIN)
    assert spring == ["2026-03-28 01:30", "2026-03-29 01:00", "2026-03-30 00:30"]
    autumn = first("cron(30 2 * * ? *)", "2026-10-24 12:00", 2, BERLIN)
    assert autumn == ["2026-10-25 00:30", "2026-10-26 01:30"]


@pytest.mark.parametrize(
    ("year", "month", "day", "expected"),
    [(2026, 8, 1, 3), (2026, 5, 31, 29), (2026, 8, 15, 14), (2026, 8, 16, 17), (2026, 8, 12, 12)],
)
def test_the_nearest_weekday_stays_in_the_month(year, month, day, expected):
    assert nearest_weekday(year, month, day).day == expected


def test_a_month_without_the_day_has_no_nearest_weekday():
    assert nearest_weekday(2026, 2, 30) is None


@given(
    st.sampled_from(
        ["cron(0 10 * * ? *)", "cron(0/7 3 ? * 2-5 *)", "cron(30 2 L * ? *)", "cron(15 1 10W * ? *)"]
    ),
    st.datetimes(datetime(2025, 1, 1), datetime(2028, 1, 1)),  # noqa: DTZ001 - given UTC below
    st.sampled_from([UTC, BERLIN, ZoneInfo("Australia/Lord_Howe"), ZoneInfo("America/New_York")]),
)
def test_looking_back_finds_what_looking_ahead_found(expression, at, zone):
    cron = parse(expression)
    upcoming = next(after(cron, at.replace(tzinfo=UTC), zone))
    assert upcoming > at.replace(tzinfo=UTC)
    assert latest(cron, upcoming, zone) == upcoming
    before = latest(cron, upcoming - timedelta(seconds=1), zone)
    assert before is not None
    assert before <= at.replace(tzinfo=UTC)
