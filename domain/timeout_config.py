"""How long executions of a job may stay QUEUED and IN_PROGRESS (contract 1.5; the first is ours)."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from typing import Annotated, Any, Final

from pydantic import Field

from domain.config import NOT_NULL, WHOLE, Config
from domain.timeouts import MAX_MINUTES, MIN_MINUTES

#: A year: devices may be away for a season.
LONGEST_QUEUED: Final = 525_600


class TimeoutConfig(Config):
    """Minutes; what is left out means for ever. The time QUEUED counts while the device may begin."""

    in_progress_timeout_in_minutes: Annotated[
        Annotated[int, Field(ge=MIN_MINUTES, le=MAX_MINUTES), WHOLE] | None, NOT_NULL
    ] = None
    queued_timeout_in_minutes: Annotated[
        Annotated[int, Field(ge=MIN_MINUTES, le=LONGEST_QUEUED), WHOLE] | None, NOT_NULL
    ] = None

    @property
    def in_progress_limit(self) -> timedelta | None:
        return _span(self.in_progress_timeout_in_minutes)

    @property
    def queued_limit(self) -> timedelta | None:
        return _span(self.queued_timeout_in_minutes)

    @property
    def members(self) -> dict[str, Any]:
        """Return what is set, as on the wire."""
        return self.model_dump(by_alias=True, exclude_none=True)

    @property
    def text(self) -> str:
        """Return it as JSON; the inverse of ``parse``."""
        return self.model_dump_json(by_alias=True, exclude_none=True)


#: No execution times out, unless its device asks for it.
UNLIMITED: Final = TimeoutConfig()


@lru_cache(maxsize=1024)
def parse(text: str) -> TimeoutConfig:
    """Return what was stored."""
    return UNLIMITED if text == "{}" else TimeoutConfig.model_validate_json(text)


def _span(minutes: int | None) -> timedelta | None:
    return None if minutes is None else timedelta(minutes=minutes)
