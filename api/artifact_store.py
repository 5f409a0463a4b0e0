"""Artifacts as a whole: a name in the database for each content in its place, whatever breaks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from weakref import WeakValueDictionary

from api.artifact_files import CHUNK, Contents, DiskFull, Taken, drafting, sweep_drafts
from api.errors import Refusal
from domain.artifacts import Artifact
from domain.errors import InvalidRequest, JobsError
from storage import artifacts
from storage.store import Store


class ArtifactStore:
    """The contents of one server's artifacts. ``drafts`` is a folder of its own for what is arriving."""

    def __init__(self, contents: Contents, *, drafts: Path, max_bytes: int) -> None:
        self.contents = contents
        self._drafts = drafts
        self._max_bytes = max_bytes
        # By digest: a content must not be removed while somebody gives it another name.
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def tidy(self, store: Store) -> None:
        """Sweep what an earlier process has left half done. Before the first upload, and alone."""

        async def is_kept(sha256: str) -> bool:
            return await store.read(artifacts.is_kept, sha256)

        await asyncio.to_thread(sweep_drafts, self._drafts)
        await self.contents.tidy(is_kept)

    async def put(
        self,
        store: Store,
        name: str,
        chunks: AsyncIterator[bytes],
        *,
        length: int | None,
        sha256: str | None,
        content_type: str,
        at: datetime,
    ) -> tuple[bool, Artifact]:
        """Take a content and name it; whether the name is new, and what it stands for.

        Raises ``AlreadyExists``, ``InvalidRequest`` for another content than ``sha256`` says, ``Refusal`` for
        one that is too large for the setting or the disk. Whatever it raises, nothing is left.
        """
        self._refuse_large(length or 0)
        there = await store.read(artifacts.find, name)
        if there is not None:
            # Known before it has come: what differs in length or digest differs.
            artifacts.refuse_other(there, sha256=sha256, size=length)
        try:
            async with drafting(self._drafts, length or 0) as draft:
                size, piece = 0, bytearray()
                async for chunk in chunks:
                    size += len(chunk)
                    self._refuse_large(size)
                    piece += chunk
                    if len(piece) >= CHUNK:
                        await draft.add(bytes(piece))
                        piece.clear()
                await draft.add(bytes(piece))
                taken = await draft.taken()
                if sha256 not in (None, taken.sha256):
                    raise InvalidRequest(f"sha256 {sha256} is not that of the content, {taken.sha256}")
                created = await self._name(store, name, taken, content_type, at=at)
        except DiskFull:
            raise Refusal(507, "the disk has no room for this content", close=True) from None
        return created, await store.read(artifacts.get, name)

    async def _name(self, store: Store, name: str, taken: Taken, content_type: str, *, at: datetime) -> bool:
        async with self._lock(taken.sha256):
            await self.contents.keep(taken)
            try:
                return await store.write(
                    artifacts.create,
                    name,
                    sha256=taken.sha256,
                    size=taken.size,
                    content_type=content_type,
                    at=at,
                )
            except JobsError:
                if not await store.read(artifacts.is_kept, taken.sha256):
                    await self.contents.remove(taken.sha256)
                raise

    async def delete(self, store: Store, name: str, *, force: bool) -> None:
        """Forget a name, and its content if it was the last. Raises ``NotFound`` and ``Conflict``."""
        sha256 = (await store.read(artifacts.get, name)).sha256
        async with self._lock(sha256):
            if await store.write(artifacts.delete, name, sha256=sha256, force=force):
                await self.contents.remove(sha256)

    def _lock(self, sha256: str) -> asyncio.Lock:
        return self._locks.setdefault(sha256, asyncio.Lock())

    def _refuse_large(self, size: int) -> None:
        if size > self._max_bytes:
            raise Refusal(413, f"the content is larger than {self._max_bytes} bytes", close=True)
