"""What documents may be fetched from when a job names one by its URL, as the settings say."""

from __future__ import annotations

from api.document_sources import DocumentSources, ReadObject
from cli.artifact_parts import s3_access
from cli.settings import Settings
from domain.artifacts import Links


def document_sources(settings: Settings, links: Links) -> DocumentSources:
    """Return the sources; where our artifacts are reached is only known once ``links`` says so."""
    return DocumentSources(base=lambda: links.base, read_object=_reader(settings))


def _reader(settings: Settings) -> ReadObject | None:
    listed = frozenset(name for name in settings.s3_linked_buckets.split(",") if name)
    if not listed:
        return None
    from api.artifact_s3 import ObjectReader  # noqa: PLC0415 - an extra; without it no server starts with S3

    return ObjectReader(s3_access(settings, settings.s3_endpoint), listed).read
