"""Operations on thing groups, static and dynamic (contract 1.3, 4.4)."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

from api.aws import labels
from api.aws.errors import taken
from api.aws.group_shapes import (
    INDEX,
    QUERY_VERSION,
    CreateDynamicInput,
    CreateGroupInput,
    DeleteGroupInput,
    DynamicCreated,
    GroupCreated,
    GroupDescribed,
    GroupList,
    GroupMetadata,
    GroupUpdated,
    ListGroupsInput,
    OneGroupInput,
    PropertiesTold,
    UpdateDynamicInput,
    UpdateGroupInput,
)
from api.aws.operation import AwsCall, Operation, errors
from api.aws.registry_shapes import Attributed, GroupNameAndArn, GroupProperties
from api.aws.shapes import Empty
from domain.errors import AlreadyExists, Departing, InvalidQuery, NotFound
from domain.names import Arns
from domain.registry import AWS_LIMITS, Group
from domain.roles import Role
from storage import groups, hierarchy


async def create(call: AwsCall[CreateGroupInput]) -> GroupCreated:
    made = await _create(call, parent_name=call.given.parent_group_name)
    return GroupCreated(**_named(made, call.options.arns))


async def create_dynamic(call: AwsCall[CreateDynamicInput]) -> DynamicCreated:
    check_version(call.given.query_version)
    made = await _create(call, query=call.given.query_string)
    return DynamicCreated(**_named(made, call.options.arns), query_string=call.given.query_string)


async def _create(call: AwsCall[CreateGroupInput] | AwsCall[CreateDynamicInput], **kind: str | None) -> Group:
    name, properties = call.given.thing_group_name, call.given.thing_group_properties
    try:
        return await call.store.write(
            groups.create,
            name,
            description=properties.thing_group_description or None,
            attributes=properties.attributes,
            labels=labels.pairs(call.given.tags),
            limits=AWS_LIMITS,
            at=call.at,
            **kind,
        )
    except AlreadyExists as error:
        raise taken(error, name, call.options.arns.group(name)) from None


async def describe(call: AwsCall[OneGroupInput]) -> GroupDescribed:
    name, arns = call.given.thing_group_name, call.options.arns
    group, around = await call.store.read(hierarchy.placed, name)
    way = tuple(GroupNameAndArn(group_name=each, group_arn=arns.group(each)) for each in around)
    return GroupDescribed(
        **_named(group, arns),
        version=group.version,
        thing_group_properties=PropertiesTold(
            thing_group_description=group.description,
            attribute_payload=Attributed(attributes=dict(group.attributes)) if group.attributes else None,
        ),
        thing_group_metadata=GroupMetadata(
            parent_group_name=group.parent_name,
            root_to_parent_thing_groups=way or None,
            creation_date=group.created_at,
        ),
        **({} if group.query is None else _dynamic(group)),
    )


def _named(group: Group, arns: Arns) -> dict[str, str]:
    return {
        "thing_group_name": group.group_name,
        "thing_group_arn": arns.group(group.group_name),
        "thing_group_id": group.group_id,
    }


def _dynamic(group: Group) -> dict[str, Any]:
    return {
        "index_name": INDEX,
        "query_string": group.query,
        "query_version": QUERY_VERSION,
        "status": group.status.value,
    }


async def update(call: AwsCall[UpdateGroupInput]) -> GroupUpdated:
    return await _update(call, _changes(call.given.thing_group_properties), is_dynamic=False)


async def update_dynamic(call: AwsCall[UpdateDynamicInput]) -> GroupUpdated:
    check_version(call.given.query_version)
    query = call.given.query_string
    changes = _changes(call.given.thing_group_properties)
    return await _update(call, changes | ({} if query is None else {"query": query}), is_dynamic=True)


def _changes(properties: GroupProperties) -> dict[str, str | None]:
    said = properties.thing_group_description
    return {} if said is None else {"description": said or None}


async def _update(
    call: AwsCall[UpdateGroupInput] | AwsCall[UpdateDynamicInput],
    changes: dict[str, str | None],
    *,
    is_dynamic: bool,
) -> GroupUpdated:
    given = call.given
    group = await call.store.write(
        groups.update,
        given.thing_group_name,
        changes=changes,
        attributes=given.thing_group_properties.attributes,
        merge=given.thing_group_properties.merge,
        is_dynamic=is_dynamic,
        expected_version=given.expected_version,
        at=call.at,
    )
    return GroupUpdated(version=group.version)


def check_version(said: str | None) -> None:
    """Raise ``InvalidQuery`` for another language of queries than ours."""
    if said not in (None, QUERY_VERSION):
        raise InvalidQuery(f"queryVersion {said[:64]!r} is not {QUERY_VERSION}, the only one there is")


async def delete(call: AwsCall[DeleteGroupInput]) -> Empty:
    return await _delete(call, is_dynamic=False)


async def delete_dynamic(call: AwsCall[DeleteGroupInput]) -> Empty:
    return await _delete(call, is_dynamic=True)


async def _delete(call: AwsCall[DeleteGroupInput], *, is_dynamic: bool) -> Empty:
    # One that is not there, or not any more, is as good as deleted.
    with suppress(NotFound, Departing):
        await call.store.write(
            groups.delete,
            call.given.thing_group_name,
            is_dynamic=is_dynamic,
            expected_version=call.given.expected_version,
            at=call.at,
        )
    return Empty()


async def page(call: AwsCall[ListGroupsInput]) -> GroupList:
    given, arns = call.given, call.options.arns
    found = await call.store.browse(
        hierarchy.page,
        parent=given.parent_group,
        recursive=given.parent_group is None if given.recursive is None else given.recursive,
        name_prefix=given.name_prefix_filter,
        max_results=given.max_results,
        next_token=given.next_token,
    )
    shown = tuple(GroupNameAndArn(group_name=name, group_arn=arns.group(name)) for name in found.items)
    return GroupList(thing_groups=shown, next_token=found.next_token)


_DYNAMIC: Final = "/dynamic-thing-groups/{thingGroupName}"
_STATIC: Final = "/thing-groups/{thingGroupName}"
OPERATIONS: Final = (
    Operation(
        "CreateThingGroup", "POST", _STATIC, create, errors=errors("IR RAE TH IF"), role=Role.OPERATOR
    ),
    Operation("DescribeThingGroup", "GET", _STATIC, describe, errors=errors("IR TH IF RNF")),
    Operation(
        "UpdateThingGroup", "PATCH", _STATIC, update, errors=errors("IR VC TH IF RNF"), role=Role.OPERATOR
    ),
    Operation(
        "DeleteThingGroup", "DELETE", _STATIC, delete, errors=errors("IR VC TH IF"), role=Role.OPERATOR
    ),
    Operation("ListThingGroups", "GET", "/thing-groups", page, errors=errors("IR IF RNF TH")),
    Operation(
        "CreateDynamicThingGroup", "POST", _DYNAMIC, create_dynamic,
        errors=errors("IR RAE RNF TH IF IQ LE"), role=Role.OPERATOR,
    ),
    Operation(
        "UpdateDynamicThingGroup", "PATCH", _DYNAMIC, update_dynamic,
        errors=errors("IR VC TH IF RNF IQ"), role=Role.OPERATOR,
    ),
    Operation(
        "DeleteDynamicThingGroup", "DELETE", _DYNAMIC, delete_dynamic,
        errors=errors("IR VC TH IF"), role=Role.OPERATOR,
    ),
)  # fmt: skip
