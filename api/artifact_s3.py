"""S3-compatible storage through obstore: presigned links, and contents of artifacts that lie there.

obstore reads AWS's own variables of the environment; here everything is given to it, so that none counts.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import S3Store

from api.artifact_files import CHUNK, Taken
from domain.errors import InvalidRequest, Unavailable
from domain.s3_objects import S3Object

if TYPE_CHECKING:
    from obstore.store import S3Credential


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Access:
    """Where S3 is and as whom we speak to it; without an endpoint it is AWS's own."""

    region: str
    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)
    endpoint: str | None = None

    def bucket(self, name: str, region: str | None = None) -> S3Store:
        """Return a bucket; ``region`` matters at AWS, where each bucket has its own."""
        there = self.region if self.endpoint or region is None else region
        endpoint = self.endpoint or f"https://s3.{there}.amazonaws.com"
        return S3Store(
            name,
            endpoint=endpoint,
            region=there,
            virtual_hosted_style_request=False,
            skip_signature=False,
            client_options={"allow_http": endpoint.startswith("http://")},
            retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=60)},
            credential_provider=self._credentials,
        )

    def _credentials(self) -> S3Credential:
        return {
            "access_key_id": self.access_key_id,
            "secret_access_key": self.secret_access_key,
            "token": None,
            "expires_at": None,
        }


class Presigner:
    """Makes links to objects of buckets that are allowed; works without a network."""

    def __init__(self, access: S3Access, buckets: frozenset[str]) -> None:
        self._access = access
        self._allowed = buckets
        self._buckets: dict[tuple[str, str | None], S3Store] = {}

    def link(self, named: S3Object, *, seconds: int) -> str | None:
        """Return a URL that is good for ``seconds`` from now; None for what must not or cannot be linked."""
        if named.bucket not in self._allowed:
            return None
        place = (named.bucket, named.region)
        if place not in self._buckets:
            self._buckets[place] = self._access.bucket(*place)
        try:
            return obstore.sign(self._buckets[place], "GET", named.key, timedelta(seconds=seconds))
        except (BaseError, TypeError):  # a key that obstore cannot spell, such as one with an empty part
            return None


class ObjectReader:
    """Reads small objects of buckets that are allowed."""

    def __init__(self, access: S3Access, buckets: frozenset[str]) -> None:
        self._access = access
        self._allowed = buckets

    async def read(self, named: S3Object, *, limit: int) -> bytes | None:
        """Return an object's content; see ``api.document_sources.ReadObject``."""
        if named.bucket not in self._allowed:
            return None
        where = f"{named.bucket}/{named.key}"
        bucket = self._access.bucket(named.bucket, named.region)
        with _there():
            try:
                found = await obstore.get_async(bucket, named.key)
            except (NotFoundError, FileNotFoundError, TypeError):
                raise InvalidRequest(f"there is no object {where[:256]!r}") from None
            if found.meta["size"] > limit:
                size = found.meta["size"]
                raise InvalidRequest(f"the object {where[:256]!r} has {size} bytes; at most {limit} are read")
            return bytes(await found.bytes_async())


class S3Contents:
    """Contents as objects of one bucket, named by their digests below ``prefix``."""

    def __init__(self, access: S3Access, bucket: str, prefix: str = "artifacts/") -> None:
        self._bucket = access.bucket(bucket)
        self._prefix = prefix

    def key(self, sha256: str) -> str:
        return f"{self._prefix}{sha256}"

    async def tidy(self, is_kept: Callable[[str], Awaitable[bool]]) -> None:
        """Leave all as it is: the bucket may serve others too."""

    async def keep(self, taken: Taken) -> None:
        with _there():
            await obstore.put_async(self._bucket, self.key(taken.sha256), taken.draft)

    async def remove(self, sha256: str) -> None:
        with _there():
            try:
                await obstore.delete_async(self._bucket, self.key(sha256))
            except (NotFoundError, FileNotFoundError):
                return

    async def pieces(self, sha256: str, first: int, count: int) -> AsyncGenerator[bytes, None]:
        if count == 0:
            return
        with _there():
            found = await obstore.get_async(
                self._bucket, self.key(sha256), options={"range": (first, first + count)}
            )
            async for piece in found.stream(min_chunk_size=CHUNK):
                yield bytes(piece)


@contextmanager
def _there() -> Iterator[None]:
    try:
        yield
    except (BaseError, FileNotFoundError, PermissionError) as error:
        reason = str(error).splitlines()[0][:200]
        raise Unavailable(f"the S3 storage of artifacts does not serve: {reason}") from error
