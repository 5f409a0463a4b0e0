"""Times at the border of the store: aware datetimes outside, UTC epoch milliseconds inside.

Remembered: the rows of a batch share most of theirs, and an update brings those of the last one back.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, overload

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLI: Final = timedelta(milliseconds=1)


@overload
def to_millis(at: datetime) -> int: ...
@overload
def to_millis(at: None) -> None: ...
@lru_cache(maxsize=1024)
def to_millis(at: datetime | None) -> int | None:
    return None if at is None else (at - _EPOCH) // _MILLI


@overload
def from_millis(at: int) -> datetime: ...
@overload
def from_millis(at: None) -> None: ...
@lru_cache(maxsize=4096)
def from_millis(at: int | None) -> datetime | None:
    return None if at is None else datetime.fromtimestamp(at / 1000, UTC)
