"""Fetches a URL into a file, going on where an earlier try stopped. Blocking: runs in a thread."""

from __future__ import annotations

import hashlib
import http.client
import io
import os
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

CHUNK: Final = 64 * 1024
#: Seconds without a byte until a try counts as interrupted; also how long a cancel may have to wait.
SILENCE: Final = 15.0
#: Statuses of links that have ended.
_REFUSALS: Final = (401, 403, 410)
_RANGE: Final = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


class Interrupted(Exception):
    """The transfer stopped halfway; what came is on disk, another try goes on from there."""


class Impossible(Exception):
    """Another try would not help."""


class Refused(Impossible):
    """The link is no longer good, or not for us; the same content may be had by another one."""


class UnwritableFile(Exception):
    """The disk is full, or not ours to write."""


class Stopped(Exception):
    """The caller does not want it any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch:
    """What to fetch and where to; ``told`` gets bytes so far and in all (None: unknown)."""

    url: str
    part: Path
    max_bytes: int
    told: Callable[[int, int | None], None]
    stop: threading.Event

    def run(self) -> None:
        """Return when ``part`` is complete. Raises the three errors above."""
        have = self.part.stat().st_size if self.part.exists() else 0
        try:
            with self._open(have) as answer:
                self._store(answer, have)
        except urllib.error.HTTPError as error:
            error.close()
            self._judge(error.code, have)
        except UnwritableFile as error:
            raise Impossible(f"cannot write it here: {error}") from None
        except urllib.error.URLError as error:
            if isinstance(error.reason, str):  # of our own making: an unknown scheme, no host
                raise Impossible(error.reason) from None
            raise Interrupted(str(error.reason)) from None
        except (OSError, http.client.HTTPException) as error:
            raise Interrupted(f"{type(error).__name__}: {error}") from None

    def _open(self, have: int) -> Any:
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        # The opener below knows http and https, nothing else.
        request = urllib.request.Request(self.url, headers=headers)  # noqa: S310
        return _opener().open(request, timeout=SILENCE)

    def _store(self, answer: Any, have: int) -> None:
        start, total = _extent(answer, have)
        if total is not None and total > self.max_bytes:
            raise Impossible(f"the file has {total} bytes; at most {self.max_bytes} are allowed")
        with on_disk():
            file = self.part.open("r+b" if start else "wb", buffering=0)
        with file:
            with on_disk():
                file.truncate(start)
                file.seek(start)
            done = self._copy(answer, file, start, total)
            with on_disk():
                os.fsync(file.fileno())
        if total is not None and done < total:
            raise Interrupted(f"the connection ended after {done} of {total} bytes")

    def _copy(self, answer: Any, file: io.FileIO, done: int, total: int | None) -> int:
        while chunk := answer.read1(CHUNK):
            if self.stop.is_set():
                raise Stopped
            done += len(chunk)
            if done > self.max_bytes:
                raise Impossible(f"the file has more than {self.max_bytes} bytes")
            with on_disk():
                _write(file, chunk)
            self.told(done, total)
        return done

    def _judge(self, code: int, have: int) -> None:
        if code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and have:
            # Complete already, or of another length than now: the digest decides which.
            return
        if code in (408, 425, 429) or code >= 500:
            raise Interrupted(f"the server answered {code}")
        raise (Refused if code in _REFUSALS else Impossible)(f"the server answered {code}")


@contextmanager
def on_disk() -> Iterator[None]:
    """Tell errors of the disk from those of the network: both are ``OSError``, and only the latter pass."""
    try:
        yield
    except OSError as error:
        raise UnwritableFile(error.strerror) from None


def _write(file: io.FileIO, chunk: bytes) -> None:
    rest = memoryview(chunk)
    while rest:
        rest = rest[file.write(rest) :]


def _extent(answer: Any, have: int) -> tuple[int, int | None]:
    """Return where the answer's bytes belong and how long the file is in all."""
    length = answer.headers.get("Content-Length")
    body = int(length) if length is not None and length.isdigit() else None
    if answer.status != http.HTTPStatus.PARTIAL_CONTENT:
        return 0, body
    given = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
    if given is None or int(given[1]) != have:
        raise Impossible("the server answered with a part that was not asked for")
    return have, None if body is None else have + body


def _opener() -> urllib.request.OpenerDirector:
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPErrorProcessor,
        # No file, ftp or data handler: a redirect cannot lead out of the web.
        urllib.request.HTTPRedirectHandler,
        urllib.request.UnknownHandler,
    ):
        opener.add_handler(handler())
    return opener


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
