"""Things and thing groups: values and limits (contract 1.2, 1.3)."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Final

from domain.errors import InvalidRequest
from domain.names import ATTRIBUTE_NAME_PATTERN, ATTRIBUTE_VALUE_PATTERN

MAX_ATTRIBUTES: Final = 50
MAX_SEARCHABLE: Final = 3
MAX_DEPTH: Final = 7
MAX_MEMBERS_A_CALL: Final = 10_000
_NAME = re.compile(ATTRIBUTE_NAME_PATTERN)
_VALUE = re.compile(ATTRIBUTE_VALUE_PATTERN)


class Registration(StrEnum):
    """Whether naming an unknown thing as a target registers it."""

    AUTO = "auto"
    STRICT = "strict"


class GroupStatus(StrEnum):
    """Whether a group can be targeted, its query goes over all things, or its members are being seen out."""

    ACTIVE = "ACTIVE"
    BUILDING = "BUILDING"
    REBUILDING = "REBUILDING"
    DELETION_IN_PROGRESS = "DELETION_IN_PROGRESS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a dialect allows beyond what holds for all; None is without limit (contract 1.2, 1.3)."""

    #: Attributes of a thing that has no type.
    untyped_attributes: int = MAX_ATTRIBUTES
    #: Static groups that a thing is in, and groups directly inside one.
    memberships: int | None = None
    children: int | None = None
    #: Whether a thing may be in two groups of one hierarchy.
    nests_members: bool = True
    #: Whether a thing may be deleted that certificates are attached to.
    deletes_attached: bool = True


OUR_LIMITS: Final = Limits()
AWS_LIMITS: Final = Limits(
    untyped_attributes=3, memberships=10, children=100, nests_members=False, deletes_attached=False
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """A device as the registry knows it; ``version`` counts changes of the entry."""

    thing_name: str
    thing_id: str
    created_at: datetime
    version: int = 1
    attributes: Mapping[str, str] = field(default_factory=dict)
    time_zone: str | None = None
    failures: int = 0
    quarantined_until: datetime | None = None
    connected: bool = False
    connection_changed_at: datetime | None = None
    last_seen_at: datetime | None = None
    thing_type: str | None = None
    billing_group: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ThingType:
    """A kind of things; no thing gets one that is deprecated."""

    type_name: str
    type_id: str
    created_at: datetime
    description: str | None = None
    searchable_attributes: tuple[str, ...] = ()
    deprecated_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BillingGroup:
    """A name under which things are billed elsewhere; a thing is in one at most."""

    group_name: str
    group_id: str
    created_at: datetime
    version: int = 1
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A set of things: those that were put there, or with a ``query`` those that meet it.

    A static group may lie inside one other static group.
    ``time_zone`` is that of those members that have none of their own.
    """

    group_name: str
    group_id: str
    created_at: datetime
    version: int = 1
    description: str | None = None
    parent_name: str | None = None
    time_zone: str | None = None
    query: str | None = None
    status: GroupStatus = GroupStatus.ACTIVE
    attributes: Mapping[str, str] = field(default_factory=dict)


def attributes(raw: object) -> dict[str, str]:
    """Return checked attributes, or raise ``InvalidRequest`` naming the pair."""
    if not isinstance(raw, Mapping):
        raise InvalidRequest(f"attributes must be an object of strings, not {type(raw).__name__}")
    if len(raw) > MAX_ATTRIBUTES:
        raise InvalidRequest(f"attributes has {len(raw)} pairs; at most {MAX_ATTRIBUTES} are allowed")
    for name, value in raw.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise InvalidRequest(f"attributes: name {str(name)[:64]!r} does not match {_NAME.pattern}")
        if not isinstance(value, str) or not _VALUE.fullmatch(value):
            raise InvalidRequest(
                f"attributes.{name}: value {str(value)[:64]!r} does not match {_VALUE.pattern}"
            )
    return dict(raw)


def allowed(found: Mapping[str, str], thing_type: str | None, limits: Limits) -> None:
    """Raise ``InvalidRequest`` if a thing of this type (None: of none) may not have so many attributes."""
    if thing_type is None and len(found) > limits.untyped_attributes:
        raise InvalidRequest(
            f"attributes has {len(found)} pairs; at most {limits.untyped_attributes} are allowed to a thing "
            "without a type"
        )


def searchable(names: Sequence[str]) -> tuple[str, ...]:
    """Return the attributes that a thing type lets things be found by, or raise ``InvalidRequest``."""
    if len(names) > MAX_SEARCHABLE:
        raise InvalidRequest(
            f"searchableAttributes has {len(names)} names; at most {MAX_SEARCHABLE} are allowed"
        )
    for name in names:
        if not _NAME.fullmatch(name):
            raise InvalidRequest(f"searchableAttributes: name {name[:64]!r} does not match {_NAME.pattern}")
    return tuple(dict.fromkeys(names))


def merged(old: Mapping[str, str], new: Mapping[str, str], *, merge: bool) -> dict[str, str]:
    """Return the attributes after an update: laid over the old ones or replacing them; "" removes a pair."""
    both = {**old, **new} if merge else dict(new)
    return attributes({name: value for name, value in both.items() if value})


def time_zone(raw: object) -> str:
    """Return an IANA zone name, or raise ``InvalidRequest``."""
    if not isinstance(raw, str) or raw not in zone_names():
        raise InvalidRequest(f"timeZone {str(raw)[:64]!r} is not an IANA time zone")
    return raw


@cache
def zone_names() -> frozenset[str]:
    """Return the names of the time zones there are."""
    return frozenset(zoneinfo.available_timezones())
