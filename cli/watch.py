"""Watches one job until it ends: redraws on a terminal, prints a line per change elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import typer

from cli.progress import bars, counts, words
from cli.rest import Rest, RestError

#: What a job does not come back from.
ENDED: Final = frozenset({"COMPLETED", "CANCELED", "DELETION_IN_PROGRESS"})
_NOT_FOUND: Final = 404

Look = Callable[[], dict[str, Any]]


def follow(rest: Rest, job_id: str, *, interval: float, patience: float) -> str:
    """Show the job until it ends; return its last status.

    A server that does not answer is asked again for ``patience`` seconds. Raises ``RestError``.
    """
    path = f"{rest.path('jobs', job_id)}?extended=true"
    look = _patient(lambda: dict(rest.call("GET", path)["job"]), interval, patience)
    known = look()
    with _shown() as show:
        while True:
            show(known)
            if known["status"] in ENDED:
                return str(known["status"])
            time.sleep(interval)
            try:
                known = look()
            except RestError as error:
                if error.status != _NOT_FOUND:
                    raise
                # Whoever deletes a job has ended it.
                known = {**known, "status": "DELETION_IN_PROGRESS"}


def _patient(look: Look, interval: float, patience: float) -> Look:
    def again() -> dict[str, Any]:
        deadline = time.monotonic() + patience
        while True:
            try:
                return look()
            except RestError as error:
                if error.status is not None or time.monotonic() >= deadline:
                    raise
                time.sleep(interval)

    return again


@contextmanager
def _shown() -> Iterator[Callable[[Mapping[str, Any]], None]]:
    if not sys.stdout.isatty():
        yield _lines()
        return
    from rich.console import Group  # noqa: PLC0415 - heavy imports only where needed
    from rich.live import Live  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    with Live(auto_refresh=False) as live:

        def draw(job: Mapping[str, Any]) -> None:
            said = [Text(f"job {job['jobId']}  {job['status']}", style="bold")]
            if job["comment"]:
                said.append(Text(job["comment"], style="dim"))
            live.update(Group(*said, bars(job, sum(counts(job).values()))), refresh=True)

        yield draw


def _lines() -> Callable[[Mapping[str, Any]], None]:
    said = ""

    def tell(job: Mapping[str, Any]) -> None:
        nonlocal said
        line = f"{job['status']:<12} {words(job)}".rstrip()
        if line != said:
            said = line
            typer.echo(line)

    return tell
