"""What a fleet does, live: a redrawn table on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape as without_markup
from rich.progress_bar import ProgressBar
from rich.table import Table

from cli.logs import escape

if TYPE_CHECKING:
    from agent.events import Event
    from agent.tally import Summary, Tally

_REDRAW: Final = 0.25
_LINE: Final = 5.0


async def watch(tally: Tally) -> None:
    """Show the tally on stderr until cancelled."""
    console = Console(stderr=True)
    if not console.is_terminal:
        await _lines(tally, console)
        return
    with Live(_picture(tally), console=console, auto_refresh=False, transient=True) as live:
        while True:
            await asyncio.sleep(_REDRAW)
            live.update(_picture(tally), refresh=True)


async def _lines(tally: Tally, console: Console) -> None:
    said, quiet = "", 0.0
    while True:
        missing = tally.all_connected_at is None
        await asyncio.sleep(_REDRAW)
        quiet += _REDRAW
        # That all are there is worth a line at once.
        if quiet < _LINE and not (missing and tally.all_connected_at is not None):
            continue
        quiet = 0.0
        line = _line(tally)
        if line != said:
            said = line
            console.print(line, highlight=False, soft_wrap=True)


def _line(tally: Tally) -> str:
    outcomes = " ".join(f"{status} {count}" for status, count in sorted(tally.outcomes.items()))
    return (
        f"connected {len(tally.connected)}/{tally.things} working {tally.busy} silent {len(tally.muted)} "
        f"worked {tally.worked} gone {tally.gone} {outcomes}"
    ).rstrip()


def _picture(tally: Tally) -> Group:
    bars = Table.grid(padding=(0, 1))
    for label, done, total in (
        ("connected", len(tally.connected), tally.things),
        ("working", tally.busy, tally.things),
        ("silent", len(tally.muted), tally.things),
    ):
        bars.add_row(label, ProgressBar(total=total, completed=done, width=40), f"{done}/{total}")
    for status, count in sorted(tally.outcomes.items()):
        bars.add_row(status, ProgressBar(total=max(1, tally.worked), completed=count, width=40), str(count))
    counts = f"worked {tally.worked}  gone {tally.gone}  updates {tally.updates}  connects {tally.connects}"
    return Group(bars, counts, *(_event(event) for event in tally.recent))


def _event(event: Event) -> str:
    words = (event.thing_name, event.kind, event.job_id, event.status, event.text)
    return f"[dim]{without_markup(escape(' '.join(str(word) for word in words if word)))[:160]}[/dim]"


def table(summary: Summary) -> None:
    """Print the summary to stdout as a table."""
    rows = Table(show_header=False, title=f"{summary.things} things, {summary.seconds:.1f} s")
    for status, count in summary.outcomes.items():
        rows.add_row(status, str(count))
    for label, value in (
        ("connected", f"{summary.connected} of {summary.things}"),
        ("jobs worked", summary.jobs_worked),
        ("gone", summary.gone),
        ("silent", summary.silent),
        ("connects", summary.connects),
        ("reconnects", summary.reconnects),
        ("updates", summary.updates),
        ("duration p50", f"{summary.duration_p50:.2f} s"),
        ("duration p99", f"{summary.duration_p99:.2f} s"),
    ):
        rows.add_row(label, str(value))
    Console().print(rows)
