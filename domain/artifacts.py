"""Artifacts: files that job documents may point to, and the signed links under which devices fetch them."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol
from urllib.parse import quote

from domain.s3_objects import S3Object

#: Seconds that a link may be valid (contract 1.4, presignedUrlConfig).
SHORTEST_LINK: Final = 60
LONGEST_LINK: Final = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A name and the content that it stands for; never another one as long as it lives."""

    name: str
    #: 64 hexadecimal digits.
    sha256: str
    size: int
    content_type: str
    created_at: datetime


def link(key: bytes, artifact: Artifact, *, base: str, thing_name: str, expires: int) -> str:
    """Return a URL below ``base`` by which its holder may fetch until ``expires`` (epoch seconds)."""
    signature = sign(key, artifact, thing_name=thing_name, expires=expires)
    return (
        f"{base.rstrip('/')}/artifacts/{quote(artifact.name)}/content"
        f"?expires={expires}&thing={quote(thing_name, safe='')}&signature={signature}"
    )


def sign(key: bytes, artifact: Artifact, *, thing_name: str, expires: int) -> str:
    """Return what only the holder of ``key`` can say about this content, this thing and this moment."""
    # None of the parts can hold a line end, so that no two sets of parts make one text.
    said = "\n".join((artifact.name, artifact.sha256, thing_name, str(expires)))
    mac = hmac.digest(key, said.encode(), "sha256")
    return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()


def is_signed(key: bytes, artifact: Artifact, *, thing_name: str, expires: int, signature: str) -> bool:
    """Tell whether the signature is ours, in time that does not depend on how much of it is right."""
    ours = sign(key, artifact, thing_name=thing_name, expires=expires)
    return hmac.compare_digest(ours.encode(), signature.encode(errors="surrogateescape"))


class Presign(Protocol):
    """Makes a link to an object of S3; None if that must not or cannot be linked."""

    def __call__(self, named: S3Object, *, seconds: int) -> str | None: ...


@dataclass(slots=True, kw_only=True)
class Links:
    """How this installation makes links, each time a device is given a document; none is ever stored."""

    key: bytes
    #: Where devices reach the REST API.
    base: str
    #: How long a link is good if its job does not say.
    seconds: int = LONGEST_LINK
    presign: Presign | None = None
    #: Makes a link to a content that lies elsewhere, by its digest and for some seconds; None: we serve it.
    elsewhere: Callable[[str, int], str | None] | None = None

    def to_artifact(
        self, artifact: Artifact, *, thing_name: str, seconds: int | None, at: datetime
    ) -> str | None:
        """Return a link for one thing; None if S3 has it and cannot link it."""
        good_for = seconds or self.seconds
        if self.elsewhere is not None:
            return self.elsewhere(artifact.sha256, good_for)
        expires = int(at.timestamp()) + good_for
        return link(self.key, artifact, base=self.base, thing_name=thing_name, expires=expires)

    def to_object(self, named: S3Object, *, seconds: int | None) -> str | None:
        """Return a link to an object of S3; None without S3, or if it must not or cannot be linked."""
        return None if self.presign is None else self.presign(named, seconds=seconds or self.seconds)
