"""Access keys: the pairs that AWS's clients sign with, and monitors log in with."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from domain import job
from domain.errors import InvalidRequest
from domain.names import thing_name as checked_thing
from domain.roles import Role

#: As long as AWS's, and not to be taken for one of AWS's.
KEY_ID_PATTERN: Final = r"TJAK[A-Z2-7]{16}"
_KEY_ID = re.compile(KEY_ID_PATTERN)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKey:
    """A pair without its secret. ``thing_name`` is that of the role DEVICE."""

    key_id: str
    role: Role
    thing_name: str | None
    description: str | None
    created_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A new pair; nothing shows its secret again, not even what prints this."""

    key: AccessKey
    secret: str = field(repr=False)


def is_key_id(text: str) -> bool:
    """Tell whether an access key of ours may be called so."""
    return _KEY_ID.fullmatch(text) is not None


def key_id(text: str) -> str:
    """Return ``text``, or raise ``InvalidRequest`` if no access key of ours can be called so."""
    if not is_key_id(text):
        raise InvalidRequest(f"accessKeyId {text[:64]!r} does not match {KEY_ID_PATTERN}")
    return text


def check(role: Role, thing_name: str | None, description: str | None) -> None:
    """Raise ``InvalidRequest`` for a key that cannot be."""
    if (role is Role.DEVICE) != (thing_name is not None):
        raise InvalidRequest("thingName is required with the role DEVICE, and goes with no other")
    if thing_name is not None:
        checked_thing(thing_name)
    if description is not None:
        job.text("description", description)
