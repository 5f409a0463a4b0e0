"""Operations on artifacts: put, look at, fetch, delete; devices fetch by a signed link and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from api.artifact_schema import (
    ArtifactList,
    ArtifactStored,
    ArtifactView,
    DeleteArtifact,
    DeleteArtifactQuery,
    GotArtifact,
    Link,
    PutArtifact,
)
from api.artifact_store import ArtifactStore
from api.artifact_stream import Content, Upload
from api.call import Call
from api.errors import Refusal
from api.fields import iso
from api.schema import Deleted
from api.shapes import Nothing, Paging
from domain.artifacts import Artifact, is_signed
from domain.errors import Unavailable
from storage import artifacts


async def put(call: Call[PutArtifact, Upload]) -> ArtifactStored:
    created, artifact = await _kept(call).put(
        call.store,
        call.path["artifactName"],
        call.body.chunks(),
        length=call.body.length,
        sha256=call.query.sha256,
        content_type=call.body.content_type,
        at=call.at,
    )
    return ArtifactStored(created=created, **_members(artifact))


async def get(call: Call[Nothing, Nothing]) -> GotArtifact:
    found = await call.store.read(artifacts.get, call.path["artifactName"])
    return GotArtifact(artifact=ArtifactView(**_members(found)))


async def page(call: Call[Paging, Nothing]) -> ArtifactList:
    found = await call.store.browse(
        artifacts.page, max_results=call.query.max_results, next_token=call.query.next_token
    )
    views = tuple(ArtifactView(**_members(artifact)) for artifact in found.items)
    return ArtifactList(artifacts=views, next_token=found.next_token)


async def delete(call: Call[DeleteArtifactQuery, DeleteArtifact]) -> Deleted:
    force = call.body.force if call.query.force is None else call.query.force
    await _kept(call).delete(call.store, call.path["artifactName"], force=bool(force))
    return Deleted()


async def content(call: Call[Link, Nothing]) -> Content:
    """Send the bytes to whoever holds a link that is ours; without one the guards have asked for the key."""
    name = call.path["artifactName"]
    if call.query.signature is None:
        artifact = await call.store.read(artifacts.get, name)
    else:
        artifact = await _by_link(call, name)
    return Content.of(artifact, _kept(call).contents.pieces)


async def _by_link(call: Call[Link, Nothing], name: str) -> Artifact:
    """Return the artifact that a link is for. Raises ``Refusal``, the same for what is not there."""
    link, key = call.query, await call.store.read(artifacts.signing_key)
    artifact = await call.store.read(artifacts.find, name)
    expires = link.expires or 0
    ours = artifact is not None and is_signed(
        key, artifact, thing_name=link.thing or "", expires=expires, signature=link.signature or ""
    )
    if artifact is None or not ours:
        raise Refusal(403, "this link was not made by this server for this content; ask for the job again")
    if call.at.timestamp() >= expires:
        ended = iso(datetime.fromtimestamp(expires, UTC))
        raise Refusal(403, f"this link expired at {ended}; ask for the job again, which brings a new one")
    return artifact


def _kept(call: Call[Any, Any]) -> ArtifactStore:
    if call.options.artifacts is None:
        raise Unavailable("this server keeps no artifacts")
    return call.options.artifacts


def _members(artifact: Artifact) -> dict[str, Any]:
    return {
        "artifact_name": artifact.name,
        "sha256": artifact.sha256,
        "size": artifact.size,
        "content_type": artifact.content_type,
        "created_at": artifact.created_at,
    }
