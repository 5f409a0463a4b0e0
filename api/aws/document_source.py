"""Documents by URL: of our own artifacts and of S3 buckets that the settings list, fetched once.

Nothing else is ever fetched: a URL that a caller chooses must not make this server speak to others.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote, urlsplit

from api.call import ApiOptions
from api.errors import shown
from domain import s3_objects
from domain.documents import MAX_BYTES
from domain.errors import InvalidRequest
from storage import artifacts
from storage.store import Store

#: As the contract has it (A.2).
MAX_URL: Final = 1350
_BUCKETS: Final = "THINGJOBS_S3_LINKED_BUCKETS"
_BASE: Final = "THINGJOBS_ARTIFACT_URL"


async def fetch(url: str, *, store: Store, options: ApiOptions) -> str:
    """Return the text that a ``documentSource`` names; what it says is for the verb to check.

    Raises ``InvalidRequest`` for a URL that is none of those that are fetched, or that leads to nothing,
    ``Unavailable``.
    """
    if not 1 <= len(url) <= MAX_URL:
        raise InvalidRequest(f"documentSource has {len(url)} characters; 1 to {MAX_URL} are allowed")
    found = await _artifact(url, store=store, options=options)
    if found is None:
        found = await _object(url, options)
    if found is None:
        raise InvalidRequest(
            f"documentSource {shown(url)} is not fetched: it is neither an artifact of this server "
            f"({_base(options)}/artifacts/NAME/content; setting {_BASE}) nor an object of a bucket that the "
            f"setting {_BUCKETS} lists"
        )
    try:
        return found.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"documentSource {shown(url)} is not UTF-8 at byte {error.start}") from None


def _base(options: ApiOptions) -> str:
    return "" if options.sources is None else options.sources.base().rstrip("/")


async def _artifact(url: str, *, store: Store, options: ApiOptions) -> bytes | None:
    """Return an artifact's content, None for another URL. No signature is asked for: the caller is known."""
    base = _base(options)
    if not base or options.artifacts is None or not url.startswith(f"{base}/artifacts/"):
        return None
    path = urlsplit(url).path.removeprefix(urlsplit(base).path)
    match path.split("/"):
        case ["", "artifacts", name, "content"]:
            artifact = await store.read(artifacts.find, unquote(name))
        case _:
            return None
    if artifact is None:
        raise InvalidRequest(f"documentSource {shown(url)}: there is no artifact {shown(unquote(name))}")
    _refuse_large(url, artifact.size)
    pieces = options.artifacts.contents.pieces(artifact.sha256, 0, artifact.size)
    return b"".join([piece async for piece in pieces])


async def _object(url: str, options: ApiOptions) -> bytes | None:
    named = s3_objects.parse(url)
    if named is None or options.sources is None or options.sources.read_object is None:
        return None
    if "?" in url or "#" in url:
        raise InvalidRequest(f"documentSource {shown(url)}: the URL of an object has no query here")
    found = await options.sources.read_object(named, limit=MAX_BYTES)
    if found is not None:
        _refuse_large(url, len(found))
    return found


def _refuse_large(url: str, size: int) -> None:
    if size > MAX_BYTES:
        raise InvalidRequest(
            f"documentSource {shown(url)} has {size} bytes; a document has at most {MAX_BYTES}"
        )
