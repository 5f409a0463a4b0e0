"""CONTRIBUTING.md says which modules run on one thing only; all others run on what they should."""

import re
from collections import defaultdict
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest
from footing import FOOTINGS
from longest import LONGEST
from sites import BOTH

TESTS = Path(__file__).parent
ROW = re.compile(r"^\| (`.*?`) \| .+ \| .+ \|$", re.MULTILINE)


def patterns() -> list[str]:
    section = (TESTS.parent / "CONTRIBUTING.md").read_text().partition("## What tests stand on")[2]
    rows = ROW.findall(section.partition("\n## ")[0])
    return [pattern for row in rows for pattern in re.findall(r"`([^`]+)`", row)]


def modules() -> Iterator[str]:
    return ("/".join(path.parts[-2:]) for path in TESTS.rglob("test_*.py"))


def test_every_row_speaks_of_modules_that_are_there() -> None:
    assert patterns()
    there = list(modules())
    assert [each for each in patterns() if not any(fnmatch(name, each) for name in there)] == []


def test_every_module_runs_on_each_footing_or_on_both_databases_or_has_a_row(
    request: pytest.FixtureRequest,
) -> None:
    """Of those that are collected: all of them when all tests run."""
    seen: dict[str, set[object]] = defaultdict(set)
    for item in request.session.items:
        parameters = getattr(item, "callspec", None)
        found = parameters.params if parameters else {}
        seen["/".join(item.path.parts[-2:])] |= {found.get("footing"), found.get("dialect")}
    rows = patterns()
    wanting = [
        name
        for name, values in seen.items()
        if not values >= set(FOOTINGS)
        and not values >= set(BOTH)
        and not any(fnmatch(name, each) for each in rows)
    ]
    assert wanting == []


def test_what_begins_first_is_there() -> None:
    assert len(set(LONGEST)) == len(LONGEST)
    assert set(LONGEST) <= set(modules())
