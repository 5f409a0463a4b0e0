"""Who calls an AWS plane and what that caller may do."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import web

from api import callers
from api.aws import signature
from api.aws.errors import AwsError
from api.aws.signature import Claim, Sent
from api.call import ApiOptions
from api.guards import refuse_strangers
from domain.access_keys import AccessKey, is_key_id
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A key that a request says it is signed with, and what it says. Nothing is proven yet."""

    claim: Claim
    key: AccessKey
    secret: str = field(repr=False)


async def recognise(request: web.Request, *, service: str, store: Store, options: ApiOptions) -> Known | None:
    """Return whose key a request names, before its body is waited for: strangers are to take up no room.

    None: this server asks nobody. Raises ``AwsError`` with 403. An unknown key is told from a wrong
    signature, as AWS does, after the same work.
    """
    if options.insecure:
        refuse_strangers(request, options.hosts)
        return None
    sent = _sent(request, b"")
    claim, now = signature.read(sent), options.clock()
    signature.refuse_foreign(claim, region=options.arns.region, service=service, now=now)
    key_id = claim.key_id if is_key_id(claim.key_id) else ""
    key, secret = await store.read(access_keys.find, store.vault, key_id)
    if key is None:
        signature.matches(claim, sent, secret)
        raise _unknown()
    return Known(claim=claim, key=key, secret=secret)


async def admit(
    request: web.Request, raw: bytes, known: Known | None, *, store: Store, options: ApiOptions
) -> Principal:
    """Return who has signed the request with this body; raises ``AwsError`` with 403."""
    if known is None:
        return Principal(actor=callers.WITHOUT_KEY, role=Role.ADMIN)
    key, sent = known.key, _sent(request, raw)
    signature.refuse_other_body(sent)
    if not signature.matches(known.claim, sent, known.secret):
        reason = (
            f"the signature is not that of {key.key_id} for this request; a proxy on the way must leave "
            "the path and the header Host as they are"
        )
        raise AwsError("InvalidSignatureException", reason, status=403)
    # A body may be long in coming; whoever revokes a key, or deletes its thing, means at once.
    if raw and not await store.read(access_keys.is_valid, key.key_id):
        raise _unknown()
    now = options.clock()
    if access_keys.is_news(key, now):
        # A full disk keeps nobody from looking.
        with suppress(Unavailable):
            await store.write(access_keys.note_use, key.key_id, at=now)
    return Principal(actor=key.key_id, role=key.role, thing_name=key.thing_name)


def _sent(request: web.Request, raw: bytes) -> Sent:
    return Sent(
        method=request.method,
        target=request.raw_path,
        headers=tuple(request.headers.items()),
        body=raw,
    )


def authorize(principal: Principal, operation: Operation, path: Mapping[str, str]) -> None:
    """Raise ``AwsError`` unless the caller may do this; ``path`` are the members that the path says."""
    if not covers(principal.role, operation.role):
        raise _denied(f"{principal.actor} is {principal.role}, {operation.name} is for {operation.role}")
    if principal.role is Role.DEVICE and path.get("thingName") != principal.thing_name:
        raise _denied(f"{principal.actor} speaks for the thing {principal.thing_name} and for no other")


def _unknown() -> AwsError:
    reason = "the access key is unknown or was revoked; thingjobs keys create makes one"
    return AwsError("UnrecognizedClientException", reason, status=403)


def _denied(reason: str) -> AwsError:
    return AwsError("AccessDeniedException", reason, status=403)
