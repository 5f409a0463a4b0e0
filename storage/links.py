"""Links in documents: made anew whenever a device is given one, out of what is known of artifacts then."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import structlog
from sqlalchemy import Connection, text

from domain import s3_objects
from domain.artifacts import Artifact, Links
from domain.errors import InvalidRequest
from domain.pacing import parse
from domain.substitution import Kind, Placeholder
from storage import artifacts
from storage.policy import Delivery, Mint, Minter

log = structlog.get_logger(__name__)

#: How many texts that stay as they are have been told of, before it is begun anew.
_TOLD: Final = 1000


def require(connection: Connection, document: str) -> None:
    """Raise ``InvalidRequest`` if a document names an artifact that is not there."""
    named = artifacts.named_in(document)
    missing = sorted(named - artifacts.named(connection, named).keys())
    if missing:
        raise InvalidRequest(f"document names the artifact {missing[0]}, which does not exist")


def minter(links: Links) -> Minter:
    """Return what makes links as ``links`` says."""
    told: set[tuple[int, str]] = set()

    def begin(connection: Connection, at: datetime) -> Mint:
        return _Batch(connection, links, told, at=at).mint

    return begin


class _Batch:
    """The links of one transaction: each artifact and each job is read once."""

    def __init__(
        self, connection: Connection, links: Links, told: set[tuple[int, str]], *, at: datetime
    ) -> None:
        self._connection = connection
        self._links = links
        self._told = told
        self._at = at
        self._artifacts: dict[str, Artifact | None] = {}
        self._seconds: dict[int, int | None] = {}

    def mint(self, placeholder: Placeholder, delivery: Delivery) -> str | int | None:
        if placeholder.kind is Kind.S3_URL:
            return self._object(placeholder.name, delivery)
        artifact = self._artifact(placeholder.name)
        if artifact is None:
            return None
        if placeholder.kind is Kind.ARTIFACT_SHA256:
            return artifact.sha256
        if placeholder.kind is Kind.ARTIFACT_SIZE:
            return artifact.size
        seconds = self._good_for(delivery.job_key)
        return self._links.to_artifact(artifact, thing_name=delivery.thing_name, seconds=seconds, at=self._at)

    def _object(self, url: str, delivery: Delivery) -> str | None:
        named = s3_objects.parse(url)
        made = None
        if named is not None:
            made = self._links.to_object(named, seconds=self._good_for(delivery.job_key))
        if made is None and (delivery.job_key, url) not in self._told:
            if len(self._told) >= _TOLD:
                self._told.clear()
            self._told.add((delivery.job_key, url))
            log.warning("a link to S3 cannot be made; its placeholder stays as it is", url=url)
        return made

    def _artifact(self, name: str) -> Artifact | None:
        if name not in self._artifacts:
            self._artifacts[name] = artifacts.find(self._connection, name)
        return self._artifacts[name]

    def _good_for(self, job_key: int) -> int | None:
        if job_key not in self._seconds:
            pacing = self._connection.execute(
                text("SELECT pacing FROM jobs WHERE id = :key"), {"key": job_key}
            ).scalar_one()
            config = parse(pacing).presigned_url_config
            self._seconds[job_key] = None if config is None else config.expires_in_sec
        return self._seconds[job_key]
