"""What is said and told about thing groups, static and dynamic, and who is in them (contract 1.3, 4.4)."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from api.aws.labels import Tag
from api.aws.registry_shapes import Attributed, FlagInQuery, GroupNameAndArn, GroupProperties, VersionInQuery
from api.aws.shapes import IN_QUERY, Approximated, Epoch, Input, Output, Paging
from api.fields import Counter, Flag, GroupName, ThingName
from domain.query import MAX_TERMS

INDEX: Final = "AWS_Things"
QUERY_VERSION: Final = "2017-09-30"

IndexName = Annotated[Literal["AWS_Things"] | None, Field(description="There is one index")]
QueryString = Annotated[
    str,
    Field(min_length=1),
    Approximated(
        f"thingName, thingTypeName, attributes.NAME, connectivity.connected; at most {MAX_TERMS} terms "
        "(docs/groups.md)"
    ),
]
_Override = Annotated[
    Flag,
    Approximated(
        "dynamic groups take none of a thing's ten places here, so that none of them ever has to give way"
    ),
]


class CreateGroupInput(Input):
    thing_group_name: GroupName
    parent_group_name: GroupName | None = None
    thing_group_properties: GroupProperties = GroupProperties()
    tags: tuple[Tag, ...] = ()


class GroupCreated(Output):
    thing_group_name: str
    thing_group_arn: str
    thing_group_id: str


class OneGroupInput(Input):
    thing_group_name: GroupName


class PropertiesTold(Output):
    thing_group_description: str | None = None
    attribute_payload: Attributed | None = None


class GroupMetadata(Output):
    parent_group_name: str | None = None
    root_to_parent_thing_groups: tuple[GroupNameAndArn, ...] | None = None
    creation_date: Epoch


class GroupDescribed(GroupCreated):
    """The last four are those of a dynamic group."""

    version: int
    thing_group_properties: PropertiesTold
    thing_group_metadata: GroupMetadata
    index_name: str | None = None
    query_string: str | None = None
    query_version: str | None = None
    status: str | None = None


class UpdateGroupInput(Input):
    thing_group_name: GroupName
    thing_group_properties: GroupProperties
    expected_version: Counter | None = None


class GroupUpdated(Output):
    version: int


class DeleteGroupInput(Input):
    thing_group_name: GroupName
    expected_version: VersionInQuery = None


class ListGroupsInput(Paging):
    """Without ``recursive`` all groups, or with a parent those directly inside."""

    parent_group: Annotated[GroupName | None, IN_QUERY] = None
    name_prefix_filter: Annotated[GroupName | None, IN_QUERY] = None
    recursive: Annotated[Flag | None, IN_QUERY] = None


class GroupList(Output):
    thing_groups: tuple[GroupNameAndArn, ...]
    next_token: str | None = None


class CreateDynamicInput(Input):
    thing_group_name: GroupName
    thing_group_properties: GroupProperties = GroupProperties()
    index_name: IndexName = None
    query_string: QueryString
    query_version: str | None = None
    tags: tuple[Tag, ...] = ()


class DynamicCreated(GroupCreated):
    index_name: str = INDEX
    query_string: str
    query_version: str = QUERY_VERSION


class UpdateDynamicInput(UpdateGroupInput):
    index_name: IndexName = None
    query_string: QueryString | None = None
    query_version: str | None = None


class AddInput(Input):
    """A group and a thing, each by name or by ARN."""

    thing_group_name: GroupName | None = None
    thing_group_arn: str | None = None
    thing_name: ThingName | None = None
    thing_arn: str | None = None
    override_dynamic_groups: _Override = False


class RemoveInput(Input):
    """The same, to end it."""

    thing_group_name: GroupName | None = None
    thing_group_arn: str | None = None
    thing_name: ThingName | None = None
    thing_arn: str | None = None


class ChangeInput(Input):
    """All that changes for one thing, as one step."""

    thing_name: ThingName | None = None
    thing_groups_to_add: tuple[GroupName, ...] = ()
    thing_groups_to_remove: tuple[GroupName, ...] = ()
    override_dynamic_groups: _Override = False


class ListMembersInput(Paging):
    thing_group_name: GroupName
    recursive: FlagInQuery = False


class MemberList(Output):
    things: tuple[str, ...]
    next_token: str | None = None


class GroupsOfInput(Paging):
    thing_name: ThingName
