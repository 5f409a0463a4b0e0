"""Bodies that are no JSON: an upload as it comes in, and a content as it goes out, by ranges if asked."""

from __future__ import annotations

import asyncio
import base64
import logging
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from typing import Any, ClassVar, Final

from aiohttp import hdrs, web
from pydantic import PrivateAttr

from api.bodies import refuse_encoded
from api.connection import unsent
from api.errors import Refusal
from api.headers import REQUEST_ID_OF, dress
from api.shapes import Answer, Request
from domain.artifacts import Artifact
from domain.errors import Unavailable

_log = logging.getLogger(__name__)
PLAIN: Final = "application/octet-stream"
_MEDIA_TYPE: Final = re.compile(r"[a-z0-9!#$&^_.+-]{1,64}/[a-z0-9!#$&^_.+-]{1,64}")
#: What curl says of everything that it is given with --data-binary.
_MEANS_NOTHING: Final = "application/x-www-form-urlencoded"
_RANGE: Final = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
#: Seconds in which a client takes none of its answer until it is given up.
SILENCE: Final = 75.0


class Upload(Request):
    """The body of a request, unread."""

    binary: ClassVar[bool] = True
    _request: web.Request = PrivateAttr()
    _seconds: float = PrivateAttr()

    @classmethod
    def of(cls, request: web.Request, *, seconds: float) -> Upload:
        """Wrap the body; ``seconds`` is how long it may be silent. Raises ``Refusal`` if it is encoded."""
        refuse_encoded(request)
        upload = cls()
        upload._request, upload._seconds = request, seconds
        return upload

    @property
    def length(self) -> int | None:
        return self._request.content_length

    @property
    def content_type(self) -> str:
        given = self._request.content_type.lower()
        return given if _MEDIA_TYPE.fullmatch(given) and given != _MEANS_NOTHING else PLAIN

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes. Raises ``Refusal`` if it stops coming or is not framed as HTTP."""
        try:
            while True:
                async with asyncio.timeout(self._seconds):
                    chunk = await self._request.content.readany()
                if not chunk:
                    return
                yield chunk
        except TimeoutError:
            reason = f"nothing of the body came for {self._seconds:g} seconds"
            raise Refusal(408, reason, close=True) from None
        except (web.RequestPayloadError, ConnectionError) as error:
            raise Refusal(400, "the body is not framed as HTTP asks, or ended early", close=True) from error


class Content(Answer):
    """The bytes of an artifact, or those that are asked for."""

    binary: ClassVar[bool] = True
    _artifact: Artifact = PrivateAttr()
    _pieces: Callable[[str, int, int], AsyncGenerator[bytes, None]] = PrivateAttr()

    @classmethod
    def of(
        cls, artifact: Artifact, pieces: Callable[[str, int, int], AsyncGenerator[bytes, None]]
    ) -> Content:
        content = cls()
        content._artifact, content._pieces = artifact, pieces
        return content

    async def send(self, request: web.Request) -> web.StreamResponse:
        """Answer while the request is at work: its own clock runs, not that of idle connections."""
        artifact = self._artifact
        etag = f'"{artifact.sha256}"'
        if etag in _tags(request, hdrs.IF_NONE_MATCH):
            return web.Response(status=304, headers={"ETag": etag})
        asked = _range(request, etag, artifact.size)
        first, count = asked or (0, artifact.size)
        response = web.StreamResponse(status=206 if asked else 200, headers=_headers(artifact, etag))
        response.content_length = count
        if asked:
            response.headers[hdrs.CONTENT_RANGE] = f"bytes {first}-{first + count - 1}/{artifact.size}"
        dress(response, request[REQUEST_ID_OF])
        if request.method == hdrs.METH_HEAD:
            await response.prepare(request)
            return response
        async with aclosing(self._pieces(artifact.sha256, first, count)) as pieces:
            # Read before the answer begins: what cannot be read at all is a failure that can still be told.
            piece = await anext(pieces, b"")
            await response.prepare(request)
            await _stream(request, response, piece, pieces)
        return response


async def _stream(
    request: web.Request, response: web.StreamResponse, piece: bytes, pieces: AsyncIterator[bytes]
) -> None:
    try:
        while piece:
            await _give(request, response, piece)
            piece = await anext(pieces, b"")
        await response.write_eof()
    except (ConnectionError, TimeoutError, Unavailable) as error:
        # The head promised more bytes than there will be: the end of the connection says so.
        _log.info("a download of %s ended early: %s", request.path, error or "the client took nothing of it")
        if request.transport is not None:
            request.transport.abort()


async def _give(request: web.Request, response: web.StreamResponse, piece: bytes) -> None:
    """Write; whoever takes a little of it now and then is slow and not dead. Raises ``TimeoutError``."""
    writing = asyncio.ensure_future(response.write(piece))
    try:
        while True:
            before = _unsent(request)
            await asyncio.wait([writing], timeout=SILENCE)
            if writing.done():
                return writing.result()
            if _unsent(request) == before:
                raise TimeoutError
    finally:
        writing.cancel()


def _unsent(request: web.Request) -> int:
    return 0 if request.transport is None else unsent(request.transport)


def _headers(artifact: Artifact, etag: str) -> Mapping[str, Any]:
    digest = base64.b64encode(bytes.fromhex(artifact.sha256)).decode()
    return {
        "Content-Type": artifact.content_type,
        # Names hold nothing that would have to be quoted.
        "Content-Disposition": f'attachment; filename="{artifact.name}"',
        "Accept-Ranges": "bytes",
        "ETag": etag,
        "Repr-Digest": f"sha-256=:{digest}:",
    }


def _range(request: web.Request, etag: str, size: int) -> tuple[int, int] | None:
    """Return the first byte that is asked for and how many, None for all.

    A Range that is not one range is passed over (RFC 9110). Raises ``Refusal`` for one beyond the end.
    """
    asked = _RANGE.fullmatch(request.headers.get(hdrs.RANGE, "").strip())
    if asked is None or not any(asked.groups()) or request.headers.get(hdrs.IF_RANGE, etag).strip() != etag:
        return None
    if not asked[1]:
        first, last = max(size - int(asked[2]), 0), size - 1
    else:
        first, last = int(asked[1]), min(int(asked[2] or size), size - 1)
        if asked[2] and int(asked[2]) < first:
            return None
    if not first <= last:
        raise Refusal(416, f"the content has {size} bytes", Content_Range=f"bytes */{size}")
    return first, last - first + 1


def _tags(request: web.Request, header: str) -> set[str]:
    return {tag.strip().removeprefix("W/") for tag in request.headers.get(header, "").split(",")}
