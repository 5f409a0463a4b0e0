"""Operations that put things into groups, take them out and list who is where; AWS's limits hold."""

from __future__ import annotations

from typing import Final

from api.aws import names
from api.aws.group_shapes import (
    AddInput,
    ChangeInput,
    GroupList,
    GroupsOfInput,
    ListMembersInput,
    MemberList,
    RemoveInput,
)
from api.aws.operation import AwsCall, Operation, errors
from api.aws.registry_shapes import GroupNameAndArn
from api.aws.shapes import Empty
from domain.errors import InvalidRequest
from domain.names import Arns
from domain.registry import AWS_LIMITS
from domain.roles import Role
from storage import groups, members, places


async def add(call: AwsCall[AddInput]) -> Empty:
    thing, group = _both(call.given, call.options.arns)
    return await _change(call, thing, into=(group,))


async def remove(call: AwsCall[RemoveInput]) -> Empty:
    thing, group = _both(call.given, call.options.arns)
    return await _change(call, thing, out_of=(group,))


async def change(call: AwsCall[ChangeInput]) -> Empty:
    given = call.given
    if given.thing_name is None:
        raise InvalidRequest("thingName is required")
    return await _change(
        call, given.thing_name, into=given.thing_groups_to_add, out_of=given.thing_groups_to_remove
    )


async def _change(
    call: AwsCall[AddInput] | AwsCall[RemoveInput] | AwsCall[ChangeInput],
    thing: str,
    *,
    into: tuple[str, ...] = (),
    out_of: tuple[str, ...] = (),
) -> Empty:
    await call.store.write(
        places.change, thing, into=into, out_of=out_of, limits=AWS_LIMITS, policy=call.policy, at=call.at
    )
    return Empty()


def _both(given: AddInput | RemoveInput, arns: Arns) -> tuple[str, str]:
    thing = names.either("thing", given.thing_name, given.thing_arn, member="thing", arns=arns)
    group = names.either(
        "thinggroup", given.thing_group_name, given.thing_group_arn, member="thingGroup", arns=arns
    )
    return thing, group


async def list_members(call: AwsCall[ListMembersInput]) -> MemberList:
    given = call.given
    await call.store.browse(groups.standing, given.thing_group_name)
    found = await call.store.browse(
        members.of_group,
        given.thing_group_name,
        recursive=given.recursive,
        max_results=given.max_results,
        next_token=given.next_token,
    )
    return MemberList(things=found.items, next_token=found.next_token)


async def list_groups(call: AwsCall[GroupsOfInput]) -> GroupList:
    given, arns = call.given, call.options.arns
    found = await call.store.browse(
        members.of_thing, given.thing_name, max_results=given.max_results, next_token=given.next_token
    )
    shown = tuple(GroupNameAndArn(group_name=name, group_arn=arns.group(name)) for name in found.items)
    return GroupList(thing_groups=shown, next_token=found.next_token)


_CHANGES: Final = errors("IR TH IF RNF")
_LISTS: Final = errors("IR IF RNF TH")
OPERATIONS: Final = (
    Operation(
        "AddThingToThingGroup", "PUT", "/thing-groups/addThingToThingGroup", add,
        errors=_CHANGES, role=Role.OPERATOR,
    ),
    Operation(
        "RemoveThingFromThingGroup", "PUT", "/thing-groups/removeThingFromThingGroup", remove,
        errors=_CHANGES, role=Role.OPERATOR,
    ),
    Operation(
        "UpdateThingGroupsForThing", "PUT", "/thing-groups/updateThingGroupsForThing", change,
        errors=_CHANGES, role=Role.OPERATOR,
    ),
    Operation(
        "ListThingsInThingGroup", "GET", "/thing-groups/{thingGroupName}/things", list_members, errors=_LISTS
    ),
    Operation(
        "ListThingGroupsForThing", "GET", "/things/{thingName}/thing-groups", list_groups, errors=_LISTS
    ),
)  # fmt: skip
