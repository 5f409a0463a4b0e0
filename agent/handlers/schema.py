"""The document schema of AWS's device client, version 1.0, and the older form that names one operation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic.alias_generators import to_camel

from agent.errors import JobRejected
from agent.handlers.fields import LONGEST

#: A handler is a file in the handler directory: no path, no option, no hidden file.
HANDLER_NAME: Final = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}"
_INVALID: Final = "Unable to execute job, invalid job document provided"
_WIRE: Final = ConfigDict(alias_generator=to_camel, frozen=True, extra="ignore")


class Input(BaseModel):
    """What an action runs: a handler with arguments, or a command."""

    model_config = _WIRE

    handler: str | None = Field(default=None, pattern=rf"\A{HANDLER_NAME}\z")
    args: tuple[str, ...] = ()
    path: str = ""
    command: tuple[str, ...] | None = None

    @field_validator("command", mode="before")
    @classmethod
    def _words(cls, raw: object) -> object:
        # AWS separates the words of a command by commas; a comma in a word has a backslash before it.
        if not isinstance(raw, str):
            return raw
        return tuple(word.strip().replace("\\,", ",") for word in re.split(r"(?<!\\),", raw))

    @field_validator("args", mode="before")
    @classmethod
    def _args(cls, raw: object) -> object:
        return () if raw is None else raw


class Action(BaseModel):
    """One step. ``allow_std_err``: how many lines on stderr are no failure."""

    model_config = _WIRE

    name: str = Field(default="", max_length=256)
    type: Literal["runHandler", "runCommand"]
    input: Input
    run_as_user: str = ""
    allow_std_err: int | None = Field(default=None, ge=0)
    ignore_step_failure: bool = False
    #: Ours: AWS's client waits for ever.
    timeout_seconds: float | None = Field(default=None, gt=0, le=LONGEST)


class Step(BaseModel):
    model_config = _WIRE

    action: Action


class Condition(BaseModel):
    """Which devices a document is for: those whose ``key`` has one of these values."""

    model_config = _WIRE

    key: str = Field(min_length=1, max_length=256)
    value: tuple[str, ...] = Field(min_length=1, max_length=100)
    type: Literal["stringEqual"] = "stringEqual"

    @field_validator("value", mode="before")
    @classmethod
    def _one_or_many(cls, raw: object) -> object:
        return (raw,) if isinstance(raw, str) else raw


class Document(BaseModel):
    """A job: its steps in order, then the final one if none failed; only where all conditions hold."""

    model_config = _WIRE

    version: Literal["1.0"]
    steps: tuple[Step, ...] = Field(min_length=1, max_length=100)
    final_step: Step | None = None
    include_std_out: bool = False
    conditions: tuple[Condition, ...] = ()

    @property
    def actions(self) -> tuple[Action, ...]:
        last = () if self.final_step is None else (self.final_step,)
        return tuple(step.action for step in (*self.steps, *last))


def parse(document: Mapping[str, Any]) -> Document:
    """Return the document, or raise ``JobRejected`` naming the member at fault."""
    members = document if "steps" in document else _modern(document)
    try:
        parsed = Document.model_validate(members)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise JobRejected(f"{_INVALID}: {where}: {first['msg']}") from None
    for action in parsed.actions:
        _check(action)
    return parsed


def _check(action: Action) -> None:
    given = action.input
    texts = (*given.args, *(given.command or ()))
    if action.type == "runHandler" and given.handler is None:
        raise JobRejected(f"{_INVALID}: {action.name}: input.handler is missing")
    if action.type == "runCommand" and not (given.command and given.command[0]):
        raise JobRejected(f"{_INVALID}: {action.name}: input.command is missing")
    if any("\0" in text for text in texts):
        raise JobRejected(f"{_INVALID}: {action.name}: NUL in an argument")


def _modern(document: Mapping[str, Any]) -> dict[str, Any]:
    """Write the older form, one operation with arguments, as a document of one step."""
    action = {
        "name": document.get("operation"),
        "type": "runHandler",
        "input": {
            "handler": document.get("operation"),
            "args": document.get("args"),
            "path": document.get("path", ""),
        },
        "allowStdErr": document.get("allowStdErr"),
    }
    return {
        "version": "1.0",
        "steps": [{"action": action}],
        "includeStdOut": document.get("includeStdOut", False),
    }
