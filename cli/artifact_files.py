"""Files to and from a server's artifacts: streamed, told of as they go, held to their digest."""

from __future__ import annotations

import hashlib
import http
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Final

from cli.errors import UsageRefused
from cli.rest import Rest, RestError
from domain.names import artifact_name

#: Is told the bytes so far and in all.
Told = Callable[[int, int], None]
_CHUNK: Final = 256 * 1024


class _Watched:
    """A file that tells how much of it was read."""

    def __init__(self, file: BinaryIO, size: int, told: Told) -> None:
        self._file = file
        self._size = size
        self._told = told
        self._done = 0

    def read(self, most: int = -1) -> bytes:
        # urllib asks for a few KB at a time; larger pieces are not worth their copies.
        chunk = self._file.read(most)
        self._done += len(chunk)
        self._told(self._done, self._size)
        return chunk


def upload(rest: Rest, path: Path, name: str, told: Told) -> dict[str, Any]:
    """Store a file under a name; return what the server says of it.

    What is there already is not sent again. Raises ``RestError``, ``UsageRefused``.
    """
    target = rest.path("artifacts", artifact_name(name))
    try:
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            there = _found(rest, target, sha256)
            if there is not None:
                return {**there, "created": False}
            size = file.tell()
            file.seek(0)
            return rest.send(f"{target}?sha256={sha256}", _Watched(file, size, told), size)
    except IsADirectoryError:
        raise UsageRefused(f"{path} is a directory") from None
    except FileNotFoundError:
        raise UsageRefused(f"there is no file {path}") from None
    except PermissionError:
        raise UsageRefused(f"the file {path} must not be read") from None


def _found(rest: Rest, target: str, sha256: str) -> dict[str, Any] | None:
    """Return what has the name if it is the same content. Raises ``RestError`` if it is another."""
    try:
        there = dict(rest.call("GET", target)["artifact"])
    except RestError as error:
        if error.status == http.HTTPStatus.NOT_FOUND:
            return None
        raise
    if there["sha256"] != sha256:
        raise RestError(
            f"artifact {there['artifactName']} exists with other content (sha256 {there['sha256']}); "
            "give this one another name (--name), or delete the old one first"
        )
    return there


def download(rest: Rest, name: str, target: Path, told: Told) -> dict[str, Any]:
    """Fetch an artifact into ``target``, which is only touched once the whole is there and right.

    Raises ``RestError``, ``UsageRefused``.
    """
    artifact = rest.call("GET", rest.path("artifacts", name))["artifact"]
    part = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with part.open("wb") as file:
            found = _copy(rest, rest.path("artifacts", name, "content"), file, artifact["size"], told)
        if found != artifact["sha256"]:
            raise RestError(f"the content of {name} has the sha256 {found}, not {artifact['sha256']}")
        part.replace(target)
    except (IsADirectoryError, NotADirectoryError, FileNotFoundError, PermissionError) as error:
        raise UsageRefused(f"cannot write {target}: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)
    return dict(artifact)


def _copy(rest: Rest, path: str, file: BinaryIO, size: int, told: Told) -> str:
    digest, done = hashlib.sha256(), 0
    with rest.stream(path) as answer:
        while chunk := answer.read(_CHUNK):
            digest.update(chunk)
            file.write(chunk)
            done += len(chunk)
            told(done, size)
    return digest.hexdigest()
