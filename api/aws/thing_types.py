"""Operations on thing types; unlike AWS's, one that is deprecated can be deleted at once."""

from __future__ import annotations

from typing import Any, Final

from api.aws import labels
from api.aws.errors import taken
from api.aws.operation import AwsCall, Operation, errors
from api.aws.shapes import Empty
from api.aws.thing_type_shapes import (
    CreateThingTypeInput,
    DeprecateInput,
    ListThingTypesInput,
    OneThingTypeInput,
    PropertiesTold,
    ThingTypeCreated,
    ThingTypeDefinition,
    ThingTypeDescribed,
    ThingTypeList,
    ThingTypeMetadata,
    UpdateThingTypeInput,
)
from domain.errors import AlreadyExists
from domain.names import Arns
from domain.registry import ThingType
from domain.roles import Role
from storage import thing_types


async def create(call: AwsCall[CreateThingTypeInput]) -> ThingTypeCreated:
    name, properties = call.given.thing_type_name, call.given.thing_type_properties
    arn = call.options.arns.thing_type(name)
    try:
        made = await call.store.write(
            thing_types.create,
            name,
            description=properties.thing_type_description,
            searchable=properties.searchable_attributes or (),
            labels=labels.pairs(call.given.tags),
            at=call.at,
        )
    except AlreadyExists as error:
        raise taken(error, name, arn) from None
    return ThingTypeCreated(thing_type_name=name, thing_type_arn=arn, thing_type_id=made.type_id)


async def describe(call: AwsCall[OneThingTypeInput]) -> ThingTypeDescribed:
    found = await call.store.read(thing_types.get, call.given.thing_type_name)
    return ThingTypeDescribed(**_definition(found, call.options.arns), thing_type_id=found.type_id)


async def update(call: AwsCall[UpdateThingTypeInput]) -> Empty:
    properties = call.given.thing_type_properties
    await call.store.write(
        thing_types.update,
        call.given.thing_type_name,
        description=properties.thing_type_description,
        searchable=properties.searchable_attributes,
    )
    return Empty()


async def page(call: AwsCall[ListThingTypesInput]) -> ThingTypeList:
    found = await call.store.browse(
        thing_types.page,
        name=call.given.thing_type_name,
        max_results=call.given.max_results,
        next_token=call.given.next_token,
    )
    shown = tuple(ThingTypeDefinition(**_definition(each, call.options.arns)) for each in found.items)
    return ThingTypeList(thing_types=shown, next_token=found.next_token)


async def deprecate(call: AwsCall[DeprecateInput]) -> Empty:
    given = call.given
    await call.store.write(
        thing_types.deprecate, given.thing_type_name, undo=given.undo_deprecate, at=call.at
    )
    return Empty()


async def delete(call: AwsCall[OneThingTypeInput]) -> Empty:
    await call.store.write(thing_types.delete, call.given.thing_type_name)
    return Empty()


def _definition(found: ThingType, arns: Arns) -> dict[str, Any]:
    return {
        "thing_type_name": found.type_name,
        "thing_type_arn": arns.thing_type(found.type_name),
        "thing_type_properties": PropertiesTold(
            thing_type_description=found.description,
            searchable_attributes=found.searchable_attributes or None,
        ),
        "thing_type_metadata": ThingTypeMetadata(
            deprecated=found.deprecated_at is not None,
            deprecation_date=found.deprecated_at,
            creation_date=found.created_at,
        ),
    }


_ERRORS: Final = errors("RNF IR TH UA SU IF")
OPERATIONS: Final = (
    Operation(
        "CreateThingType", "POST", "/thing-types/{thingTypeName}", create,
        errors=errors("IR TH UA SU IF RAE"), role=Role.OPERATOR,
    ),
    Operation("DescribeThingType", "GET", "/thing-types/{thingTypeName}", describe, errors=_ERRORS),
    Operation(
        "UpdateThingType", "PATCH", "/thing-types/{thingTypeName}", update,
        errors=_ERRORS, role=Role.OPERATOR,
    ),
    Operation("ListThingTypes", "GET", "/thing-types", page, errors=errors("IR TH UA SU IF")),
    Operation(
        "DeprecateThingType", "POST", "/thing-types/{thingTypeName}/deprecate", deprecate,
        errors=_ERRORS, role=Role.OPERATOR,
    ),
    Operation(
        "DeleteThingType", "DELETE", "/thing-types/{thingTypeName}", delete,
        errors=_ERRORS, role=Role.OPERATOR,
    ),
)  # fmt: skip
