"""A small client of our own REST API for the commands: standard library only, one line per error."""

from __future__ import annotations

import json
from http.client import InvalidURL
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import Request, urlopen

from cli.private import read_secret
from domain.errors import JobsError


class RestError(JobsError):
    """The server answered with an error, or did not answer."""


class Rest:
    """Calls one server. Blocking: for commands, and for threads."""

    def __init__(self, url: str, key_file: Path | None = None) -> None:
        if not url.startswith(("http://", "https://")):
            raise RestError(f"--url {url!r} is not an http address")
        self._url = url.rstrip("/")
        self._key = read_secret(key_file, "--api-key-file") if key_file is not None else None

    @staticmethod
    def path(*segments: str) -> str:
        return "/" + "/".join(quote(segment, safe="") for segment in segments)

    def call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Return the answer's members. Raises ``RestError`` with the server's own words."""
        headers = {"Content-Type": "application/json"}
        if self._key is not None:
            headers["Authorization"] = f"Bearer {self._key}"
        data = None if body is None else json.dumps(body).encode()
        request = Request(self._url + path, data=data, method=method, headers=headers)  # noqa: S310 - checked
        try:
            with urlopen(request, timeout=30) as answer:  # noqa: S310
                return dict(json.load(answer))
        except HTTPError as error:
            raise RestError(_reason(error)) from error
        except InvalidURL as error:
            raise RestError(f"--url {self._url!r} is not an http address: {error}") from None
        except (URLError, OSError) as error:
            reason = getattr(error, "reason", error)
            raise RestError(f"no answer from {self._url}: {reason}") from error

    def token(self, thing_name: str) -> str:
        """Register the thing if need be and return a new token for it."""
        try:
            self.call("GET", self.path("things", thing_name))
        except RestError:
            self.call("POST", "/things", {"thingName": thing_name})
        return str(self.call("POST", self.path("things", thing_name, "tokens"))["token"])


def _reason(error: HTTPError) -> str:
    try:
        return str(json.load(error)["error"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {error.code}"
