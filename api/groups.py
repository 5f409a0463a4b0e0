"""Operations on thing groups and their members: thin translations onto the verbs of the store."""

from __future__ import annotations

from api.call import Call
from api.registry_schema import (
    ChangeMembers,
    CreateGroup,
    Expected,
    ExpectedQuery,
    GotGroup,
    GroupCreated,
    GroupList,
    ListGroups,
    ListMembers,
    MemberNames,
    MembersAdded,
    MembersRemoved,
    ThingChanged,
    UpdateGroup,
)
from api.schema import Deleted
from api.shapes import Nothing
from api.views import group_view
from storage import groups, members


async def create(call: Call[Nothing, CreateGroup]) -> GroupCreated:
    group = await call.store.write(
        groups.create,
        call.body.thing_group_name,
        description=call.body.description,
        parent_name=call.body.parent_group_name,
        time_zone=call.body.time_zone,
        query=call.body.query_string,
        at=call.at,
    )
    return GroupCreated(
        thing_group_name=group.group_name,
        thing_group_arn=call.options.arns.group(group.group_name),
        thing_group_id=group.group_id,
    )


async def get(call: Call[Nothing, Nothing]) -> GotGroup:
    found = await call.store.read(groups.get, call.path["thingGroupName"])
    return GotGroup(thing_group=group_view(found, call.options.arns))


async def page(call: Call[ListGroups, Nothing]) -> GroupList:
    found = await call.store.browse(
        groups.page,
        name_prefix=call.query.name_prefix,
        max_results=call.query.max_results,
        next_token=call.query.next_token,
    )
    views = tuple(group_view(group, call.options.arns) for group in found.items)
    return GroupList(thing_groups=views, next_token=found.next_token)


async def update(call: Call[Nothing, UpdateGroup]) -> ThingChanged:
    group = await call.store.write(
        groups.update,
        call.path["thingGroupName"],
        changes=call.body.changes,
        expected_version=call.body.expected_version,
        at=call.at,
    )
    return ThingChanged(version=group.version)


async def delete(call: Call[ExpectedQuery, Expected]) -> Deleted:
    inside, before = call.body.expected_version, call.query.expected_version
    expected = inside if before is None else before
    name = call.path["thingGroupName"]
    await call.store.write(groups.delete, name, expected_version=expected, at=call.at)
    return Deleted()


async def add(call: Call[Nothing, ChangeMembers]) -> MembersAdded:
    name, policy = call.path["thingGroupName"], call.options.policy
    added = await call.store.write(groups.add, name, call.body.things, policy=policy, at=call.at)
    return MembersAdded(added=added)


async def remove(call: Call[Nothing, ChangeMembers]) -> MembersRemoved:
    name = call.path["thingGroupName"]
    return MembersRemoved(removed=await call.store.write(groups.remove, name, call.body.things, at=call.at))


async def list_members(call: Call[ListMembers, Nothing]) -> MemberNames:
    found = await call.store.browse(
        members.of_group,
        call.path["thingGroupName"],
        recursive=bool(call.query.recursive),
        max_results=call.query.max_results,
        next_token=call.query.next_token,
    )
    return MemberNames(things=found.items, next_token=found.next_token)
