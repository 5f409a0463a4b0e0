"""When schedules open and shut, held to an oracle that looks at the clocks of each zone minute by minute."""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from domain.opening import Hold, Opening, closes_at, opening, openings_ahead, zone_named
from domain.schedule import SchedulingConfig

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
#: Zones and a UTC day near which their clocks change.
CHANGES = [
    ("UTC", date(2026, 3, 29)),
    ("Europe/Berlin", date(2026, 3, 29)),
    ("Europe/Berlin", date(2026, 10, 25)),
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("Australia/Lord_Howe", date(2026, 4, 4)),
    ("Australia/Lord_Howe", date(2026, 10, 3)),
    ("Pacific/Apia", date(2011, 12, 30)),
    ("Asia/Kathmandu", date(2026, 10, 25)),
    ("America/Havana", date(2026, 3, 8)),
    ("America/Havana", date(2026, 11, 1)),
    ("America/Nuuk", date(2026, 3, 29)),
]


def utc(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=UTC)


def schedule(**members) -> SchedulingConfig:
    return SchedulingConfig.model_validate(members)


def nightly(cron: str, minutes: int) -> list[dict]:
    return [{"startTime": cron, "durationInMinutes": minutes}]


@cache
def clocks(zone: str, first: date, days: int = 7) -> list[datetime]:
    """What the clocks of a zone show, minute by minute, from a UTC midnight on."""
    begin = datetime(first.year, first.month, first.day, tzinfo=UTC)
    return [
        (begin + minute * MINUTE).astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0)
        for minute in range(days * 24 * 60)
    ]


def oracle(zone: str, first: date, windows: list[tuple[int, int, int]], dark: set[date]) -> list[bool]:
    """Return for each minute whether daily windows (hour, minute, length) are open; no cron, no offsets.

    A window begins at the first minute at which clocks show its time or, having skipped it, a later one.
    """
    shown = clocks(zone, first)
    is_open = [False] * len(shown)
    for hour, minute, length in windows:
        begun: set[date] = set()
        for place, now in enumerate(shown):
            for day in (now.date() - DAY, now.date()):
                starts = datetime(day.year, day.month, day.day, hour, minute)  # noqa: DTZ001 - a clock's
                # At the begin of the days looked at, whatever is over is taken as begun.
                if starts <= now and day not in begun:
                    begun.add(day)
                    if place > 24 * 60:
                        for each in range(place, min(place + length, len(shown))):
                            is_open[each] = True
    return [state and now.date() not in dark for state, now in zip(is_open, shown, strict=True)]


WINDOWS = st.lists(
    st.tuples(st.integers(0, 23), st.sampled_from([0, 1, 15, 30, 59]), st.integers(1, 1430)),
    min_size=1,
    max_size=3,
)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(CHANGES), WINDOWS, st.sets(st.integers(2, 5), max_size=3))
@example(("Europe/Berlin", date(2026, 10, 25)), [(2, 30, 20)], set())
@example(("Europe/Berlin", date(2026, 3, 29)), [(2, 30, 20)], set())
@example(("Pacific/Apia", date(2011, 12, 30)), [(2, 30, 20)], {3, 4})
@example(("America/Havana", date(2026, 11, 1)), [(0, 0, 60), (23, 30, 60)], {3})
@example(("Australia/Lord_Howe", date(2026, 4, 4)), [(1, 45, 30)], set())
def test_an_opening_is_what_the_clocks_of_the_zone_say_and_changes_exactly_when_it_says(
    change, windows, dark
):
    zone, day = change
    first = day - 3 * DAY
    darkened = {first + days * DAY for days in dark}
    expected = oracle(zone, first, windows, darkened)
    config = schedule(
        timeZone=zone,
        maintenanceWindows=[
            {"startTime": f"cron({minute} {hour} * * ? *)", "durationInMinutes": length}
            for hour, minute, length in windows
        ],
        blackoutDates=[f"{each}" for each in sorted(darkened)],
    )
    begin = datetime(first.year, first.month, first.day, tzinfo=UTC)
    # From the third day on, since what began before the first is not known to the oracle.
    place = 2 * 24 * 60
    while place < len(expected):
        found = opening(config, "", begin + place * MINUTE)
        changed = next(
            (at for at in range(place, len(expected)) if expected[at] is not expected[place]), None
        )
        assert found.is_open is expected[place], begin + place * MINUTE
        assert found.changes_at is not None
        if changed is None:
            assert found.changes_at >= begin + len(expected) * MINUTE
            break
        assert found.changes_at == begin + changed * MINUTE
        place = changed


@pytest.mark.parametrize(
    ("zone", "near", "cron", "opens"),
    [
        # Skipped: it opens when clocks are put forward, on that day only.
        ("Europe/Berlin", "2026-03-28 12:00", "30 2 * * ? *", "2026-03-29 01:00"),
        ("America/New_York", "2026-03-07 12:00", "30 2 * * ? *", "2026-03-08 07:00"),
        ("Australia/Lord_Howe", "2026-10-03 10:00", "15 2 * * ? *", "2026-10-03 15:30"),
        ("Pacific/Apia", "2011-12-30 08:00", "0 12 30 12 ? *", "2011-12-30 10:00"),
        # Twice: it opens the first time.
        ("Europe/Berlin", "2026-10-24 12:00", "30 2 * * ? *", "2026-10-25 00:30"),
        ("America/New_York", "2026-10-31 12:00", "30 1 * * ? *", "2026-11-01 05:30"),
        ("Australia/Lord_Howe", "2026-04-04 10:00", "45 1 * * ? *", "2026-04-04 14:45"),
        # No change at all, and an odd offset.
        ("Asia/Kathmandu", "2026-06-01 12:00", "0 2 * * ? *", "2026-06-01 20:15"),
    ],
)
def test_a_start_that_clocks_skip_or_show_twice_comes_once(zone, near, cron, opens):
    config = schedule(timeZone=zone, maintenanceWindows=nightly(f"cron({cron})", 20))
    found = opening(config, "", utc(near))
    assert found == Opening(is_open=False, changes_at=utc(opens), hold=Hold.WINDOW)
    # Its length is real time, whatever clocks show; and the second of two equal times opens nothing.
    assert opening(config, "", utc(opens)).changes_at == utc(opens) + 20 * MINUTE
    after = opening(config, "", utc(opens) + 20 * MINUTE)
    assert (after.is_open, after.changes_at > utc(opens) + 20 * 60 * MINUTE) == (False, True)


def test_every_hour_is_every_hour_that_clocks_show():
    config = schedule(timeZone="Europe/Berlin", maintenanceWindows=nightly("cron(0 * * * ? *)", 10))
    opened, at = [], utc("2026-10-24 22:59")
    while len(opened) < 5:
        at = opening(config, "", at).changes_at
        if opening(config, "", at).is_open:
            opened.append(f"{at:%H:%M}")
    assert opened == ["23:00", "00:00", "01:00", "02:00", "03:00"]


def test_windows_that_touch_are_one_and_those_always_open_are_asked_about_again():
    touching = schedule(
        maintenanceWindows=[*nightly("cron(0 2 * * ? *)", 60), *nightly("cron(0 3 * * ? *)", 30)]
    )
    assert opening(touching, "", utc("2026-06-01 02:10")).changes_at == utc("2026-06-01 03:30")
    always = schedule(maintenanceWindows=nightly("cron(0 * * * ? *)", 60))
    found = opening(always, "", utc("2026-06-01 02:10"))
    assert (found.is_open, found.changes_at > utc("2026-06-02 00:00")) == (True, True)


def test_blackout_dates_shut_whole_days_of_the_zone_with_windows_and_without():
    dark = schedule(timeZone="Europe/Berlin", blackoutDates=["2026-12-24/2026-12-26", "2026-12-27"])
    assert opening(dark, "", utc("2026-12-01 00:00")) == Opening(
        is_open=True, changes_at=utc("2026-12-23 23:00")
    )
    assert opening(dark, "", utc("2026-12-25 00:00")) == Opening(
        is_open=False, changes_at=utc("2026-12-27 23:00"), hold=Hold.BLACKOUT
    )
    assert opening(dark, "", utc("2026-12-28 00:00")) == Opening(is_open=True, changes_at=None)
    late = schedule(
        maintenanceWindows=nightly("cron(0 22 * * ? *)", 240), blackoutDates=["2026-12-24", "2026-12-26"]
    )
    edges, at = [], utc("2026-12-23 22:00")
    for _ in range(5):
        at = opening(late, "", at).changes_at
        edges.append(f"{at:%d %H}")
    # Shut at the midnight before; what began on the date opens for what is left after it.
    assert edges == ["24 00", "25 00", "25 02", "25 22", "26 00"]


def test_nothing_is_open_before_the_start_and_windows_count_from_it():
    config = schedule(startTime="2026-06-01 02:30", maintenanceWindows=nightly("cron(0 2 * * ? *)", 60))
    assert opening(config, "", utc("2026-06-01 02:10")) == Opening(
        is_open=False, changes_at=utc("2026-06-02 02:00"), hold=Hold.START
    )
    assert opening(config, "", utc("2026-06-01 02:40")) == Opening(
        is_open=False, changes_at=utc("2026-06-02 02:00"), hold=Hold.WINDOW
    )


def test_a_schedule_of_things_is_asked_for_each_zone_and_any_other_has_its_own():
    windows = nightly("cron(0 2 * * ? *)", 60)
    local = schedule(timeZone="thing", maintenanceWindows=windows)
    assert opening(local, "Asia/Tokyo", utc("2026-06-01 17:30")).is_open
    assert not opening(local, "Europe/Berlin", utc("2026-06-01 17:30")).is_open
    fixed = schedule(timeZone="Asia/Tokyo", maintenanceWindows=windows)
    assert opening(fixed, "", utc("2026-06-01 17:30")).is_open
    assert (local.is_local, fixed.is_local) == (True, False)


def test_the_next_close_is_that_of_the_window_that_is_open_or_opens_next():
    config = schedule(maintenanceWindows=nightly("cron(0 2 * * ? *)", 60))
    assert closes_at(config, "", utc("2026-06-01 02:10")) == utc("2026-06-01 03:00")
    assert closes_at(config, "", utc("2026-06-01 03:00")) == utc("2026-06-02 03:00")
    assert closes_at(schedule(), "", utc("2026-06-01 03:00")) is None


def test_an_answer_that_is_remembered_is_the_one_that_would_be_given():
    config = schedule(maintenanceWindows=nightly("cron(0 2 * * ? *)", 60))
    moments = [utc("2026-06-01 00:00") + hour * timedelta(minutes=30) for hour in range(100)]
    for at in (*moments, *reversed(moments)):
        assert opening(config, "", at).is_open is (at.hour == 2), at


def test_utc_is_the_zone_that_no_name_means():
    assert zone_named("") is zone_named("UTC") is UTC


def test_the_next_windows_begin_with_the_start_and_pass_over_blackouts_up_to_the_end():
    windows = [{"startTime": "cron(0 2 * * ? *)", "durationInMinutes": 60}]
    said = {
        "startTime": "2024-06-11 02:00",
        "endTime": "2024-06-15 02:00",
        "maintenanceWindows": windows,
        "blackoutDates": ["2024-06-13"],
    }
    now = datetime(2024, 6, 10, 6, 13, tzinfo=UTC)

    def ahead(most, **more):
        return [f"{at:%d}" for at in openings_ahead(schedule(**{**said, **more}), now, most=most)]

    assert ahead(7) == ["11", "12", "14"]
    assert ahead(2) == ["11", "12"]
    assert ahead(3, startTime=None, endTime=None) == ["11", "12", "14"]
    assert ahead(7, maintenanceWindows=[]) == []
    # What no window ever comes out of is not looked for for ever.
    assert ahead(1, startTime=None, endTime=None, blackoutDates=["2024-01-01/2099-01-01"]) == []


def test_the_next_windows_are_in_the_zone_that_the_schedule_names():
    windows = [{"startTime": "cron(0 2 * * ? *)", "durationInMinutes": 60}]
    now = datetime(2024, 6, 10, 6, 13, tzinfo=UTC)
    for zone, hour in (("UTC", 2), ("Europe/Berlin", 0), ("thing", 2)):
        (opens_at,) = openings_ahead(schedule(maintenanceWindows=windows, timeZone=zone), now, most=1)
        assert opens_at.astimezone(UTC).hour == hour
