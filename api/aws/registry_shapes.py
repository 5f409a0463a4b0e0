"""What several of the registry's shapes have in common: attributes, versions, what is said of groups."""

from __future__ import annotations

from typing import Annotated, ClassVar

from api.aws.shapes import IN_QUERY, Input, Output
from api.fields import Attributes, Counter, Flag, Text

VersionInQuery = Annotated[Counter | None, IN_QUERY]
FlagInQuery = Annotated[Flag, IN_QUERY]


class AttributePayload(Input):
    """Attributes that are laid over those there are (``merge``) or replace them; "" removes one."""

    attributes: Attributes | None = None
    merge: Flag = False


class Attributed(Output):
    """Attributes as they are kept."""

    NEVER_SENT: ClassVar = {"merge": "it is no property of what is kept"}

    attributes: dict[str, str]


class GroupNameAndArn(Output):
    group_name: str
    group_arn: str


class GroupProperties(Input):
    """What of a group is said; what is left out of an update stays as it is."""

    thing_group_description: Text | None = None
    attribute_payload: AttributePayload | None = None

    @property
    def attributes(self) -> dict[str, str] | None:
        return None if self.attribute_payload is None else self.attribute_payload.attributes

    @property
    def merge(self) -> bool:
        return self.attribute_payload is not None and self.attribute_payload.merge
