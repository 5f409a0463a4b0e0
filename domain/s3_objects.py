"""Objects of S3 as documents name them: by a URL, in each spelling that AWS has for it (contract 1.8)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

_REGION: Final = r"(?:[.-](?P<region>[a-z]{2}(?:-[a-z]+)+-[0-9]+))?"
_AWS: Final = r"\.amazonaws\.com(?:\.cn)?"
_BUCKET: Final = r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
_SPELLINGS: Final = (
    re.compile(rf"https://s3{_REGION}{_AWS}/(?P<bucket>{_BUCKET})/(?P<key>.+)"),
    re.compile(rf"https://(?P<bucket>{_BUCKET})\.s3{_REGION}{_AWS}/(?P<key>.+)"),
)


@dataclass(frozen=True, slots=True)
class S3Object:
    """``region`` is None where the URL does not say."""

    bucket: str
    key: str
    region: str | None = None


def parse(url: str) -> S3Object | None:
    """Return the object that a URL names, None if it names none."""
    for spelling in _SPELLINGS:
        found = spelling.fullmatch(url)
        if found is not None:
            return S3Object(found["bucket"], unquote(found["key"]), found["region"])
    return None
