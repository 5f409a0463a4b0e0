"""``{"operation": "download", "url": …, "sha256": …, "file": "app.bin"}``: checked, resumed, put in place."""

from __future__ import annotations

import asyncio
import os
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from agent.backoff import Backoff
from agent.errors import JobFailed, JobRejected
from agent.handlers.fetch import (
    Fetch,
    Impossible,
    Interrupted,
    Refused,
    UnwritableFile,
    on_disk,
    sha256_of,
)
from agent.handlers.fields import number, text
from agent.job import Job

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
LONGEST_PATH: Final = 512
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,127}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """Writes below ``directory`` and nowhere else. ``tries``: interruptions in a row until it gives up."""

    directory: Path
    max_bytes: int = 4 * 1024**3
    tries: int = 8
    backoff: Callable[[], Backoff] = Backoff

    async def __call__(self, job: Job) -> Mapping[str, object]:
        url, wanted = _url(job.document), _sha256(job.document)
        target = self._target(job.document, url)
        limit = int(number(job.document, "maxBytes", self.max_bytes, least=1, most=self.max_bytes))
        await job.progress(action="download", percent=0)
        name = target.relative_to(self.directory.resolve()).as_posix()
        try:
            with on_disk():
                there = target.is_file() and await asyncio.to_thread(sha256_of, target) == wanted
                target.parent.mkdir(parents=True, exist_ok=True)
            if not there:
                # The digest in the name: a part of another file is never taken for one of this.
                part = target.with_name(f".{wanted[:32]}.part")
                await self._complete(job, url, part, limit)
                await asyncio.to_thread(_put_in_place, part, target, wanted)
        except UnwritableFile as error:
            raise JobFailed(f"cannot write {name}: {error}") from None
        return {"file": name, "sha256": wanted, "bytes": target.stat().st_size}

    def _target(self, document: Mapping[str, Any], url: str) -> Path:
        name = text(document, "file", unquote(urlsplit(url).path.rpartition("/")[2]))
        parts = name.split("/")
        if len(name) > LONGEST_PATH or not all(_NAME.fullmatch(part) for part in parts):
            raise JobRejected("file must be a plain relative path such as app.bin or firmware/app.bin")
        root = self.directory.resolve()
        target = root.joinpath(*parts)
        # A link below the directory could still lead out of it.
        if not target.parent.resolve().is_relative_to(root) or target.is_symlink():
            raise JobRejected("file leads out of the download directory")
        return target

    async def _complete(self, job: Job, url: str, part: Path, limit: int) -> None:
        backoff = self.backoff()
        failures, size = 0, _size(part)
        while True:
            try:
                return await _in_thread(job, url, part, limit)
            except Refused as error:
                # What has come is kept: a retry brings a new link, and goes on from there.
                raise JobFailed(f"cannot download: {error}") from None
            except Impossible as error:
                await asyncio.to_thread(part.unlink, missing_ok=True)
                raise JobFailed(f"cannot download: {error}") from None
            except Interrupted as error:
                grown, size = _size(part) > size, _size(part)
                failures = 1 if grown else failures + 1
                if failures >= self.tries:
                    raise JobFailed(f"download interrupted {failures} times in a row: {error}") from None
            await asyncio.sleep(backoff.next())


async def _in_thread(job: Job, url: str, part: Path, limit: int) -> None:
    """Fetch in a thread; cancelled, wait until the thread has let go of the file."""
    loop = asyncio.get_running_loop()
    stop = threading.Event()
    shown = [-1]

    def told(done: int, total: int | None) -> None:
        percent = 100 * done // total if total else 0
        if percent > shown[0]:
            shown[0] = percent
            loop.call_soon_threadsafe(job.note, {"action": "download", "progress": f"{percent}%"})

    fetch = Fetch(url=url, part=part, max_bytes=limit, told=told, stop=stop)
    thread = asyncio.ensure_future(asyncio.to_thread(fetch.run))
    try:
        await asyncio.shield(thread)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.wait([thread])
        thread.exception()  # Stopped, most likely; nobody else will look
        raise


def _put_in_place(part: Path, target: Path, wanted: str) -> None:
    found = sha256_of(part)
    if found != wanted:
        part.unlink()
        raise JobFailed(
            "the content does not have the sha256 that was asked for", expected=wanted, found=found
        )
    with on_disk():
        part.replace(target)
        descriptor = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _url(document: Mapping[str, Any]) -> str:
    url = text(document, "url")
    try:
        split = urlsplit(url)
        sound = split.scheme in ("http", "https") and split.hostname and (split.port or 1)
        named = split.username is not None
    except ValueError:
        sound = False
    if not sound or not url.isascii() or any(c <= " " for c in url):
        raise JobRejected("url must be an http or https URL")
    if named:
        raise JobRejected("url must not carry a user name or password")
    return url


def _sha256(document: Mapping[str, Any]) -> str:
    wanted = text(document, "sha256").lower()
    if not _SHA256.fullmatch(wanted):
        raise JobRejected("sha256 must be 64 hexadecimal digits")
    return wanted
