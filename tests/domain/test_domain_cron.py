"""AWS's cron dialect: what it means, what is refused, and what daylight saving time does to it."""

from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
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


#: Zones and days on which their clocks change.
CHANGES = [
    ("Europe/Berlin", "2026-03-29"),
    ("Europe/Berlin", "2026-10-25"),
    ("America/New_York", "2026-03-08"),
    ("America/New_York", "2026-11-01"),
    ("Australia/Lord_Howe", "2026-04-04"),
    ("Australia/Lord_Howe", "2026-10-03"),
    ("Pacific/Apia", "2011-12-30"),
    ("America/Havana", "2026-11-01"),
    ("Asia/Kathmandu", "2026-10-25"),
]
FIELDS = {"*": range(24), "2": [2], "0-3": range(4), "0/2": range(0, 24, 2), "1,23": [1, 23]}
MINUTES = {"0": [0], "45": [45], "0/20": [0, 20, 40], "*": range(60), "15,59": [15, 59]}


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(CHANGES), st.sampled_from(sorted(FIELDS)), st.sampled_from(sorted(MINUTES)))
def test_over_a_change_of_clocks_it_runs_when_an_oracle_that_reads_them_every_minute_says(
    change, hours, minutes
):
    name, day = change
    zone, begin = ZoneInfo(name), utc(f"{day} 00:00") - timedelta(days=1)
    real = [begin + timedelta(minutes=minute) for minute in range(4 * 24 * 60)]
    shown = [moment.astimezone(zone).replace(tzinfo=None, fold=0) for moment in real]
    if hours == "*":
        expected = {at for at, now in zip(real, shown, strict=True) if now.minute in MINUTES[minutes]}
    else:
        times = [(hour, minute) for hour in FIELDS[hours] for minute in MINUTES[minutes]]
        days = sorted({now.date() for now in shown} | {shown[0].date() + timedelta(days=n) for n in range(5)})
        wanted = [datetime(d.year, d.month, d.day, *time) for d in days for time in times]  # noqa: DTZ001
        # The first minute at which clocks show that time or, having skipped it, a later one.
        firsts = [next((at for at, now in zip(real, shown, strict=True) if now >= w), None) for w in wanted]
        expected = {first for first in firsts if first is not None}
    # Of the first day not all is known to the oracle.
    since, until = real[24 * 60], real[-1]
    found = takewhile(lambda at: at <= until, after(parse(f"cron({minutes} {hours} * * ? *)"), since, zone))
    assert list(found) == sorted(at for at in expected if at > since)
