"""The dedupe ring: the last answers given to an execution's updates, kept on its row (promises C2, 2.1).

A token stands for the payload it came with last: the same again is the same update, and gets its first answer
again; another is another update. Some devices never change their token, and say the same twice and mean it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, NamedTuple

from pydantic_core import from_json, to_json

from domain.execution import ExecutionState, Status
from storage.millis import from_millis, to_millis

SIZE: Final = 8
#: Stands before each answer. JSON text has none inside, so the oldest is cut off and none is read again.
_MARK: Final = "\n"


class Entry(NamedTuple):
    """One answered update and the version it made. ``state`` is kept only if the answer carried it."""

    token: Any
    digest: str
    at: datetime
    version: int
    state: ExecutionState | None


def find(replies: str, token: object, digest: str) -> Entry | None:
    """Return the answer given before, or None."""
    if replies == "[]" or not digest or digest not in replies:
        return None
    entries = from_json(replies)
    for kept_token, kept_digest, at, version, state in reversed(entries):
        if kept_token == token:
            same = kept_digest == digest
            return Entry(kept_token, kept_digest, from_millis(at), version, _state(state)) if same else None
    return None


def remember(replies: str, entry: Entry) -> str:
    """Return the ring with one more answer, the oldest one dropped if it is full."""
    state = entry.state and [entry.state.status, dict(entry.state.status_details), entry.state.version_number]
    new = to_json([entry.token, entry.digest, to_millis(entry.at), entry.version, state]).decode()
    kept = replies[1:-1]
    if kept[:1] not in ("", _MARK):  # written by a version that did not mark them
        kept = ",".join(_MARK + to_json(each).decode() for each in from_json(replies))
    if kept.count(_MARK) >= SIZE:
        kept = kept[kept.index(_MARK, 1) :]
    return f"[{kept},{_MARK}{new}]" if kept else f"[{_MARK}{new}]"


def _state(raw: list[Any] | None) -> ExecutionState | None:
    return None if raw is None else ExecutionState(Status(raw[0]), raw[1], raw[2])
