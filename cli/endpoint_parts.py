"""Where clients are told that this server is, from its settings (DescribeEndpoint of the AWS dialect)."""

from __future__ import annotations

import socket
from typing import Final
from urllib.parse import urlsplit

from api.endpoints import Endpoints
from cli.settings import Settings

#: What a listener is bound to that listens everywhere; no name to connect to.
_ANYWHERE: Final = ("0.0.0.0", "::", "[::]")  # noqa: S104 - to know it, not to bind to it


def endpoints_of(settings: Settings) -> Endpoints:
    """Return what is set, or the best that is known."""
    return Endpoints(
        mqtt=settings.mqtt_endpoint or _mqtt(settings), http=settings.http_endpoint or _http(settings)
    )


def _mqtt(settings: Settings) -> str:
    if settings.broker == "external":
        return settings.broker_host or "localhost"
    for name in settings.tls_names.split(","):
        # One with a * stands for many names, and is none.
        if name and "*" not in name:
            return name
    return _host(settings.mqtts_host if settings.mqtts else settings.mqtt_host)


def _http(settings: Settings) -> str:
    if settings.artifact_url is not None:
        return urlsplit(settings.artifact_url).netloc
    host = _host(settings.http_host)
    host = f"[{host}]" if ":" in host else host
    # A port that the system has chosen is known too late, and to nobody for long.
    return host if settings.http_port in (0, 443) else f"{host}:{settings.http_port}"


def _host(bound: str) -> str:
    return socket.gethostname() if bound in _ANYWHERE else bound
