"""The registry of thing groups, and who comes into them; continuous jobs follow every change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

from pydantic_core import from_json, to_json
from sqlalchemy import Connection, text

from domain import job as job_rules
from domain.errors import (
    AlreadyExists,
    Conflict,
    Departing,
    InvalidRequest,
    LimitExceeded,
    NotFound,
    ThingVersionMismatch,
)
from domain.names import group_name as checked_name
from domain.names import thing_name as checked_thing_name
from domain.query import parse
from domain.registry import (
    MAX_DEPTH,
    MAX_MEMBERS_A_CALL,
    OUR_LIMITS,
    Group,
    GroupStatus,
    Limits,
    Registration,
    merged,
)
from domain.registry import attributes as checked_attributes
from domain.registry import time_zone as checked_time_zone
from storage import departures, dynamic, membership, policies, tags
from storage.lists import bound, ints
from storage.locks import require_hit
from storage.millis import from_millis, to_millis
from storage.nesting import ANCESTORS
from storage.pages import Page, cut, size, start
from storage.policy import Policy
from storage.targets import register, thing_keys

_SELECT: Final = (
    "SELECT g.*, p.name AS parent_name FROM thing_groups g LEFT JOIN thing_groups p ON p.id = g.parent"
)


def create(
    connection: Connection,
    name: str,
    *,
    description: str | None = None,
    parent_name: str | None = None,
    time_zone: str | None = None,
    query: str | None = None,
    attributes: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    limits: Limits = OUR_LIMITS,
    at: datetime,
) -> Group:
    """Create a group; the same again with the same content is no error. With a query it is a dynamic one.

    ``labels`` are the tags of a new one. Raises ``AlreadyExists``, ``NotFound`` for the parent, ``Conflict``
    for one that holds no groups, ``LimitExceeded`` when there are too many dynamic ones, groups in the parent
    or tags, ``InvalidRequest`` for a query and when nested too deep.
    """
    checked_name(name)
    if description is not None:
        job_rules.text("description", description)
    zone = None if time_zone is None else checked_time_zone(time_zone)
    if query is not None:
        parse(query)
    if parent_name is not None and query is not None:
        raise InvalidRequest("a dynamic group lies in no other: give queryString or parentGroupName")
    wanted = checked_attributes(attributes or {})
    parent = None if parent_name is None else _key_of_static(connection, parent_name)
    if parent is not None and _depth(connection, parent) >= MAX_DEPTH:
        raise InvalidRequest(f"parentGroupName {parent_name}: groups nest at most {MAX_DEPTH} deep")
    row = _row(connection, name)
    if row is not None:
        group = _group(row)
        _refuse_departing(group)
        kept = (group.description, group.parent_name, group.time_zone, group.query, group.attributes)
        if kept != (description, parent_name, zone, query, wanted):
            raise AlreadyExists(f"Thing group {name} already exists with other content")
        return group
    if parent is not None and limits.children is not None:
        _refuse_crowded(connection, parent, limits.children)
    connection.execute(
        text(
            "INSERT INTO thing_groups (name, group_id, parent, description, time_zone, attributes, "
            "created_at) VALUES (:name, :group_id, :parent, :description, :zone, :attributes, :at)"
        ),
        {
            "name": name,
            "group_id": str(uuid4()),
            "parent": parent,
            "description": description,
            "zone": zone,
            "attributes": to_json(wanted).decode(),
            "at": to_millis(at),
        },
    )
    tags.put(connection, resource(name), labels or {})
    if query is not None:
        dynamic.begin(connection, key_of(connection, name), query, at=at)
    return get(connection, name)


def resource(name: str) -> str:
    """Return the end of a group's ARN."""
    return f"thinggroup/{name}"


def _refuse_crowded(connection: Connection, parent: int, most: int) -> None:
    inside = text("SELECT count(*) FROM thing_groups WHERE parent = :parent")
    count = connection.execute(inside, {"parent": parent}).scalar_one()
    if count >= most:
        raise LimitExceeded(
            f"parentGroupName: that group has {count} groups in it; at most {most} are allowed"
        )


def key_of(connection: Connection, name: str) -> int:
    """Return a group's key, or raise ``NotFound``."""
    key = connection.execute(text("SELECT id FROM thing_groups WHERE name = :name"), {"name": name}).scalar()
    if key is None:
        raise NotFound(f"There is no thing group {name}")
    return int(key)


def _key_of_static(connection: Connection, name: str) -> int:
    """Return the key of a static group that stays, or raise ``NotFound``, ``Conflict``."""
    group = standing(connection, name)
    if group.query is not None:
        raise Conflict(f"Thing group {name} is dynamic: its query alone decides what is in it")
    return key_of(connection, name)


def _refuse_departing(group: Group) -> None:
    if group.status is GroupStatus.DELETION_IN_PROGRESS:
        raise Departing(
            f"Thing group {group.group_name} is being deleted; its name is free again when that is done"
        )


def get(connection: Connection, name: str) -> Group:
    """Return a group, or raise ``NotFound``."""
    row = _row(connection, name)
    if row is None:
        raise NotFound(f"There is no thing group {name}")
    return _group(row)


def standing(connection: Connection, name: str) -> Group:
    """Return a group that is not being deleted, or raise ``NotFound``, ``Departing``."""
    group = get(connection, name)
    _refuse_departing(group)
    return group


def page(
    connection: Connection,
    *,
    name_prefix: str | None = None,
    max_results: int = 250,
    next_token: str | None = None,
) -> Page[Group]:
    """Return groups by name."""
    question = ("groups", name_prefix)
    after = start(connection, question, next_token)
    conditions = [
        "true",
        *([] if after is None else ["g.name > :after"]),
        *([] if name_prefix is None else ["g.name >= :prefix AND g.name < :prefix || '{'"]),
    ]
    found = connection.execute(
        text(f"{_SELECT} WHERE {' AND '.join(conditions)} ORDER BY g.name LIMIT :limit"),
        {"after": after, "prefix": name_prefix, "limit": size(max_results) + 1},
    )
    return cut(connection, question, [(row.name, _group(row)) for row in found], max_results)


def update(
    connection: Connection,
    name: str,
    *,
    changes: Mapping[str, str | None],
    attributes: Mapping[str, str] | None = None,
    merge: bool = False,
    is_dynamic: bool | None = None,
    expected_version: int | None = None,
    at: datetime,
) -> Group:
    """Change ``description``, ``time_zone`` (None takes away), ``query``, attributes.

    The version rises by one. Another zone holds for what its members have yet to wait for, not for what
    waits already. Raises ``NotFound``, ``ThingVersionMismatch``, ``InvalidRequest``, ``Conflict`` where a
    static group is to be dynamic or the other way round (``is_dynamic``: what the caller takes it for).
    """
    group = standing(connection, name)
    _expect(group, expected_version)
    _refuse_other(group, is_dynamic=is_dynamic)
    after = group.attributes
    if attributes is not None:
        after = merged(group.attributes, checked_attributes(attributes), merge=merge)
    query = changes.get("query", group.query)
    if query != group.query and None in (query, group.query):
        raise Conflict(f"Thing group {name} is {'static' if group.query is None else 'dynamic'} and stays so")
    description = changes.get("description", group.description)
    if description is not None:
        job_rules.text("description", description)
    zone = changes.get("time_zone", group.time_zone)
    hit = connection.execute(
        text(
            "UPDATE thing_groups SET description = :d, time_zone = :zone, attributes = :attributes, "
            "version = version + 1 WHERE name = :name AND version = :seen"
        ),
        {
            "d": description,
            "zone": None if zone is None else checked_time_zone(zone),
            "attributes": to_json(dict(after)).decode(),
            "name": name,
            "seen": group.version,
        },
    )
    require_hit(hit)
    if query is not None and query != group.query:
        dynamic.change(connection, key_of(connection, name), query, at=at)
    return get(connection, name)


def _refuse_other(group: Group, *, is_dynamic: bool | None) -> None:
    if is_dynamic is not None and (group.query is not None) is not is_dynamic:
        raise Conflict(f"Thing group {group.group_name} is {'static' if group.query is None else 'dynamic'}")


def delete(
    connection: Connection,
    name: str,
    *,
    is_dynamic: bool | None = None,
    expected_version: int | None = None,
    at: datetime,
) -> None:
    """Delete a group without groups inside; continuous jobs treat it as everybody leaving.

    It has left the group around it when this returns; a large one is DELETION_IN_PROGRESS until the clock
    has seen its members out. Raises ``NotFound``, ``ThingVersionMismatch``, ``Conflict`` while it has groups
    inside, or is not of the kind that the caller takes it for.
    """
    group = standing(connection, name)
    _expect(group, expected_version)
    _refuse_other(group, is_dynamic=is_dynamic)
    key = key_of(connection, name)
    inside = text("SELECT name FROM thing_groups WHERE parent = :key LIMIT 1")
    child = connection.execute(inside, {"key": key}).scalar()
    if child is not None:
        raise Conflict(f"Thing group {name} still has the group {child} inside")
    tags.clear(connection, resource(name))
    policies.forget_target(connection, resource(name))
    membership.dissolve(connection, key, at=at)


def add(connection: Connection, name: str, things: Sequence[str], *, policy: Policy, at: datetime) -> int:
    """Put things into a group; return how many were not in it before.

    Unknown things are registered, unless the policy is strict (``NotFound`` then). Raises ``Conflict`` for a
    group that is dynamic or being deleted, and while thousands of the things are still leaving another one.
    """
    key = _key_of_static(connection, name)
    keys = _members(things)
    found = thing_keys(connection, keys)
    missing = [thing for thing in keys if thing not in found]
    if missing and policy.registration is Registration.STRICT:
        raise NotFound(f"There is no thing {missing[0]}")
    found.update(register(connection, missing, at=at))
    departures.settle(connection, sorted(found.values()), at=at)
    return membership.join(connection, key, sorted(found.values()), at=at)


def remove(connection: Connection, name: str, things: Sequence[str], *, at: datetime) -> int:
    """Take things out of a group; return how many were in it. Raises ``Conflict`` for a dynamic one."""
    if get(connection, name).query is not None:
        raise Conflict(f"Thing group {name} is dynamic: its query alone decides what is in it")
    key = key_of(connection, name)
    found = thing_keys(connection, _members(things))
    return membership.leave(connection, key, sorted(found.values()), at=at)


def _members(things: Sequence[str]) -> list[str]:
    if len(things) > MAX_MEMBERS_A_CALL:
        raise InvalidRequest(f"things has {len(things)} entries; at most {MAX_MEMBERS_A_CALL} are allowed")
    return [checked_thing_name(thing) for thing in things]


def _depth(connection: Connection, key: int) -> int:
    statement = ANCESTORS.format(roots=ints(connection, "keys")) + "SELECT count(*) FROM above"
    return int(connection.execute(text(statement), {"keys": bound(connection, [key])}).scalar_one())


def _expect(group: Group, version: int | None) -> None:
    if version is not None and version != group.version:
        raise ThingVersionMismatch(
            f"Thing group {group.group_name}: expected version {version} but found version {group.version}"
        )


def _row(connection: Connection, name: str) -> Any:
    return connection.execute(text(f"{_SELECT} WHERE g.name = :name"), {"name": name}).one_or_none()


def _group(row: Any) -> Group:
    return Group(
        group_name=row.name,
        group_id=row.group_id,
        created_at=from_millis(row.created_at),
        version=row.version,
        description=row.description,
        parent_name=row.parent_name,
        time_zone=row.time_zone,
        query=row.query,
        status=GroupStatus.DELETION_IN_PROGRESS if row.sweep else dynamic.status_of(row.built_to),
        attributes=from_json(row.attributes),
    )
