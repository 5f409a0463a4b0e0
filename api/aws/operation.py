"""A row of a plane's table: one operation of AWS, by which path it is reached and which function answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Generic, TypeVar, get_args, get_type_hints

from api.aws.guard import Principal
from api.aws.shapes import Header, Input, Label, Output, Query
from api.call import ApiOptions
from api.route import DEFAULT_LIMIT
from domain.registry import Registration
from domain.roles import Role
from storage.policy import Policy
from storage.store import Store

I = TypeVar("I", bound=Input)  # noqa: E741 - what goes in


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsCall(Generic[I]):
    """What a handler gets: the input, checked, and the means to answer."""

    store: Store
    options: ApiOptions
    at: datetime
    principal: Principal
    #: Who calls, as verbs take it (domain.acts).
    actor: str
    given: I

    @property
    def policy(self) -> Policy:
        """Return the policy of this dialect: a thing that AWS's calls name has to be there (contract 1.2)."""
        return replace(
            self.options.policy, registration=Registration.STRICT, strictly="; create it first (CreateThing)"
        )


Handler = Callable[[AwsCall[Any]], Awaitable[Output]]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. ``errors`` are what it may answer with, in the contract's abbreviations."""

    name: str
    method: str
    path: str
    handler: Handler
    errors: tuple[str, ...] = field(kw_only=True)
    #: The least that whoever calls must be.
    role: Role = field(kw_only=True, default=Role.VIEWER)
    #: Bytes of body.
    limit: int = field(kw_only=True, default=DEFAULT_LIMIT)
    #: What it is counted as where rates have a limit; "" is by itself.
    rate: str = field(kw_only=True, default="")
    given: type[Input] = field(init=False)
    answer: type[Output] = field(init=False)
    #: Names in the query, headers, and names of the path's own, with the member each of them is.
    query: Mapping[str, str] = field(init=False)
    headers: Mapping[str, str] = field(init=False)
    labels: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        hints = get_type_hints(self.handler)
        (given,) = get_args(hints["call"])
        query, headers, labels = {}, {}, {}
        for name, info in given.model_fields.items():
            member = info.alias or name
            for mark in info.metadata:
                if isinstance(mark, Query):
                    query[mark.name or member] = member
                elif isinstance(mark, Header):
                    headers[mark.name] = member
                elif isinstance(mark, Label):
                    labels[mark.name] = member
        told = {"query": query, "headers": headers, "labels": labels}
        for name, value in {"given": given, "answer": hints["return"], **told}.items():
            object.__setattr__(self, name, value)

    @property
    def segments(self) -> tuple[str, ...]:
        """Return the path in pieces; a piece in braces stands for a member."""
        return tuple(self.path.strip("/").split("/"))


def errors(text: str) -> tuple[str, ...]:
    """Read the contract's abbreviations: ``"IR RNF TH SU"``."""
    return tuple(text.split())


READS: Final = errors("IR RNF TH SU")
