"""Who calls an AWS plane and what that caller may do."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from api import callers
from api.aws import signature
from api.aws.errors import AwsError
from api.aws.signature import Sent
from api.call import ApiOptions
from api.guards import refuse_strangers
from domain.access_keys import is_key_id
from domain.errors import Unavailable
from domain.roles import Role, covers
from storage import access_keys
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
    """Return who has signed the request; raises ``AwsError`` with 403.

    An unknown key is told from a wrong signature, as AWS does, after the same work.
    """
    if options.insecure:
        refuse_strangers(request, options.hosts)
        return Principal(actor=callers.WITHOUT_KEY, role=Role.ADMIN)
    sent = Sent(
        method=request.method,
        target=request.raw_path,
        headers=tuple(request.headers.items()),
        body=raw,
    )
    claim, now = signature.read(sent), options.clock()
    signature.refuse_foreign(claim, region=options.arns.region, service=service, now=now)
    key_id = claim.key_id if is_key_id(claim.key_id) else ""
    key, secret = await store.read(access_keys.find, store.vault, key_id)
    right = signature.matches(claim, sent, secret)
    if key is None:
        reason = "the access key is unknown or was revoked; thingjobs keys create makes one"
        raise AwsError("UnrecognizedClientException", reason, status=403)
    if not right:
        reason = (
            f"the signature is not that of {key.key_id} for this request; a proxy on the way must leave "
            "the path and the header Host as they are"
        )
        raise AwsError("InvalidSignatureException", reason, status=403)
    if access_keys.is_news(key, now):
        # A full disk keeps nobody from looking.
        with suppress(Unavailable):
            await store.write(access_keys.note_use, key.key_id, at=now)
    return Principal(actor=key.key_id, role=key.role, thing_name=key.thing_name)


def authorize(principal: Principal, operation: Operation, path: Mapping[str, str]) -> None:
    """Raise ``AwsError`` unless the caller may do this; ``path`` are the members that the path says."""
    if not covers(principal.role, operation.role):
        raise _denied(f"{principal.actor} is {principal.role}, {operation.name} is for {operation.role}")
    if principal.role is Role.DEVICE and path.get("thingName") != principal.thing_name:
        raise _denied(f"{principal.actor} speaks for the thing {principal.thing_name} and for no other")


def _denied(reason: str) -> AwsError:
    return AwsError("AccessDeniedException", reason, status=403)
