"""Logs: structlog and the standard library through one formatter, to stderr, as text or JSON."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Final, Literal, TextIO

import structlog
from structlog.types import EventDict, Processor, WrappedLogger

#: amqtt formats every packet at DEBUG, passwords included, and logs every connection at INFO;
#: aiohttp's access log repeats what our own middleware says with more context.
QUIET: Final = {
    "amqtt": logging.WARNING,
    "transitions": logging.WARNING,
    "aiohttp.access": logging.WARNING,
    "alembic": logging.WARNING,  # nine lines about itself at every start
}

#: C0 and C1 controls, DEL, line and paragraph separators, bidirectional overrides and isolates.
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def escape(text: str) -> str:
    """Return ``text`` on one line, so that a device cannot forge a line or drive a terminal."""
    return _CONTROL.sub(lambda match: match.group().encode("unicode_escape").decode(), text)


def _escape_values(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    del logger, method
    # Traces span lines by right; they are rendered after this step and escape their own text.
    return {name: escape(value) if isinstance(value, str) else value for name, value in event.items()}


def _escape_trace(logger: WrappedLogger, method: str, event: MutableMapping[str, Any]) -> EventDict:
    del logger, method
    if isinstance(trace := event.get("exception"), str):
        event["exception"] = "\n".join(escape(line) for line in trace.split("\n"))
    return event


SHARED: Final[list[Processor]] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
    _escape_values,
]


def _renderer(form: Literal["text", "json"], stream: TextIO) -> Processor:
    if form == "json":
        return structlog.processors.JSONRenderer()
    return structlog.dev.ConsoleRenderer(
        colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback
    )


def configure(
    level: str = "info", form: Literal["text", "json"] = "text", stream: TextIO | None = None
) -> None:
    """Route every logger of this process to ``stream`` (stderr); the last call wins."""
    target = sys.stderr if stream is None else stream
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=SHARED,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _escape_trace,
                _renderer(form, target),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name, floor in QUIET.items():
        logging.getLogger(name).setLevel(max(floor, root.level))
    structlog.configure(
        processors=[*SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(root.level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
