"""Operations on billing groups, which are labels of things here."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from api.aws import labels, names
from api.aws.billing_shapes import (
    AddBilledInput,
    BilledList,
    BillingGroupCreated,
    BillingGroupDescribed,
    BillingGroupList,
    BillingGroupMetadata,
    BillingGroupUpdated,
    CreateBillingGroupInput,
    DeleteBillingGroupInput,
    ListBilledInput,
    ListBillingGroupsInput,
    OneBillingGroupInput,
    PropertiesTold,
    RemoveBilledInput,
    UpdateBillingGroupInput,
)
from api.aws.errors import taken
from api.aws.operation import AwsCall, Operation, errors
from api.aws.registry_shapes import GroupNameAndArn
from api.aws.shapes import Empty
from domain.errors import AlreadyExists, NotFound
from domain.names import Arns
from domain.roles import Role
from storage import billing_groups


async def create(call: AwsCall[CreateBillingGroupInput]) -> BillingGroupCreated:
    name = call.given.billing_group_name
    arn = call.options.arns.billing_group(name)
    try:
        made = await call.store.write(
            billing_groups.create,
            name,
            description=call.given.billing_group_properties.billing_group_description,
            labels=labels.pairs(call.given.tags),
            at=call.at,
        )
    except AlreadyExists as error:
        raise taken(error, name, arn) from None
    return BillingGroupCreated(billing_group_name=name, billing_group_arn=arn, billing_group_id=made.group_id)


async def describe(call: AwsCall[OneBillingGroupInput]) -> BillingGroupDescribed:
    found = await call.store.read(billing_groups.get, call.given.billing_group_name)
    return BillingGroupDescribed(
        billing_group_name=found.group_name,
        billing_group_arn=call.options.arns.billing_group(found.group_name),
        billing_group_id=found.group_id,
        version=found.version,
        billing_group_properties=PropertiesTold(billing_group_description=found.description),
        billing_group_metadata=BillingGroupMetadata(creation_date=found.created_at),
    )


async def update(call: AwsCall[UpdateBillingGroupInput]) -> BillingGroupUpdated:
    given = call.given
    group = await call.store.write(
        billing_groups.update,
        given.billing_group_name,
        description=given.billing_group_properties.billing_group_description,
        expected_version=given.expected_version,
    )
    return BillingGroupUpdated(version=group.version)


async def delete(call: AwsCall[DeleteBillingGroupInput]) -> Empty:
    given = call.given
    # One that is not there is as good as deleted.
    with suppress(NotFound):
        await call.store.write(
            billing_groups.delete, given.billing_group_name, expected_version=given.expected_version
        )
    return Empty()


async def page(call: AwsCall[ListBillingGroupsInput]) -> BillingGroupList:
    given, arns = call.given, call.options.arns
    found = await call.store.browse(
        billing_groups.page,
        name_prefix=given.name_prefix_filter,
        max_results=given.max_results,
        next_token=given.next_token,
    )
    listed = tuple(
        GroupNameAndArn(group_name=name, group_arn=arns.billing_group(name)) for name in found.items
    )
    return BillingGroupList(billing_groups=listed, next_token=found.next_token)


async def add(call: AwsCall[AddBilledInput]) -> Empty:
    arns = call.options.arns
    await call.store.write(billing_groups.put, _thing(call.given, arns), _group(call.given, arns))
    return Empty()


async def remove(call: AwsCall[RemoveBilledInput]) -> Empty:
    given, arns = call.given, call.options.arns
    whichever = given.billing_group_name is None and given.billing_group_arn is None
    group = None if whichever else _group(given, arns)
    await call.store.write(billing_groups.take_out, _thing(given, arns), group)
    return Empty()


def _thing(given: AddBilledInput, arns: Arns) -> str:
    return names.either("thing", given.thing_name, given.thing_arn, member="thing", arns=arns)


def _group(given: AddBilledInput, arns: Arns) -> str:
    name, arn = given.billing_group_name, given.billing_group_arn
    return names.either("billinggroup", name, arn, member="billingGroup", arns=arns)


async def list_members(call: AwsCall[ListBilledInput]) -> BilledList:
    found = await call.store.browse(
        billing_groups.members,
        call.given.billing_group_name,
        max_results=call.given.max_results,
        next_token=call.given.next_token,
    )
    return BilledList(things=found.items, next_token=found.next_token)


_ONE: Final = "/billing-groups/{billingGroupName}"
OPERATIONS: Final = (
    Operation("CreateBillingGroup", "POST", _ONE, create, errors=errors("IR RAE TH IF"), role=Role.OPERATOR),
    Operation("DescribeBillingGroup", "GET", _ONE, describe, errors=errors("IR TH IF RNF")),
    Operation(
        "UpdateBillingGroup", "PATCH", _ONE, update, errors=errors("IR VC TH IF RNF"), role=Role.OPERATOR
    ),
    Operation("DeleteBillingGroup", "DELETE", _ONE, delete, errors=errors("IR VC TH IF"), role=Role.OPERATOR),
    Operation("ListBillingGroups", "GET", "/billing-groups", page, errors=errors("IR IF RNF TH")),
    Operation(
        "AddThingToBillingGroup", "PUT", "/billing-groups/addThingToBillingGroup", add,
        errors=errors("IR TH IF RNF"), role=Role.OPERATOR,
    ),
    Operation(
        "RemoveThingFromBillingGroup", "PUT", "/billing-groups/removeThingFromBillingGroup", remove,
        errors=errors("IR TH IF RNF"), role=Role.OPERATOR,
    ),
    Operation(
        "ListThingsInBillingGroup", "GET", f"{_ONE}/things", list_members, errors=errors("IR IF RNF TH")
    ),
)  # fmt: skip
