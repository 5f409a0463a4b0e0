"""Queries, bodies and answers of artifacts: our own paths beside the customer's, in the same manner."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema

from api.fields import Flag, QueryFlag, ThingName, Time, digits
from api.presence import NOT_NULL
from api.shapes import Answer, Request

#: 12 digits: the year 33658.
_LAST_SECOND = 10**12 - 1
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
_Seconds = Annotated[
    int,
    Field(ge=0, le=_LAST_SECOND),
    BeforeValidator(digits),
    WithJsonSchema({"type": "integer", "minimum": 0, "maximum": _LAST_SECOND}),
]


class PutArtifact(Request):
    """What the content's digest must be; without it, any content is taken."""

    sha256: Sha256 | None = None


class DeleteArtifact(Request):
    """Whether an artifact goes that the document of an open job names."""

    force: Annotated[Flag | None, NOT_NULL] = None


class DeleteArtifactQuery(Request):
    """The same in the query, which wins."""

    force: QueryFlag | None = None


class Link(Request):
    """What a device's link carries in place of a key; all of it or nothing."""

    expires: _Seconds | None = None
    thing: ThingName | None = None
    signature: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")] | None = None


class ArtifactView(Answer):
    """A file that job documents may point to."""

    artifact_name: str
    sha256: str
    size: int
    content_type: str
    created_at: Time


class ArtifactStored(ArtifactView):
    """`created` is false if the name stood for this very content before."""

    created: bool


class GotArtifact(Answer):
    artifact: ArtifactView


class ArtifactList(Answer):
    """A page of artifacts."""

    artifacts: tuple[ArtifactView, ...]
    next_token: str | None
