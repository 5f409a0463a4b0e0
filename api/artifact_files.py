"""The content of artifacts: taken in under a passing name, kept under its digest, read in pieces.

A content is whole and on disk before it has its place; what a kill leaves behind is swept at the next start.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from domain.errors import Unavailable

#: Bytes read or written at a time.
CHUNK: Final = 256 * 1024
#: Bytes of a disk that no upload takes: the database needs them more.
RESERVE: Final = 64 * 1024 * 1024
#: How often an upload looks how much is left.
_LOOK: Final = 16 * 1024 * 1024
_DRAFT: Final = ".upload-"
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class DiskFull(Exception):
    """There is no room for this content."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A content that has arrived and has no place yet."""

    draft: Path
    sha256: str
    size: int


class Contents(Protocol):
    """Where contents lie, by digest."""

    async def tidy(self, is_kept: Callable[[str], Awaitable[bool]]) -> None:
        """Sweep contents that an earlier process has left without a name; ``is_kept`` knows the others."""

    async def keep(self, taken: Taken) -> None:
        """Give a content its place, for good; again is no harm. Raises ``DiskFull``, ``Unavailable``."""

    async def remove(self, sha256: str) -> None:
        """Give the place back; no harm if there is none."""

    def pieces(self, sha256: str, first: int, count: int) -> AsyncGenerator[bytes, None]:
        """Yield ``count`` bytes from ``first`` on. Raises ``Unavailable`` if they are not there."""


class LocalContents:
    """Contents in files of one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def tidy(self, is_kept: Callable[[str], Awaitable[bool]]) -> None:
        for sha256 in await asyncio.to_thread(_contents_in, self._folder):
            if not await is_kept(sha256):
                await self.remove(sha256)

    async def keep(self, taken: Taken) -> None:
        await asyncio.to_thread(self._place, taken)

    async def remove(self, sha256: str) -> None:
        await asyncio.to_thread((self._folder / sha256).unlink, missing_ok=True)

    async def pieces(self, sha256: str, first: int, count: int) -> AsyncGenerator[bytes, None]:
        try:
            # Held open: a content that is deleted meanwhile is still read to its end.
            descriptor = await asyncio.to_thread(os.open, self._folder / sha256, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise Unavailable(f"the content {sha256} cannot be read: {error.strerror}") from error
        try:
            while count > 0:
                piece = await asyncio.to_thread(os.pread, descriptor, min(CHUNK, count), first)
                if not piece:
                    raise Unavailable(f"the content {sha256} ends too early")
                yield piece
                first, count = first + len(piece), count - len(piece)
        finally:
            os.close(descriptor)

    def _place(self, taken: Taken) -> None:
        # Also where there is one: it is the same unless the disk has spoilt it.
        taken.draft.replace(self._folder / taken.sha256)
        flush_folder(self._folder)


class Draft:
    """A content on its way in, in a file that is gone at the end of ``drafting`` unless it was moved."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor
        self._digest = hashlib.sha256()
        self._size = 0

    async def add(self, chunk: bytes) -> None:
        """Write some more. Raises ``DiskFull``."""
        await asyncio.to_thread(self._write, chunk)

    async def taken(self) -> Taken:
        """Return the whole once it is on disk. Raises ``DiskFull``."""
        with _room():
            await asyncio.to_thread(os.fsync, self._descriptor)
        return Taken(self._path, self._digest.hexdigest(), self._size)

    def _write(self, chunk: bytes) -> None:
        if self._size // _LOOK != (self._size + len(chunk)) // _LOOK:
            refuse_without_room(self._path.parent, 0)
        self._digest.update(chunk)
        rest = memoryview(chunk)
        with _room():
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        self._size += len(chunk)


@asynccontextmanager
async def drafting(folder: Path, expected: int) -> AsyncIterator[Draft]:
    """Make a draft in ``folder`` for about ``expected`` bytes. Raises ``DiskFull``, ``Unavailable``."""
    try:
        descriptor, name = await asyncio.to_thread(_new_draft, folder, expected)
    except OSError as error:
        raise Unavailable(f"the folder of artifacts cannot be written: {error.strerror}") from error
    try:
        yield Draft(Path(name), descriptor)
    finally:
        await asyncio.shield(asyncio.to_thread(_drop, descriptor, Path(name)))


def _new_draft(folder: Path, expected: int) -> tuple[int, str]:
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        flush_folder(folder.parent)
    refuse_without_room(folder, expected)
    return tempfile.mkstemp(prefix=_DRAFT, dir=folder)


def _drop(descriptor: int, draft: Path) -> None:
    os.close(descriptor)
    draft.unlink(missing_ok=True)


def refuse_without_room(folder: Path, size: int) -> None:
    """Raise ``DiskFull`` if ``size`` more bytes would take what the database needs."""
    if shutil.disk_usage(folder).free - size < RESERVE:
        raise DiskFull


@contextmanager
def _room() -> Iterator[None]:
    """Tell a full disk from one that fails."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_SPACE:
            raise DiskFull from error
        raise Unavailable(f"the content cannot be written: {error.strerror}") from error


def sweep_drafts(folder: Path) -> None:
    """Remove what uploads have left that a kill has ended."""
    if folder.is_dir():
        for left in folder.glob(f"{_DRAFT}*"):
            left.unlink(missing_ok=True)


def _contents_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*") if _SHA256.fullmatch(path.name))


def flush_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
