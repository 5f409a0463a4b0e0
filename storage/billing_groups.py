"""Billing groups: names that things are billed under elsewhere; a thing has one at most."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, text

from domain import job as job_rules
from domain.errors import AlreadyExists, NotFound, ThingVersionMismatch
from domain.names import billing_group_name as checked_name
from domain.registry import BillingGroup
from storage import tags
from storage.locks import require_hit
from storage.millis import from_millis, to_millis
from storage.pages import Page, cut, size, start


def create(
    connection: Connection,
    name: str,
    *,
    description: str | None = None,
    labels: Mapping[str, str] | None = None,
    at: datetime,
) -> BillingGroup:
    """Create a group; the same again with the same content is no error. ``labels`` are the tags of a new one.

    Raises ``AlreadyExists``, ``InvalidRequest``, ``LimitExceeded`` for too many tags.
    """
    checked_name(name)
    described = _described(description)
    row = _row(connection, name)
    if row is not None:
        if row.description != described:
            raise AlreadyExists(f"Billing group {name} already exists with other content")
        return _group(row)
    connection.execute(
        text(
            "INSERT INTO billing_groups (name, group_id, description, created_at) "
            "VALUES (:name, :group_id, :description, :at)"
        ),
        {"name": name, "group_id": str(uuid4()), "description": described, "at": to_millis(at)},
    )
    tags.put(connection, resource(name), labels or {})
    return get(connection, name)


def resource(name: str) -> str:
    """Return the end of a billing group's ARN."""
    return f"billinggroup/{name}"


def get(connection: Connection, name: str) -> BillingGroup:
    """Return a group, or raise ``NotFound``."""
    row = _row(connection, name)
    if row is None:
        raise NotFound(f"There is no billing group {name}")
    return _group(row)


def page(
    connection: Connection,
    *,
    name_prefix: str | None = None,
    max_results: int = 250,
    next_token: str | None = None,
) -> Page[str]:
    """Return the names of groups, in order."""
    question = ("billing groups", name_prefix)
    after = start(connection, question, next_token)
    conditions = [
        "true",
        *([] if after is None else ["name > :after"]),
        *([] if name_prefix is None else ["name >= :prefix AND name < :prefix || '{'"]),
    ]
    found = connection.execute(
        text(f"SELECT name FROM billing_groups WHERE {' AND '.join(conditions)} ORDER BY name LIMIT :limit"),
        {"after": after, "prefix": name_prefix, "limit": size(max_results) + 1},
    )
    return cut(connection, question, [(row.name, row.name) for row in found], max_results)


def update(
    connection: Connection, name: str, *, description: str | None = None, expected_version: int | None = None
) -> BillingGroup:
    """Change the description if it is given ("" takes it away); the version rises by one.

    Raises ``NotFound``, ``ThingVersionMismatch``, ``InvalidRequest``.
    """
    group = get(connection, name)
    _expect(group, expected_version)
    described = group.description if description is None else _described(description)
    hit = connection.execute(
        text(
            "UPDATE billing_groups SET description = :d, version = version + 1 "
            "WHERE name = :name AND version = :seen"
        ),
        {"d": described, "name": name, "seen": group.version},
    )
    require_hit(hit)
    return get(connection, name)


def delete(connection: Connection, name: str, *, expected_version: int | None = None) -> None:
    """Delete a group and its tags; its things are in none then.

    Raises ``NotFound``, ``ThingVersionMismatch``.
    """
    _expect(get(connection, name), expected_version)
    connection.execute(
        text("UPDATE things SET billing_group = NULL WHERE billing_group = :name"), {"name": name}
    )
    connection.execute(text("DELETE FROM billing_groups WHERE name = :name"), {"name": name})
    tags.clear(connection, resource(name))


def put(connection: Connection, thing_name: str, group: str) -> None:
    """Put a thing into a group and out of any other. Raises ``NotFound``."""
    get(connection, group)
    _set(connection, thing_name, group, "true")


def take_out(connection: Connection, thing_name: str, group: str | None) -> None:
    """Take a thing out of this group, or (None) out of whichever; one that is not in it is no error.

    Raises ``NotFound``.
    """
    if group is not None:
        get(connection, group)
    _set(connection, thing_name, None, "true" if group is None else "billing_group = :group", group)


def _set(
    connection: Connection, thing_name: str, after: str | None, where: str, group: str | None = None
) -> None:
    known = connection.execute(
        text("SELECT id FROM things WHERE name = :name AND deleted_at IS NULL"), {"name": thing_name}
    ).scalar()
    if known is None:
        raise NotFound(f"There is no thing {thing_name}")
    connection.execute(
        text(f"UPDATE things SET billing_group = :after WHERE id = :key AND {where}"),
        {"after": after, "key": known, "group": group},
    )


def members(
    connection: Connection, name: str, *, max_results: int = 250, next_token: str | None = None
) -> Page[str]:
    """Return the names of the things in a group, in order. Raises ``NotFound``."""
    get(connection, name)
    question = ("billed to", name)
    after = start(connection, question, next_token)
    found = connection.execute(
        text(
            "SELECT name FROM things WHERE billing_group = :group AND deleted_at IS NULL "
            f"{'' if after is None else 'AND name > :after'} ORDER BY name LIMIT :limit"
        ),
        {"group": name, "after": after, "limit": size(max_results) + 1},
    )
    return cut(connection, question, [(row.name, row.name) for row in found], max_results)


def _described(description: str | None) -> str | None:
    return job_rules.text("billingGroupDescription", description) if description else None


def _expect(group: BillingGroup, version: int | None) -> None:
    if version is not None and version != group.version:
        raise ThingVersionMismatch(
            f"Billing group {group.group_name}: expected version {version} but found version {group.version}"
        )


def _row(connection: Connection, name: str) -> Any:
    return connection.execute(
        text("SELECT * FROM billing_groups WHERE name = :name"), {"name": name}
    ).one_or_none()


def _group(row: Any) -> BillingGroup:
    return BillingGroup(
        group_name=row.name,
        group_id=row.group_id,
        created_at=from_millis(row.created_at),
        version=row.version,
        description=row.description,
    )
