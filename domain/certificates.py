"""Certificates of devices: what the registry knows of one, and whose client it lets in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from domain.permissions import may_connect

#: When certificates made here end, as AWS's own do: nobody goes round a fleet to renew them.
LAST_DAY: Final = datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)


class CertificateStatus(StrEnum):
    """Only an active one opens the door."""

    ACTIVE = "ACTIVE"
    INACTIVE = "INACTIVE"
    REVOKED = "REVOKED"


class CertificateMode(StrEnum):
    """Whether our authority has signed it, or it was registered as it is, whoever signed it."""

    DEFAULT = "DEFAULT"
    SNI_ONLY = "SNI_ONLY"


class PrincipalType(StrEnum):
    """Whether a certificate that a thing has may be another's as well."""

    EXCLUSIVE_THING = "EXCLUSIVE_THING"
    NON_EXCLUSIVE_THING = "NON_EXCLUSIVE_THING"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a certificate says of itself. ``certificate_id`` is the SHA-256 of its DER form, in hex."""

    certificate_id: str
    pem: str
    common_name: str
    not_before: datetime
    not_after: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """One certificate in the registry; ``version`` counts changes of its status."""

    facts: Facts
    status: CertificateStatus
    mode: CertificateMode
    version: int
    created_at: datetime
    last_modified_at: datetime

    @property
    def certificate_id(self) -> str:
        return self.facts.certificate_id


@dataclass(frozen=True, slots=True)
class NewKeys:
    """A key pair made for a device that cannot make its own, in PEM. Kept nowhere."""

    public: str
    private: str


def thing_for(things: Sequence[str], client_id: str) -> str | None:
    """Return which of the things that a certificate is for its client is; None if it is none of them.

    The one thing there is may use any client id. Of several the client id must say which; of two that it
    fits (``a`` and ``a:b``) the longer name is meant.
    """
    if len(things) == 1:
        return things[0]
    return max((name for name in things if may_connect(name, client_id)), key=len, default=None)
