"""Results as the tables of docs/performance.md: printed, or put in their places, the estimate with them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from bench import ROOT, estimate
from bench.report import figure

PERFORMANCE, SCALING = estimate.PERFORMANCE, ROOT / "docs" / "scaling.md"
#: Between these two lines of a document is what we write: ``<!-- table: NAME -->``.
_PLACE = r"(<!-- table: {} -->\n).*?(<!-- end of table -->)"
_ESTIMATE = "estimate"
_OTHERS = re.compile(r"others used (\d+) %")

Result = Mapping[str, Any]
#: A heading with its cells, and the cells of each line.
Lines = list[tuple[str, ...]]


def tables(paths: Iterable[Path], measures: Mapping[str, str]) -> dict[str, str]:
    """Return by measure what its place is to hold. ``measures`` are their letters; later files count more."""
    found: dict[str, str] = {}
    results = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    for result in sorted(results, key=lambda each: each["at"]):
        for name, letters in measures.items():
            rows = [row for row in result["rows"] if row["letter"] in letters]
            if rows:
                render = _RENDER.get(name, _plain)
                found[name] = "\n\n".join((_taken(name, result, rows), *map(_table, render(rows))))
    return found


def fill(found: Mapping[str, str]) -> list[str]:
    """Put tables in their places, and the estimate that comes of them; return who has no place."""
    text, lost = PERFORMANCE.read_text(encoding="utf-8"), []
    for name, content in found.items():
        text, times = _put(text, name, content)
        if not times:
            lost.append(name)
    PERFORMANCE.write_text(text, encoding="utf-8")
    text, times = _put(SCALING.read_text(encoding="utf-8"), _ESTIMATE, estimate.table())
    SCALING.write_text(text, encoding="utf-8")
    return lost if times else [*lost, _ESTIMATE]


def _put(text: str, name: str, content: str) -> tuple[str, int]:
    place = re.compile(_PLACE.format(re.escape(name)), re.DOTALL)
    return place.subn(lambda found: f"{found[1]}\n{content}\n\n{found[2]}", text)


def _taken(name: str, result: Result, rows: Sequence[Result]) -> str:
    """Return how the figures were made, and what else the machine did meanwhile."""
    arguments = result["command"].removeprefix("python -m bench").strip()
    rounds = re.search(r"--rounds \d+", arguments)
    more = f" {rounds[0]}" if rounds else ""
    small = " --quick" if "--quick" in arguments else ""
    others = [int(share) for row in rows for share in _OTHERS.findall(row["notes"])]
    quiet = f", while others used up to {max(others)} % of the machine" if others else ""
    return f'`make bench ARGS="--only {name}{more}{small}"`, {result["at"][:10]}{quiet}:'


def _table(lines: Lines) -> str:
    head, *rest = lines
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ("---",) * len(head), *rest))


def _goal(row: Result) -> tuple[str, str]:
    return row["goal"] or "", {"MISSED": "**missed**"}.get(row["verdict"], row["verdict"])


def _spread(row: Result) -> str:
    rounds = row["rounds"]
    return f"{figure(min(rounds))}-{figure(max(rounds))} of {len(rounds)}"


def _named(row: Result) -> str:
    return f"{row['letter']}, {row['what']}"


def _value(row: Result) -> str:
    unit = {"1/s": "/s", "x": ""}.get(row["unit"], row["unit"])
    return f"{figure(row['median'])} {unit}".strip()


def _plain(rows: Sequence[Result]) -> list[Lines]:
    head = ("", "median", "min-max", "goal", "")
    return [[head, *((_named(row), _value(row), _spread(row), *_goal(row)) for row in rows)]]


def _with_costs(rows: Sequence[Result]) -> list[Lines]:
    """Also how long answers took, and who spent what on each."""
    head = ("", "median", "min-max", "p50 / p99", "µs of each, by process", "goal", "")
    return [[head, *((_named(r), _value(r), _spread(r), _latencies(r), _costs(r), *_goal(r)) for r in rows)]]


def _latencies(row: Result) -> str:
    if "p50_ms" not in row:
        return ""
    return f"{figure(median(row['p50_ms']))} / {figure(median(row['p99_ms']))} ms"


def _with_costs_alone(rows: Sequence[Result]) -> list[Lines]:
    head = ("", "median", "min-max", "µs of each, by process", "goal", "")
    return [[head, *((_named(row), _value(row), _spread(row), _costs(row), *_goal(row)) for row in rows)]]


def _costs(row: Result) -> str:
    each = row.get("cpu_us_each")
    if not each:
        return str(row["notes"])
    return ", ".join(f"{name} {median(cost[name] for cost in each):.0f}" for name in each[0])


def _with_notes(rows: Sequence[Result]) -> list[Lines]:
    head = ("", "median", "min-max", "", "goal", "")
    return [[head, *((_named(row), _value(row), _spread(row), row["notes"], *_goal(row)) for row in rows)]]


def _grids(rows: Sequence[Result]) -> list[Lines]:
    """A table for what grows, a column for each size, a line for each figure on each footing."""
    found: list[Lines] = []
    for of in dict.fromkeys(row["cell"][1] for row in rows):
        values = {tuple(row["cell"]): _value(row) for row in rows if row["cell"][1] == of}
        sizes = sorted({size for *_, size in values})
        lines: Lines = [(of, *(f"{size:,}" for size in sizes))]
        for what, footing in dict.fromkeys((what, footing) for footing, _, what, _ in values):
            cells = (values.get((footing, of, what, size), "") for size in sizes)
            lines.append((f"{what}: {footing}", *cells))
        found.append(lines)
    return found


_RENDER: dict[str, Callable[[Sequence[Result]], list[Lines]]] = {
    "updates": _with_costs,
    "half": _with_costs,
    "create": _with_costs_alone,
    "notify": _with_costs_alone,
    "dispatchers": _with_costs,
    "pages": _with_notes,
    "fleet": _with_notes,
    "scaling": _grids,
}
