"""The numbers in docs/endings.md are those of the code."""

import json
import re

import pytest
from test_docs_agree import ROOT, rows, section

from domain import retry, retry_policy, timeout_config, timeouts
from domain.pacing import checked
from domain.retry_policy import BackOff, FailureClass

ENDINGS = (ROOT / "docs" / "endings.md").read_text(encoding="utf-8")
TABLE = rows(section(ENDINGS, "Back-off"))


def seconds(cell: str) -> tuple[float, float]:
    """Return the least and the most of ``5 s`` or ``0-900 s``."""
    numbers = [float(number) for number in re.findall(r"\d+", cell)]
    return numbers[0], numbers[-1]


@pytest.mark.parametrize("row", TABLE[1:], ids=lambda row: " ".join(row[:4]))
def test_the_worked_back_offs_are_right(row: list[str]):
    initial, factor, most, jitter = map(float, row[:4])
    back_off = BackOff(initial_seconds=int(initial), factor=factor, max_seconds=int(most), jitter=jitter)
    for head, cell in zip(TABLE[0][4:], row[4:], strict=True):
        number = int(re.findall(r"\d+", head)[0]) - 1
        longest = back_off.longest(number).total_seconds()
        assert seconds(cell) == (pytest.approx(longest * (1 - jitter)), longest)
        waits = [
            back_off.wait(number, thing=thing, attempt=number + 1).total_seconds() for thing in range(99)
        ]
        assert all(seconds(cell)[0] <= wait <= seconds(cell)[1] for wait in waits)


def test_the_limits_of_timers_are_those_in_force():
    told = {row[0]: int(re.findall(r"\d+", row[3])[0]) for row in rows(section(ENDINGS, "Time-outs"))[1:]}
    week = timeouts.MAX_MINUTES
    assert told == {"queued": timeout_config.LONGEST_QUEUED, "in progress": week, "step": week}


def test_the_limits_of_retries_are_those_in_force():
    (most,) = (row for row in rows(section(ENDINGS, "Retries")) if row[0] == "at most for a thing")
    assert [int(re.findall(r"\d+", cell)[0]) for cell in most[1:]] == [retry.MOST, retry_policy.MOST_RETRIES]


def test_the_defaults_of_a_back_off_are_those_in_force():
    basis = BackOff()
    told = (
        f"are {basis.initial_seconds}, {basis.factor:g} and\n{basis.max_seconds}, `jitter` {basis.jitter:g}."
    )
    assert told in ENDINGS


def test_every_class_is_told_and_the_example_is_a_policy():
    told = {row[0].strip("`") for row in rows(section(ENDINGS, "Classes of failure"))[1:]}
    assert told == set(FailureClass)
    (example,) = re.findall(r"```json\n(.+?)```", section(ENDINGS, "Classes of failure"), re.DOTALL)
    policy = checked(json.loads(example)).retry_policy_config
    assert policy is not None
    assert policy.busy is not None
