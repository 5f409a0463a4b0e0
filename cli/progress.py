"""How a job gets on, as its executions' statuses tell it: words for a line, bars for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rich.table import Table

COLOURS: Final = {
    "Queued": "grey62",
    "InProgress": "yellow",
    "Succeeded": "green",
    "Failed": "red",
    "Rejected": "magenta",
    "TimedOut": "red3",
    "Canceled": "cyan",
    "Removed": "blue",
}
_ALWAYS: Final = frozenset({"Queued", "InProgress", "Succeeded", "Failed"})


def counts(job: Mapping[str, Any]) -> dict[str, int]:
    """Return how many things stand where."""
    details = job["jobProcessDetails"]
    return {name: details[f"numberOf{name}Things"] for name in COLOURS}


def words(job: Mapping[str, Any]) -> str:
    """Return what is not zero on one line."""
    return "  ".join(f"{name} {count}" for name, count in counts(job).items() if count)


def bars(job: Mapping[str, Any], total: int) -> Table:
    """Return a bar for each status, out of ``total`` things."""
    from rich.progress_bar import ProgressBar  # noqa: PLC0415 - heavy imports only where needed
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    drawn = Table.grid(padding=(0, 1))
    for name, count in counts(job).items():
        if count or name in _ALWAYS:
            colour = COLOURS[name]
            bar = ProgressBar(
                total=max(1, total), completed=count, width=40, complete_style=colour, finished_style=colour
            )
            drawn.add_row(Text(name, style=colour), bar, str(count))
    return drawn
