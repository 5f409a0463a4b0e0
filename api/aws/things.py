"""Operations on things: the limits are AWS's, the verbs those of our own registry (contract 4.4)."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from api.aws.errors import taken
from api.aws.operation import AwsCall, Operation, errors
from api.aws.shapes import Empty
from api.aws.thing_shapes import (
    CreateThingInput,
    DeleteThingInput,
    ListThingsInput,
    OneThingInput,
    ThingAttribute,
    ThingCreated,
    ThingDescribed,
    ThingList,
    UpdateThingInput,
)
from domain.errors import AlreadyExists, NotFound
from domain.registry import AWS_LIMITS
from domain.roles import Role
from storage import things


async def create(call: AwsCall[CreateThingInput]) -> ThingCreated:
    given, payload = call.given, call.given.attribute_payload
    arn = call.options.arns.thing(given.thing_name)
    try:
        thing = await call.store.write(
            things.create,
            given.thing_name,
            attributes=None if payload is None else payload.attributes,
            thing_type=given.thing_type_name,
            billing_group=given.billing_group_name,
            limits=AWS_LIMITS,
            at=call.at,
        )
    except AlreadyExists as error:
        raise taken(error, given.thing_name, arn) from None
    return ThingCreated(thing_name=thing.thing_name, thing_arn=arn, thing_id=thing.thing_id)


async def describe(call: AwsCall[OneThingInput]) -> ThingDescribed:
    thing = await call.store.read(things.get, call.given.thing_name)
    return ThingDescribed(
        default_client_id=thing.thing_name,
        thing_name=thing.thing_name,
        thing_id=thing.thing_id,
        thing_arn=call.options.arns.thing(thing.thing_name),
        thing_type_name=thing.thing_type,
        attributes=dict(thing.attributes),
        version=thing.version,
        billing_group_name=thing.billing_group,
    )


async def update(call: AwsCall[UpdateThingInput]) -> Empty:
    given, payload = call.given, call.given.attribute_payload
    await call.store.write(
        things.update,
        given.thing_name,
        attributes=None if payload is None else payload.attributes,
        merge=payload is not None and payload.merge,
        thing_type=given.thing_type_name,
        untype=given.remove_thing_type,
        expected_version=given.expected_version,
        limits=AWS_LIMITS,
        at=call.at,
    )
    return Empty()


async def delete(call: AwsCall[DeleteThingInput]) -> Empty:
    # One that is not there is as good as deleted.
    with suppress(NotFound):
        await call.store.write(
            things.delete,
            call.given.thing_name,
            expected_version=call.given.expected_version,
            limits=AWS_LIMITS,
            at=call.at,
        )
    return Empty()


async def page(call: AwsCall[ListThingsInput]) -> ThingList:
    given = call.given
    found = await call.store.browse(
        things.page,
        attribute=given.attribute,
        begins=given.use_prefix_attribute_value,
        thing_type=given.thing_type_name,
        max_results=given.max_results,
        next_token=given.next_token,
    )
    shown = tuple(
        ThingAttribute(
            thing_name=thing.thing_name,
            thing_type_name=thing.thing_type,
            thing_arn=call.options.arns.thing(thing.thing_name),
            attributes=dict(thing.attributes),
            version=thing.version,
        )
        for thing in found.items
    )
    return ThingList(things=shown, next_token=found.next_token)


OPERATIONS: Final = (
    Operation(
        "CreateThing", "POST", "/things/{thingName}", create,
        errors=errors("IR TH UA SU IF RAE RNF"), role=Role.OPERATOR,
    ),
    Operation("DescribeThing", "GET", "/things/{thingName}", describe, errors=errors("RNF IR TH UA SU IF")),
    Operation(
        "UpdateThing", "PATCH", "/things/{thingName}", update,
        errors=errors("IR VC TH UA SU IF RNF"), role=Role.OPERATOR,
    ),
    Operation(
        "DeleteThing", "DELETE", "/things/{thingName}", delete,
        errors=errors("RNF VC IR TH UA SU IF"), role=Role.OPERATOR,
    ),
    Operation("ListThings", "GET", "/things", page, errors=errors("IR TH UA SU IF")),
)  # fmt: skip
