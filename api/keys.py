"""Operations on access keys: thin translations onto the verbs of the store."""

from __future__ import annotations

import logging

from api.call import Call
from api.key_schema import AccessKeyCreated, AccessKeyList, AccessKeyView, CreateAccessKey
from api.schema import Deleted
from api.shapes import Nothing, Paging
from storage import access_keys

_log = logging.getLogger(__name__)


async def create(call: Call[Nothing, CreateAccessKey]) -> AccessKeyCreated:
    asked = call.body
    issued = await call.store.write(
        access_keys.create,
        call.store.vault,
        asked.role,
        thing_name=asked.thing_name,
        description=asked.description,
        at=call.at,
    )
    key = issued.key
    _log.info("access key %s of the role %s issued by %s", key.key_id, key.role, call.actor)
    return AccessKeyCreated(
        access_key_id=key.key_id,
        secret_access_key=issued.secret,
        role=key.role,
        thing_name=key.thing_name,
    )


async def page(call: Call[Paging, Nothing]) -> AccessKeyList:
    found = await call.store.read(
        access_keys.page, max_results=call.query.max_results, next_token=call.query.next_token
    )
    views = tuple(
        AccessKeyView(
            access_key_id=key.key_id,
            role=key.role,
            thing_name=key.thing_name,
            description=key.description,
            created_at=key.created_at,
            last_used_at=key.last_used_at,
            revoked_at=key.revoked_at,
        )
        for key in found.items
    )
    return AccessKeyList(access_keys=views, next_token=found.next_token)


async def revoke(call: Call[Nothing, Nothing]) -> Deleted:
    key_id = call.path["accessKeyId"]
    await call.store.write(access_keys.revoke, key_id, at=call.at)
    _log.info("access key %s revoked by %s", key_id, call.actor)
    return Deleted()
