"""Operations on the index of things: it is always there, and searched by the queries of dynamic groups."""

from __future__ import annotations

from typing import Final

from api.aws.account_shapes import NothingInput
from api.aws.groups import check_version
from api.aws.indexing_shapes import (
    Connectivity,
    Found,
    Indexing,
    SearchInput,
    ThingFound,
    UpdateIndexingInput,
)
from api.aws.operation import AwsCall, Operation, errors
from api.aws.shapes import Empty
from domain.registry import Thing
from domain.roles import Role
from storage import members, things
from storage.millis import to_millis
from storage.pages import MAX_RESULTS


async def update(call: AwsCall[UpdateIndexingInput]) -> Empty:
    """Take what is done here anyway; the rest was refused with the input."""
    del call
    return Empty()


async def get(call: AwsCall[NothingInput]) -> Indexing:
    del call
    return Indexing()


async def search(call: AwsCall[SearchInput]) -> Found:
    given = call.given
    check_version(given.query_version)
    found = await call.store.browse(
        things.search,
        given.query_string,
        max_results=min(given.max_results, MAX_RESULTS),
        next_token=given.next_token,
    )
    groups = await call.store.browse(members.of_things, [thing.thing_name for thing in found.items])
    return Found(
        things=tuple(_found(thing, groups.get(thing.thing_name, [])) for thing in found.items),
        next_token=found.next_token,
    )


def _found(thing: Thing, groups: list[str]) -> ThingFound:
    changed = thing.connection_changed_at
    return ThingFound(
        thing_name=thing.thing_name,
        thing_id=thing.thing_id,
        thing_type_name=thing.thing_type,
        thing_group_names=tuple(groups),
        attributes=dict(thing.attributes),
        connectivity=Connectivity(
            connected=thing.connected, timestamp=None if changed is None else to_millis(changed)
        ),
    )


_COMMON: Final = "IR TH UA SU IF"
OPERATIONS: Final = (
    Operation(
        "UpdateIndexingConfiguration", "POST", "/indexing/config", update,
        errors=errors(_COMMON), role=Role.OPERATOR,
    ),
    Operation("GetIndexingConfiguration", "GET", "/indexing/config", get, errors=errors(_COMMON)),
    Operation("SearchIndex", "POST", "/indices/search", search, errors=errors(f"{_COMMON} RNF IQ")),
)  # fmt: skip
