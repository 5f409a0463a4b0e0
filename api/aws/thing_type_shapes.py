"""What is said and told about thing types."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field

from api.aws.labels import Tag
from api.aws.shapes import IN_QUERY, Approximated, Epoch, Input, NotHonoured, Output, Paging
from api.fields import AttributeName, Flag, Text, ThingName
from domain.registry import MAX_SEARCHABLE

_Mqtt5 = Annotated[Any, NotHonoured("messages of devices get no user properties from the registry")]


class ThingTypeProperties(Input):
    thing_type_description: Text | None = None
    searchable_attributes: Annotated[
        Annotated[tuple[AttributeName, ...], Field(max_length=MAX_SEARCHABLE)] | None,
        Approximated("kept and shown; things are found by any attribute"),
    ] = None
    mqtt5_configuration: _Mqtt5 = None


class CreateThingTypeInput(Input):
    thing_type_name: ThingName
    thing_type_properties: ThingTypeProperties = ThingTypeProperties()
    tags: tuple[Tag, ...] = ()


class ThingTypeCreated(Output):
    thing_type_name: str
    thing_type_arn: str
    thing_type_id: str


class OneThingTypeInput(Input):
    thing_type_name: ThingName


class PropertiesTold(Output):
    NEVER_SENT: ClassVar = {"mqtt5Configuration": "there is none"}

    thing_type_description: str | None = None
    searchable_attributes: tuple[str, ...] | None = None


class ThingTypeMetadata(Output):
    deprecated: bool
    deprecation_date: Epoch | None = None
    creation_date: Epoch


class ThingTypeDefinition(Output):
    """A type as lists show it."""

    thing_type_name: str
    thing_type_arn: str
    thing_type_properties: PropertiesTold
    thing_type_metadata: ThingTypeMetadata


class ThingTypeDescribed(ThingTypeDefinition):
    thing_type_id: str


class UpdateThingTypeInput(Input):
    """What is left out stays as it is."""

    thing_type_name: ThingName
    thing_type_properties: ThingTypeProperties = ThingTypeProperties()


class ListThingTypesInput(Paging):
    thing_type_name: Annotated[ThingName | None, IN_QUERY] = None


class ThingTypeList(Output):
    thing_types: tuple[ThingTypeDefinition, ...]
    next_token: str | None = None


class DeprecateInput(Input):
    thing_type_name: ThingName
    undo_deprecate: Flag = False
