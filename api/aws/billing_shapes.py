"""What is said and told about billing groups: labels of things, since nothing is billed here."""

from __future__ import annotations

from typing import Annotated

from api.aws.labels import Tag
from api.aws.registry_shapes import GroupNameAndArn, VersionInQuery
from api.aws.shapes import IN_QUERY, Epoch, Input, Output, Paging
from api.fields import Counter, GroupName, Text, ThingName


class BillingGroupProperties(Input):
    billing_group_description: Text | None = None


class CreateBillingGroupInput(Input):
    billing_group_name: GroupName
    billing_group_properties: BillingGroupProperties = BillingGroupProperties()
    tags: tuple[Tag, ...] = ()


class BillingGroupCreated(Output):
    billing_group_name: str
    billing_group_arn: str
    billing_group_id: str


class OneBillingGroupInput(Input):
    billing_group_name: GroupName


class PropertiesTold(Output):
    billing_group_description: str | None = None


class BillingGroupMetadata(Output):
    creation_date: Epoch


class BillingGroupDescribed(BillingGroupCreated):
    version: int
    billing_group_properties: PropertiesTold
    billing_group_metadata: BillingGroupMetadata


class UpdateBillingGroupInput(Input):
    billing_group_name: GroupName
    billing_group_properties: BillingGroupProperties
    expected_version: Counter | None = None


class BillingGroupUpdated(Output):
    version: int


class DeleteBillingGroupInput(Input):
    billing_group_name: GroupName
    expected_version: VersionInQuery = None


class ListBillingGroupsInput(Paging):
    name_prefix_filter: Annotated[GroupName | None, IN_QUERY] = None


class BillingGroupList(Output):
    billing_groups: tuple[GroupNameAndArn, ...]
    next_token: str | None = None


class AddBilledInput(Input):
    """A billing group and a thing, each by name or by ARN."""

    billing_group_name: GroupName | None = None
    billing_group_arn: str | None = None
    thing_name: ThingName | None = None
    thing_arn: str | None = None


class RemoveBilledInput(AddBilledInput):
    """The same, to end it; without a group it is the one that the thing is in."""


class ListBilledInput(Paging):
    billing_group_name: GroupName


class BilledList(Output):
    things: tuple[str, ...]
    next_token: str | None = None
