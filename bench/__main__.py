"""``make bench``: measures the product as it is used, prints a table, and writes it as JSON.

    python -m bench [--list] [--only updates,pages] [--rounds 7] [--quick]
    python -m bench --fill bench-results/*.json

Servers and loads are processes of their own on free loopback ports. What is compared is measured in turns,
and the ratio is taken turn by turn: on a shared machine only that means anything. docs/performance.md says
more.
"""

import argparse
import asyncio
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from bench import (
    ROOT,
    connections,
    creation,
    dispatchers,
    document,
    endpoint,
    estimate,
    facts,
    fleets,
    footprint,
    halfload,
    notification,
    pages,
    report,
    scaling,
    throughput,
    ticks,
)
from bench.footings import CLUSTER
from bench.options import FULL, QUICK, Bench, allow_files
from bench.processes import Failed
from bench.rows import Row, Skipped


class Measure(NamedTuple):
    """One measure: the letters of its rows, minutes on two quiet cores, what it is, who returns the rows."""

    letters: str
    minutes: float
    purpose: str
    run: Callable[[Bench], Awaitable[list[Row | Skipped]]]


MEASURES = {
    "updates": Measure("abc", 3, "updates through the whole path, bare echoes, ratios", throughput.measure),
    "half": Measure("m", 2, "how long an update takes at half of that rate", halfload.measure),
    "dispatchers": Measure(
        "n", 3, "updates with several dispatchers, one at work or all", dispatchers.measure
    ),
    "create": Measure("d", 3, "creating a job for many things while the API is asked", creation.measure),
    "notify": Measure("e", 2, "from creating a job to the last thing hearing of it", notification.measure),
    "pages": Measure("f", 3, "look-ups and pages in a large table against a small one", pages.measure),
    "ticks": Measure("ijk", 3, "the clock's tick, when much is due and when nothing is", ticks.measure),
    "bytes": Measure("l", 2, "what things, executions and events take in the database", footprint.measure),
    "fleet": Measure("p", 4, "thousands of agents in two fleets do a job", fleets.measure),
    "scaling": Measure("o", 8, "the same in growing tables and with ever more connected", scaling.measure),
    "connects": Measure("gh", 3, "connecting, and memory per connected thing", connections.measure),
    "endpoint": Measure("q", 1, "what a broker that asks us (EMQX) gets answered", endpoint.measure),
}


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m bench", description="Measure Thingjobs.")
    parser.add_argument("--list", action="store_true", help="list the measures and end")
    parser.add_argument("--estimate", action="store_true", help="print the table of docs/scaling.md and end")
    parser.add_argument("--only", default=",".join(MEASURES), metavar="A,B", help="measure only these")
    parser.add_argument("--rounds", type=int, help=f"rounds (default {FULL.rounds}, or {FULL.few})")
    parser.add_argument("--quick", action="store_true", help="small sizes: shows that it works, not how fast")
    parser.add_argument(
        "--results", type=Path, default=ROOT / "bench-results", help="folder for the JSON, and to work in"
    )
    parser.add_argument("--print", type=Path, nargs="+", metavar="JSON", help="print results as tables")
    parser.add_argument("--fill", type=Path, nargs="+", metavar="JSON", help="put them into docs/")
    options = parser.parse_args(arguments)
    options.only = options.only.split(",")
    for name in options.only:
        if name not in MEASURES:
            parser.error(f"there is no measure {name!r}; there are: {', '.join(MEASURES)}")
    if options.rounds is not None and options.rounds < 1:
        parser.error("--rounds must be at least 1")
    return options


async def run(names: Sequence[str], bench: Bench) -> list[Row | Skipped]:
    """Run the measures one after the other; one that fails does not end the others."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    rows: list[Row | Skipped] = []
    for name in names:
        measure, began = MEASURES[name], time.monotonic()
        print(f"{name}: {measure.purpose} ...", file=sys.stderr, flush=True)
        here = replace(bench, folder=bench.folder / name, failures={})
        try:
            rows += await measure.run(here)
        except Failed as failure:
            here.failures[name] = str(failure)
        for what, why in here.failures.items():
            print(f"{name} FAILED: {what}: {why}", file=sys.stderr)
        bench.failures.update(here.failures)
        print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        shutil.rmtree(here.folder, ignore_errors=True)
    return rows


def show_or_fill(options: argparse.Namespace) -> int:
    letters = {name: measure.letters for name, measure in MEASURES.items()}
    found = document.tables(options.print or options.fill, letters)
    if options.print:
        print("\n\n".join(found.values()))
        return 0
    lost = document.fill(found)
    for name in lost:
        print(f"no place for {name}", file=sys.stderr)
    return 1 if lost else 0


def main(arguments: Sequence[str]) -> int:
    options = parse(arguments)
    if options.estimate:
        print(estimate.table())
        return 0
    if options.list:
        for name, measure in MEASURES.items():
            letters = ", ".join(measure.letters)
            print(f"{name:<13}{letters:<9}{measure.minutes:>4g} min  {measure.purpose}")
        print(f"{'':<22}{sum(measure.minutes for measure in MEASURES.values()):>4g} min")
        return 0
    if options.print or options.fill:
        return show_or_fill(options)
    sizes = QUICK if options.quick else FULL
    if options.rounds is not None:
        sizes = replace(sizes, rounds=options.rounds, few=min(sizes.few, options.rounds))
    allow_files()
    results = options.results
    results.mkdir(parents=True, exist_ok=True)
    # Beside the results, not in /tmp: that may be memory, where a commit costs nothing.
    with tempfile.TemporaryDirectory(prefix="work-", dir=results) as folder:
        Path(folder).chmod(0o711)  # PostgreSQL runs as another user where we are root
        found = facts.facts(Path(folder))
        bench = Bench(sizes, Path(folder))
        try:
            rows = asyncio.run(run(options.only, bench))
        finally:
            CLUSTER.close()
    report.show(rows)
    print(facts.spoken(found))
    print(f"written to {report.write(results, rows, found, bench.failures)}")
    return 1 if bench.failures else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(130)
