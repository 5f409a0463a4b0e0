"""What is said and told about things (contract 1.2, 4.4)."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import model_validator

from api.aws.registry_shapes import AttributePayload, FlagInQuery, VersionInQuery
from api.aws.shapes import IN_QUERY, Approximated, Input, Output, Paging
from api.fields import AttributeName, AttributeValue, Counter, Flag, GroupName, ThingName

BilledTo = Annotated[GroupName | None, Approximated("a label; nothing is billed here")]


class CreateThingInput(Input):
    thing_name: ThingName
    thing_type_name: ThingName | None = None
    attribute_payload: AttributePayload | None = None
    billing_group_name: BilledTo = None


class ThingCreated(Output):
    thing_name: str
    thing_arn: str
    thing_id: str


class OneThingInput(Input):
    thing_name: ThingName


class ThingDescribed(ThingCreated):
    default_client_id: str
    thing_type_name: str | None = None
    attributes: dict[str, str]
    version: int
    billing_group_name: str | None = None


class UpdateThingInput(Input):
    thing_name: ThingName
    thing_type_name: ThingName | None = None
    attribute_payload: AttributePayload | None = None
    expected_version: Counter | None = None
    remove_thing_type: Flag = False

    @model_validator(mode="after")
    def _has_one_intent(self) -> Self:
        if self.remove_thing_type and self.thing_type_name is not None:
            raise ValueError("thingTypeName gives a type and removeThingType takes it away: give one of them")
        return self


class DeleteThingInput(Input):
    thing_name: ThingName
    expected_version: VersionInQuery = None


class ListThingsInput(Paging):
    """``attributeName`` and ``attributeValue`` go together."""

    attribute_name: Annotated[AttributeName | None, IN_QUERY] = None
    attribute_value: Annotated[AttributeValue | None, IN_QUERY] = None
    thing_type_name: Annotated[ThingName | None, IN_QUERY] = None
    use_prefix_attribute_value: FlagInQuery = False

    @model_validator(mode="after")
    def _attribute_is_a_pair(self) -> Self:
        if (self.attribute_name is None) != (self.attribute_value is None):
            raise ValueError("attributeName and attributeValue are given together or not at all")
        if self.use_prefix_attribute_value and self.attribute_value is None:
            raise ValueError("usePrefixAttributeValue needs attributeName and attributeValue")
        return self

    @property
    def attribute(self) -> tuple[str, str] | None:
        if self.attribute_name is None or self.attribute_value is None:
            return None
        return self.attribute_name, self.attribute_value


class ThingAttribute(Output):
    """A thing as lists show it."""

    thing_name: str
    thing_type_name: str | None = None
    thing_arn: str
    attributes: dict[str, str]
    version: int


class ThingList(Output):
    things: tuple[ThingAttribute, ...]
    next_token: str | None = None
