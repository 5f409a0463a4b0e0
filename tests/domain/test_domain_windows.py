"""Windows and schedules: open and shut at the right moments, over clock changes too."""

from datetime import UTC, datetime
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from domain.errors import InvalidRequest
from domain.job import TargetSelection
from domain.schedule import SchedulingConfig, check
from domain.windows import MaintenanceWindow, open_span, openings

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


def utc(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=UTC)


def window(cron: str, minutes: int) -> MaintenanceWindow:
    return MaintenanceWindow(start_time=cron, duration_in_minutes=minutes)


NIGHT = window("cron(0 2 * * ? *)", 120)


@pytest.mark.parametrize(
    ("at", "closes"),
    [
        ("2026-06-02 01:59", None),
        ("2026-06-02 02:00", "2026-06-02 04:00"),
        ("2026-06-02 03:59", "2026-06-02 04:00"),
        ("2026-06-02 04:00", None),
    ],
)
def test_a_window_is_open_from_its_start_up_to_its_end(at, closes):
    span = open_span([NIGHT], utc(at))
    assert (span and span.closes_at) == (closes and utc(closes))


def test_of_windows_that_overlap_the_last_one_to_close_counts():
    longer = window("cron(0 3 * * ? *)", 300)
    assert open_span([NIGHT, longer], utc("2026-06-02 03:30")).closes_at == utc("2026-06-02 08:00")


def test_openings_are_merged_and_each_is_there_once():
    both = [NIGHT, window("cron(0 2 ? * TUE *)", 5), window("cron(0 14 * * ? *)", 5)]
    found = [f"{moment:%d %H}" for moment in islice(openings(both, NOW), 4)]
    assert found == ["01 14", "02 02", "02 14", "03 02"]


def test_a_window_keeps_its_length_when_clocks_change():
    # In the night of 29 March 2026 Berlin has no 02:00 to 03:00.
    spring = open_span([NIGHT], utc("2026-03-29 01:00"), BERLIN)
    assert (spring.opens_at, spring.closes_at) == (utc("2026-03-29 01:00"), utc("2026-03-29 03:00"))
    # In that of 25 October it has that hour twice: the window opens in the first one.
    autumn = open_span([NIGHT], utc("2026-10-25 01:30"), BERLIN)
    assert (autumn.opens_at, autumn.closes_at) == (utc("2026-10-25 00:00"), utc("2026-10-25 02:00"))


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        ({"startTime": "cron(0 2 * * * *)", "durationInMinutes": 5}, "exactly one of"),
        ({"startTime": "cron(0 2 * * ? *)", "durationInMinutes": 0}, "greater than or equal to 1"),
        ({"startTime": "cron(0 2 * * ? *)", "durationInMinutes": 1431}, "less than or equal to 1430"),
        ({"durationInMinutes": 5}, "startTime"),
    ],
)
def test_a_window_that_cannot_be_is_refused(raw, why):
    with pytest.raises(ValidationError) as refused:
        MaintenanceWindow.model_validate(raw)
    assert why in str(refused.value)


def schedule(**members) -> SchedulingConfig:
    return SchedulingConfig.model_validate(members)


@pytest.mark.parametrize(
    "text",
    [
        "2026-07-01 10:00",
        "2026-07-01T10:00",
        "2026-07-01T10:00:00Z",
        "2026-07-01T12:00+02:00",
        "2026-07-01 10:00Z",
    ],
)
def test_a_time_may_be_written_in_several_ways(text):
    assert schedule(startTime=text).starts_at == utc("2026-07-01 10:00")


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"startTime": "tomorrow"}, "startTime 'tomorrow'"),
        ({"endTime": "2026-02-30 10:00"}, "endTime '2026-02-30 10:00'"),
        ({"endBehavior": "CANCEL"}, "endBehavior CANCEL needs endTime"),
        ({"endTime": "2026-07-01 10:00", "endBehavior": "STOP"}, "STOP_ROLLOUT"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused(members, why):
    with pytest.raises(ValidationError) as refused:
        schedule(**members)
    assert why in str(refused.value)


@pytest.mark.parametrize(
    ("members", "selection", "why"),
    [
        ({"startTime": "2026-06-01 12:29"}, "SNAPSHOT", "startTime"),
        ({"startTime": "2027-06-03 12:00"}, "SNAPSHOT", "startTime"),
        ({"endTime": "2026-06-01 12:29"}, "SNAPSHOT", "endTime"),
        ({"startTime": "2026-06-01 13:00", "endTime": "2026-06-01 13:29"}, "SNAPSHOT", "endTime"),
        ({"endTime": "2028-06-05 12:00"}, "SNAPSHOT", "endTime"),
        (
            {"maintenanceWindows": [{"startTime": "cron(0 2 * * ? *)", "durationInMinutes": 5}]},
            "SNAPSHOT",
            "maintenanceWindows",
        ),
    ],
)
def test_a_schedule_that_does_not_suit_the_job_is_refused(members, selection, why):
    with pytest.raises(InvalidRequest, match=why):
        check(schedule(**members), TargetSelection(selection), at=NOW)


def test_a_schedule_within_the_limits_is_taken():
    check(
        schedule(startTime="2026-06-01 12:30", endTime="2026-06-01 13:00", endBehavior="FORCE_CANCEL"),
        TargetSelection.SNAPSHOT,
        at=NOW,
    )
