"""Works documents of AWS's device client: steps one after the other, then the final step."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from agent.errors import JobFailed, JobRejected
from agent.handlers import process
from agent.handlers.process import Ended, User
from agent.handlers.run_command import SHOWN, spelled
from agent.handlers.schema import Action, Condition, Document, parse
from agent.handlers.users import to_run_as
from agent.job import Job

#: What documents say when they mean the configured directory.
_DEFAULT_PATHS: Final = frozenset({"", "default"})
#: Seconds for a step that does not say.
DEFAULT_LIMIT: Final = 3600


@dataclass(frozen=True, slots=True)
class _Ready:
    """An action with everything settled that can be settled before the first step runs."""

    action: Action
    argv: tuple[str, ...]
    user: User | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """``handlers``: the directory whose files documents may name; None allows ``runCommand`` only.

    ``facts`` is what the conditions of documents may ask of this device.
    """

    handlers: Path | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    limit: float = DEFAULT_LIMIT

    async def __call__(self, job: Job) -> Mapping[str, object]:
        document = parse(job.document)
        for condition in document.conditions:
            self._must_hold(condition)
        # All of it first: a document that cannot be worked to its end is not begun.
        ready = [await asyncio.to_thread(self._prepare, action) for action in document.actions]
        ended: list[Ended] = []
        for index, step in enumerate(ready):
            label = step.action.name or step.argv[0]
            await job.remember(label)
            await job.progress(action=label[:128], percent=100 * index / len(ready))
            try:
                ended.append(await process.run(step.argv, limit=self._limit(step), user=step.user))
                _judge(step.action, ended[-1])
            except JobFailed as error:
                if not step.action.ignore_step_failure:
                    raise _failure(error, document, ended) from None
        return _told(document, ended)

    def _must_hold(self, condition: Condition) -> None:
        fact = self.facts.get(condition.key)
        if fact is None:
            raise JobRejected(f"condition {condition.key}: this agent was not told what that is here")
        if fact not in condition.value:
            wanted = " or ".join(condition.value)
            raise JobRejected(f"condition {condition.key}: {fact} here, and the document is for {wanted}")

    def _limit(self, step: _Ready) -> float:
        return step.action.timeout_seconds or self.limit

    def _prepare(self, action: Action) -> _Ready:
        user = to_run_as(action.run_as_user)
        if action.type == "runCommand":
            assert action.input.command is not None
            return _Ready(action, action.input.command, user)
        # AWS's handlers take the user to switch to as their first argument; we have switched already.
        return _Ready(action, (str(self._handler(action)), "", *action.input.args), user)

    def _handler(self, action: Action) -> Path:
        if self.handlers is None:
            raise JobRejected("this agent has no handler directory and runs no handlers")
        if action.input.path not in _DEFAULT_PATHS and Path(action.input.path) != self.handlers:
            raise JobRejected("path: handlers are only taken from this agent's own handler directory")
        handler = self.handlers / (action.input.handler or "")
        # A file that a handler directory does not really hold is not its handler.
        if not handler.is_file() or handler.resolve().parent != self.handlers.resolve():
            raise JobRejected(f"unknown operation: there is no handler {action.input.handler!r} here")
        if not os.access(handler, os.X_OK):
            raise JobRejected(f"the handler {action.input.handler!r} is not executable")
        return handler


def _judge(action: Action, ended: Ended) -> None:
    label = action.name or action.type
    if ended.code:
        raise JobFailed(f"{label} ended with {spelled(ended.code)}")
    if action.allow_std_err is not None and ended.stderr_lines > action.allow_std_err:
        wrote = f"{ended.stderr_lines} lines to stderr; {action.allow_std_err} are allowed"
        raise JobFailed(f"{label} wrote {wrote}")


def _failure(error: JobFailed, document: Document, ended: list[Ended]) -> JobFailed:
    """Add what was written so far; a program that was stopped has told its own end already."""
    own = {name: text for name, text in error.details.items() if name != "stdout" or document.include_std_out}
    return JobFailed(error.reason, **(_told(document, ended) | own))


def _told(document: Document, ended: list[Ended]) -> dict[str, str]:
    """Return the end of what all steps wrote; what they wrote to stdout only where it is asked for."""
    told = {"stderr": _joined([each.stderr for each in ended])}
    if document.include_std_out:
        told["stdout"] = _joined([each.stdout for each in ended])
    return {name: text for name, text in told.items() if text}


def _joined(texts: list[str]) -> str:
    return "\n".join(text for text in texts if text)[-SHOWN:]
