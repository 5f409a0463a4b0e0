"""What the tasks say: lines of progress, and the one error that stops them."""

from __future__ import annotations


class SetupFailed(Exception):
    """The set-up cannot go on; the message says what to do."""


def say(text: str) -> None:
    """Print one line of progress."""
    print(f"thingjobs: {text}", flush=True)
