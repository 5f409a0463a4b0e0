"""Who calls an AWS plane and what that caller may do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from api.aws.errors import AwsError
from api.aws.shapes import Input
from api.call import ApiOptions
from domain.roles import Role
from storage.store import Store

if TYPE_CHECKING:
    from api.aws.operation import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who has signed a request. ``actor`` is how timelines name it (domain.acts)."""

    actor: str
    role: Role
    #: The one thing that the role DEVICE speaks for.
    thing_name: str | None = None


async def admit(
    request: web.Request, raw: bytes, *, service: str, store: Store, options: ApiOptions
) -> Principal:
    """Return who has signed the request; raises ``AwsError`` with 403."""
    del request, raw, service, store
    if not options.insecure:
        raise AwsError("MissingAuthenticationTokenException", "the request is not signed", status=403)
    return Principal(actor="local", role=Role.ADMIN)


def authorize(principal: Principal, operation: Operation, given: Input) -> None:
    """Raise ``AwsError`` unless the caller may do this."""
    del principal, operation, given
