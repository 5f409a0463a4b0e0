"""Bodies, queries and answers of the registry: our own paths beside the customer's, in the same manner."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from api.fields import (
    AttributeName,
    Attributes,
    AttributeValue,
    Counter,
    Flag,
    Members,
    QueryCounter,
    QueryFlag,
    Text,
    ThingName,
    ThingQuery,
    Time,
    TimeZone,
)
from api.presence import NOT_NULL
from api.shapes import Answer, Paging, Request
from domain.registry import GroupStatus

NamePrefix = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9:_-]{1,128}$")]


class CreateThing(Request):
    """A device that is to be known before any job names it."""

    thing_name: ThingName
    attributes: Attributes | None = None
    time_zone: TimeZone | None = None


class UpdateThing(Request):
    """`merge` lays the attributes over the old ones, else they replace them; "" removes a pair."""

    model_config = ConfigDict(
        json_schema_extra={"anyOf": [{"required": ["attributes"]}, {"required": ["timeZone"]}]}
    )

    attributes: Annotated[Attributes | None, NOT_NULL] = None
    merge: Annotated[Flag | None, NOT_NULL] = None
    time_zone: Annotated[TimeZone | None, NOT_NULL] = None
    expected_version: Counter | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.attributes is None and self.time_zone is None:
            raise ValueError("attributes or timeZone is required")
        return self


class ListThings(Paging):
    """``attributeName`` and ``attributeValue`` go together, ``query`` goes alone."""

    name_prefix: NamePrefix | None = None
    attribute_name: AttributeName | None = None
    attribute_value: AttributeValue | None = None
    query: ThingQuery | None = None

    @model_validator(mode="after")
    def _attribute_is_a_pair(self) -> Self:
        if (self.attribute_name is None) != (self.attribute_value is None):
            raise ValueError("attributeName and attributeValue are given together or not at all")
        if self.query is not None and (self.name_prefix, self.attribute_name) != (None, None):
            raise ValueError("query can say it all: leave out namePrefix, attributeName and attributeValue")
        return self

    @property
    def attribute(self) -> tuple[str, str] | None:
        if self.attribute_name is None or self.attribute_value is None:
            return None
        return self.attribute_name, self.attribute_value


class Expected(Request):
    """The version the caller says it saw, in the body of a DELETE."""

    expected_version: Counter | None = None


class ExpectedQuery(Request):
    """The same in the query, which wins."""

    expected_version: QueryCounter | None = None


class CreateGroup(Request):
    """A named set of things. It may lie inside one other group, or hold whatever meets a query."""

    model_config = ConfigDict(
        json_schema_extra={
            "not": {
                "properties": {"parentGroupName": {"type": "string"}, "queryString": {"type": "string"}},
                "required": ["parentGroupName", "queryString"],
            }
        }
    )

    thing_group_name: ThingName
    description: Text | None = None
    parent_group_name: ThingName | None = None
    time_zone: TimeZone | None = None
    query_string: ThingQuery | None = None


class UpdateGroup(Request):
    """Null takes the description or the time zone away; only a dynamic group has a query to change."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [{"required": [name]} for name in ("description", "timeZone", "queryString")]
        }
    )

    description: Text | None = None
    time_zone: TimeZone | None = None
    query_string: Annotated[ThingQuery | None, NOT_NULL] = None
    expected_version: Counter | None = None

    @property
    def changes(self) -> dict[str, str | None]:
        """Return what is given."""
        given = {"description": self.description, "time_zone": self.time_zone, "query": self.query_string}
        asked = {"query" if name == "query_string" else name for name in self.model_fields_set}
        return {name: value for name, value in given.items() if name in asked}

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.changes:
            raise ValueError("description, timeZone or queryString is required")
        return self


class ListGroups(Paging):
    """Groups by name."""

    name_prefix: NamePrefix | None = None


class ListMembers(Paging):
    """Members of the group alone, or also of the groups inside it."""

    recursive: QueryFlag | None = None


class ChangeMembers(Request):
    """Things to put into a group or to take out of it."""

    things: Members


class ThingView(Answer):
    """A device as the registry knows it."""

    thing_name: str
    thing_arn: str
    thing_id: str
    thing_type_name: Annotated[str | None, Field(description="As the AWS dialect has given it")]
    attributes: dict[str, str]
    time_zone: str | None
    version: int
    created_at: Time
    failures: Annotated[int, Field(description="Executions that failed or timed out since the last success")]
    quarantined_until: Annotated[Time | None, Field(description="It gets no new work before")]
    connected: Annotated[bool, Field(description="As far as the broker lets us know")]
    connection_changed_at: Annotated[Time | None, Field(description="Since when it is so")]
    last_seen_at: Annotated[Time | None, Field(description="When it was heard last, to the minute")]


class ThingCreated(Answer):
    created: Literal[True] = True
    thing_name: str
    thing_arn: str
    thing_id: str


class GotThing(Answer):
    thing: ThingView


class ThingList(Answer):
    things: tuple[ThingView, ...]
    next_token: str | None


class ThingChanged(Answer):
    """The thing or group has this version now."""

    updated: Literal[True] = True
    version: int


class LetOut(Answer):
    """The thing is not in quarantine, and its failures are forgotten."""

    released: Literal[True] = True


class TokenCreated(Answer):
    """The only time that the token is shown."""

    created: Literal[True] = True
    thing_name: str
    token: str


class TokensDeleted(Answer):
    deleted: Literal[True] = True
    revoked: int


class GroupView(Answer):
    """A set of things."""

    thing_group_name: str
    thing_group_arn: str
    thing_group_id: str
    description: str | None
    parent_group_name: str | None
    time_zone: str | None
    query_string: Annotated[str | None, Field(description="Of a dynamic group")]
    status: GroupStatus
    version: int
    created_at: Time


class GroupCreated(Answer):
    created: Literal[True] = True
    thing_group_name: str
    thing_group_arn: str
    thing_group_id: str


class GotGroup(Answer):
    thing_group: GroupView


class GroupList(Answer):
    thing_groups: tuple[GroupView, ...]
    next_token: str | None


class GroupNames(Answer):
    thing_groups: Annotated[tuple[str, ...], Field(description="Names")]
    next_token: str | None


class MemberNames(Answer):
    things: Annotated[tuple[str, ...], Field(description="Names")]
    next_token: str | None


class MembersAdded(Answer):
    updated: Literal[True] = True
    added: Annotated[int, Field(description="How many were not members before")]


class MembersRemoved(Answer):
    deleted: Literal[True] = True
    removed: Annotated[int, Field(description="How many were members before")]
