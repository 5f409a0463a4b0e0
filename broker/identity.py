"""Who is at the broker's door: what a connection shows, and who that turns out to be."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Credentials:
    """What CONNECT carried. Nothing here is trusted yet."""

    client_id: str
    username: str | None
    password: bytes | None = field(repr=False)
    #: Of the certificate that the client has proved to hold; then the other two mean nothing.
    certificate_id: str | None = None

    @property
    def name(self) -> str:
        """The user name without what AWS's SDKs say of themselves behind it (``?SDK=…``); may be empty."""
        return (self.username or "").partition("?")[0]


@dataclass(frozen=True, slots=True)
class Identity:
    """An authenticated thing, or a monitor under the name that ``domain.permissions.monitor`` gives it."""

    thing_name: str
    #: Whether it need not call itself by the thing's name.
    any_client_id: bool = False


#: Returns who it is, or None to refuse. Must not take long: a fleet reconnects all at once.
Authenticate = Callable[[Credentials], Awaitable[Identity | None]]
