"""Who may ask at all: the bearer key, or without one only this machine and no foreign web page."""

from __future__ import annotations

import hmac
import ipaddress
import re
from collections.abc import Set as AbstractSet
from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from api.call import ApiOptions
from api.errors import Refusal, shown

#: For probes and for devices that are yet to trust us: they carry no key and may call us by any name.
OPEN: Final = frozenset({"/healthz", "/readyz", "/authority/ca.pem"})
#: Carries a key of its own, the signature of its link, and takes as long as its reader does.
_DOWNLOAD: Final = re.compile(r"/artifacts/[^/]+/content")
#: The description of this API, which tells nothing of an installation; a browser has no key to show for it.
_DESCRIPTION: Final = re.compile(r"/openapi\.json|/docs(/[a-z0-9.-]+)?")
#: A host as HTTP writes it: a name or IPv4 address, or an IPv6 address in brackets; then perhaps a port.
_HOST: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::([0-9]{0,5}))?")
_LAST_PORT: Final = 65_535
_SAFE: Final = frozenset({hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS})


def guards(options: ApiOptions, in_flight: Gauge) -> Middleware:
    """Return the middleware that refuses strangers and takes no more than ``in_flight`` at a time."""
    key = None if options.api_key is None else options.api_key.encode()
    downloads = Gauge(options.downloads, "downloads are under way")

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path in OPEN:
            return await handler(request)
        # Undecoded, as the router takes it: an escaped slash divides nothing.
        fetches = request.method in _SAFE and _DOWNLOAD.fullmatch(request.rel_url.raw_path) is not None
        if fetches and "signature" in request.query:
            # Whoever holds a link may use it; whether it is one is for the operation to say.
            pass
        elif key is None:
            refuse_strangers(request, options.hosts)
        elif not _DESCRIPTION.fullmatch(request.path):
            _refuse_without(key, request)
        with downloads if fetches else in_flight:
            return await handler(request)

    return check


class Gauge:
    """Counts what goes on at a time, and refuses more."""

    def __init__(self, limit: int, what: str) -> None:
        self._limit = limit
        self._what = what
        self._now = 0

    def __enter__(self) -> None:
        if self._now >= self._limit:
            raise Refusal(503, f"{self._limit} {self._what} already", Retry_After="1")
        self._now += 1

    def __exit__(self, *_: object) -> None:
        self._now -= 1


def _refuse_without(key: bytes, request: web.Request) -> None:
    scheme, _, given = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    right = hmac.compare_digest(given.strip().encode(errors="surrogateescape"), key)
    if scheme.lower() != "bearer" or not right:
        reason = "this server needs an API key: Authorization: Bearer <key>"
        raise Refusal(401, reason, close=True, WWW_Authenticate='Bearer realm="thingjobs"')


def refuse_strangers(request: web.Request, hosts: frozenset[str]) -> None:
    """Refuse web pages of others, where whoever reaches us may do everything. Raises ``Refusal``."""
    _refuse_rebinding(request, hosts)
    _refuse_foreign_page(request)


def _refuse_rebinding(request: web.Request, hosts: frozenset[str]) -> None:
    """Refuse a name that somebody else's DNS points at us: a web page of theirs would count as ours."""
    ours = {"localhost", request.get_extra_info("sockname", (None,))[0], *hosts}
    _refuse_name(request.headers.get(hdrs.HOST, ""), ours)
    # Differs from the header if the request line holds a whole URL.
    _refuse_name(request.url.raw_authority, ours)


def _refuse_name(given: str, ours: AbstractSet[str]) -> None:
    host = _host(given)
    if host not in ours and not _is_loopback(host):
        raise Refusal(403, f"Host {shown(given)} is not a name of this server; use localhost", close=True)


def _refuse_foreign_page(request: web.Request) -> None:
    origin = request.headers.get(hdrs.ORIGIN)
    if origin is None or request.method in _SAFE:
        return
    if origin.partition("://")[2].lower() != request.headers.get(hdrs.HOST, "").lower():
        raise Refusal(403, f"Origin {shown(origin)} may not change anything here", close=True)


def _host(header: str) -> str:
    """Return the host without port and brackets, "" if that is none."""
    found = _HOST.fullmatch(header)
    if found is None or int(found[3] or 0) > _LAST_PORT:
        return ""
    return (found[1] or found[2]).lower()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
