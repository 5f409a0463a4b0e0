"""Policy documents: kept and attached as AWS's are. What a device may do is fixed, whatever they say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic_core import from_json

from domain.errors import InvalidRequest, MalformedPolicy

MAX_VERSIONS: Final = 5
MAX_ATTACHED: Final = 10
MAX_DOCUMENT: Final = 404_600
_NAME: Final = re.compile(r"[\w+=,.@-]{1,128}", re.ASCII)
_LANGUAGES: Final = frozenset({"2012-10-17", "2008-10-17"})
_EFFECTS: Final = frozenset({"Allow", "Deny"})
_MEMBERS: Final = frozenset({"Version", "Id", "Statement"})
_PARTS: Final = frozenset({"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyVersion:
    """One document of a policy; one of them is the default, the policy's own."""

    policy_name: str
    number: int
    document: str
    is_default: bool
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A policy with its default document; ``last_modified_at`` is when its newest version came."""

    default: PolicyVersion
    created_at: datetime
    last_modified_at: datetime

    @property
    def name(self) -> str:
        return self.default.policy_name


def policy_name(value: str) -> str:
    """Return ``value``, or raise ``InvalidRequest`` if it cannot name a policy."""
    if not _NAME.fullmatch(value):
        raise InvalidRequest(f"policyName {value[:64]!r} does not match {_NAME.pattern}")
    return value


def document(text: str) -> str:
    """Return a policy document as it is, or raise ``MalformedPolicy`` saying what in it cannot be."""
    if len(text) > MAX_DOCUMENT:
        raise MalformedPolicy(
            f"policyDocument has {len(text)} characters; at most {MAX_DOCUMENT} are allowed"
        )
    try:
        found = from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise MalformedPolicy(f"policyDocument is not JSON: {error}") from None
    said = _object(found, "policyDocument", _MEMBERS)
    if said.get("Version") not in _LANGUAGES:
        shown = str(said.get("Version"))[:64]
        raise MalformedPolicy(f"policyDocument.Version {shown!r} is none of {', '.join(sorted(_LANGUAGES))}")
    statements = said.get("Statement")
    for position, each in enumerate(statements if isinstance(statements, list) else [statements]):
        _statement(each, f"policyDocument.Statement[{position}]")
    if statements == []:
        raise MalformedPolicy("policyDocument.Statement is empty")
    return text


def _statement(found: object, place: str) -> None:
    said = _object(found, place, _PARTS)
    if said.get("Effect") not in _EFFECTS:
        raise MalformedPolicy(f"{place}.Effect {str(said.get('Effect'))[:64]!r} is neither Allow nor Deny")
    for one, other in (("Action", "NotAction"), ("Resource", "NotResource")):
        if (one in said) == (other in said):
            raise MalformedPolicy(f"{place} must have either {one} or {other}")
        _texts(said.get(one, said.get(other)), f"{place}.{one if one in said else other}")
    if "Condition" in said:
        _object(said["Condition"], f"{place}.Condition", None)


def _texts(found: object, place: str) -> None:
    listed = found if isinstance(found, list) else [found]
    if not listed or not all(isinstance(each, str) and each for each in listed):
        raise MalformedPolicy(f"{place} must be a text or a list of texts")


def _object(found: object, place: str, members: frozenset[str] | None) -> Mapping[str, Any]:
    if not isinstance(found, dict):
        raise MalformedPolicy(f"{place} must be an object")
    unknown = [] if members is None else sorted(found.keys() - members)
    if unknown:
        raise MalformedPolicy(f"{place} has {unknown[0][:64]!r}, which nothing there is called")
    return found
