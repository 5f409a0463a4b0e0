"""The table for people and the JSON for comparison."""

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.rows import Row, Skipped


def figure(value: float) -> str:
    """Return a figure with as many digits as it is worth."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def show(rows: Sequence[Row | Skipped]) -> None:
    table = Table(show_lines=False, header_style="bold")
    for column, justify in (
        ("", "left"),
        ("what", "left"),
        ("median", "right"),
        ("", "left"),
        ("min-max of n", "right"),
        ("goal", "right"),
        ("verdict", "left"),
    ):
        table.add_column(column, justify=justify, no_wrap=True)
    for row in rows:
        if isinstance(row, Skipped):
            table.add_row(row.letter, row.what, "-", "", "", "", f"skipped: {row.reason}")
            continue
        spread = f"{figure(min(row.rounds))}-{figure(max(row.rounds))} of {len(row.rounds)}"
        goal = "" if row.goal is None else f"{row.goal.relation} {row.goal.limit:g}"
        table.add_row(row.letter, row.what, figure(row.value), row.unit, spread, goal, row.verdict)
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(table)
    for row in rows:
        if isinstance(row, Row) and row.notes:
            console.print(f"{row.letter}  {row.what}: {row.notes}", highlight=False, soft_wrap=True)


def write(
    folder: Path, rows: Sequence[Row | Skipped], facts: dict[str, Any], failures: dict[str, str]
) -> Path:
    """Write everything, with each round's own figure; return where."""
    at = datetime.now(UTC)
    path = folder / f"{at:%Y%m%dT%H%M%SZ}.json"
    content = {
        "at": at.isoformat(timespec="seconds"),
        "command": f"python -m bench {' '.join(sys.argv[1:])}".strip(),
        "machine": facts,
        "rows": [row.as_json() for row in rows if isinstance(row, Row)],
        "skipped": [
            {"letter": row.letter, "what": row.what, "reason": row.reason}
            for row in rows
            if isinstance(row, Skipped)
        ],
        "failed": failures,
    }
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return path
