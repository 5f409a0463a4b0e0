"""Operations on things and their tokens: thin translations onto the verbs of the store."""

from __future__ import annotations

from api.call import Call
from api.registry_schema import (
    CreateThing,
    Expected,
    ExpectedQuery,
    GotThing,
    GroupNames,
    LetOut,
    ListThings,
    ThingChanged,
    ThingCreated,
    ThingList,
    TokenCreated,
    TokensDeleted,
    UpdateThing,
)
from api.schema import Deleted
from api.shapes import Nothing, Paging
from api.views import thing_view
from storage import members, things, tokens


async def create(call: Call[Nothing, CreateThing]) -> ThingCreated:
    thing = await call.store.write(
        things.create,
        call.body.thing_name,
        attributes=call.body.attributes or {},
        time_zone=call.body.time_zone,
        at=call.at,
    )
    return ThingCreated(
        thing_name=thing.thing_name,
        thing_arn=call.options.arns.thing(thing.thing_name),
        thing_id=thing.thing_id,
    )


async def get(call: Call[Nothing, Nothing]) -> GotThing:
    found = await call.store.read(things.get, call.path["thingName"])
    return GotThing(thing=thing_view(found, call.options.arns, at=call.at))


async def page(call: Call[ListThings, Nothing]) -> ThingList:
    asked = call.query
    if asked.query is not None:
        found = await call.store.browse(
            things.search, asked.query, max_results=asked.max_results, next_token=asked.next_token
        )
    else:
        found = await call.store.browse(
            things.page,
            name_prefix=asked.name_prefix,
            attribute=asked.attribute,
            max_results=asked.max_results,
            next_token=asked.next_token,
        )
    views = tuple(thing_view(thing, call.options.arns, at=call.at) for thing in found.items)
    return ThingList(things=views, next_token=found.next_token)


async def update(call: Call[Nothing, UpdateThing]) -> ThingChanged:
    asked = call.body
    thing = await call.store.write(
        things.update,
        call.path["thingName"],
        attributes=asked.attributes,
        merge=bool(asked.merge),
        time_zone=asked.time_zone,
        expected_version=asked.expected_version,
        at=call.at,
    )
    return ThingChanged(version=thing.version)


async def delete(call: Call[ExpectedQuery, Expected]) -> Deleted:
    inside, before = call.body.expected_version, call.query.expected_version
    expected = inside if before is None else before
    await call.store.write(things.delete, call.path["thingName"], expected_version=expected, at=call.at)
    return Deleted()


async def issue_token(call: Call[Nothing, Nothing]) -> TokenCreated:
    name = call.path["thingName"]
    return TokenCreated(thing_name=name, token=await call.store.write(tokens.issue, name, at=call.at))


async def revoke_tokens(call: Call[Nothing, Nothing]) -> TokensDeleted:
    name = call.path["thingName"]
    await call.store.read(things.get, name)
    return TokensDeleted(revoked=await call.store.write(tokens.revoke, name, at=call.at))


async def let_out(call: Call[Nothing, Nothing]) -> LetOut:
    await call.store.write(things.let_out, call.path["thingName"])
    return LetOut()


async def groups_of(call: Call[Paging, Nothing]) -> GroupNames:
    found = await call.store.browse(
        members.of_thing,
        call.path["thingName"],
        max_results=call.query.max_results,
        next_token=call.query.next_token,
    )
    return GroupNames(thing_groups=found.items, next_token=found.next_token)
