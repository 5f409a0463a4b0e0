"""What job documents may be fetched from where a job names one by its URL."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from domain.s3_objects import S3Object


class ReadObject(Protocol):
    """Reads an object of S3 of at most ``limit`` bytes; None if its bucket is not one that may be read.

    Raises ``InvalidRequest`` for one that is not there or too large, ``Unavailable``.
    """

    async def __call__(self, named: S3Object, *, limit: int) -> bytes | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentSources:
    """``base`` returns where our artifacts are reached; without ``read_object`` there is no S3."""

    base: Callable[[], str]
    read_object: ReadObject | None = None
