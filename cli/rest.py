"""A small client of our own REST API for the commands: standard library only, one line per error."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from http.client import HTTPException, InvalidURL
from pathlib import Path
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import Request, urlopen

from cli.private import read_secret
from domain.errors import JobsError

#: Seconds that a server may need to put a large file in its place.
_LONG: Final = 600


class RestError(JobsError):
    """The server answered with an error, or did not answer; ``status`` is None then."""

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(reason)
        self.status = status


class Rest:
    """Calls one server. Blocking: for commands, and for threads."""

    def __init__(self, url: str, key_file: Path | None = None, *, actor: str | None = None) -> None:
        if not url.startswith(("http://", "https://")):
            raise RestError(f"--url {url!r} is not an http address")
        self._url = url.rstrip("/")
        self._key = read_secret(key_file, "--api-key-file") if key_file is not None else None
        #: For whom the calls are made, as the timeline will tell it.
        self._actor = actor

    @staticmethod
    def path(*segments: str) -> str:
        return "/" + "/".join(quote(segment, safe="") for segment in segments)

    def call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Return the answer's members. Raises ``RestError`` with the server's own words."""
        data = None if body is None else json.dumps(body).encode()
        with self._answer(method, path, data, {"Content-Type": "application/json"}) as answer:
            return dict(json.load(answer))

    def send(self, path: str, file: Any, size: int) -> dict[str, Any]:
        """PUT what ``file`` reads; return the answer's members. Raises ``RestError``."""
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        with self._answer("PUT", path, file, headers, seconds=_LONG) as answer:
            return dict(json.load(answer))

    def stream(self, path: str) -> AbstractContextManager[Any]:
        """GET what is to be read piece by piece. Raises ``RestError``, also while it is read."""
        return self._answer("GET", path, None, {})

    @contextmanager
    def _answer(
        self, method: str, path: str, data: Any, headers: dict[str, str], *, seconds: float = 30
    ) -> Iterator[Any]:
        if self._key is not None:
            headers["Authorization"] = f"Bearer {self._key}"
        if self._actor is not None:
            headers["Thingjobs-Actor"] = self._actor
        request = Request(self._url + path, data=data, method=method, headers=headers)  # noqa: S310 - checked
        try:
            with urlopen(request, timeout=seconds) as answer:  # noqa: S310
                yield answer
        except HTTPError as error:
            raise RestError(_reason(error), error.code) from error
        except InvalidURL as error:
            raise RestError(f"--url {self._url!r} is not an http address: {error}") from None
        except (URLError, ConnectionError, TimeoutError, HTTPException) as error:
            reason = getattr(error, "reason", error)
            hint = "--url or THINGJOBS_URL says where the server is"
            raise RestError(f"no answer from {self._url}: {reason} ({hint})") from error

    def register(self, thing_name: str) -> None:
        """Register the thing unless it is there."""
        try:
            self.call("GET", self.path("things", thing_name))
        except RestError:
            self.call("POST", "/things", {"thingName": thing_name})

    def token(self, thing_name: str) -> str:
        """Register the thing if need be and return a new token for it."""
        self.register(thing_name)
        return str(self.call("POST", self.path("things", thing_name, "tokens"))["token"])


def _reason(error: HTTPError) -> str:
    try:
        return str(json.load(error)["error"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {error.code}"
