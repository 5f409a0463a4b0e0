"""Thing types: kinds of things, which are deprecated before they are deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from pydantic_core import from_json, to_json
from sqlalchemy import Connection, text

from domain import job as job_rules
from domain import registry as rules
from domain.errors import AlreadyExists, Conflict, NotFound
from domain.names import type_name as checked_name
from domain.registry import ThingType
from storage import tags
from storage.millis import from_millis, to_millis
from storage.pages import Page, cut, size, start


def create(
    connection: Connection,
    name: str,
    *,
    description: str | None = None,
    searchable: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
    at: datetime,
) -> ThingType:
    """Create a type; the same again with the same content is no error. ``labels`` are the tags of a new one.

    Raises ``AlreadyExists``, ``InvalidRequest``, ``LimitExceeded`` for too many tags.
    """
    checked_name(name)
    wanted = (_described(description), rules.searchable(searchable))
    row = _row(connection, name)
    if row is not None:
        found = _type(row)
        if (found.description, found.searchable_attributes) != wanted:
            raise AlreadyExists(f"Thing type {name} already exists with other content")
        return found
    connection.execute(
        text(
            "INSERT INTO thing_types (name, type_id, description, searchable_attributes, created_at) "
            "VALUES (:name, :type_id, :description, :searchable, :at)"
        ),
        {
            "name": name,
            "type_id": str(uuid4()),
            "description": wanted[0],
            "searchable": to_json(wanted[1]).decode(),
            "at": to_millis(at),
        },
    )
    tags.put(connection, resource(name), labels or {})
    return get(connection, name)


def resource(name: str) -> str:
    """Return the end of a type's ARN."""
    return f"thingtype/{name}"


def get(connection: Connection, name: str) -> ThingType:
    """Return a type, or raise ``NotFound``."""
    row = _row(connection, name)
    if row is None:
        raise NotFound(f"There is no thing type {name}")
    return _type(row)


def require(connection: Connection, name: str) -> None:
    """Raise unless a thing may get this type: ``NotFound``, ``Conflict`` if it is deprecated."""
    if get(connection, name).deprecated_at is not None:
        raise Conflict(f"Thing type {name} is deprecated; no thing gets it any more")


def page(
    connection: Connection, *, name: str | None = None, max_results: int = 250, next_token: str | None = None
) -> Page[ThingType]:
    """Return types by name, or the one of this name if there is one."""
    question = ("thing types", name)
    after = start(connection, question, next_token)
    conditions = [
        "true",
        *([] if after is None else ["name > :after"]),
        *([] if name is None else ["name = :name"]),
    ]
    found = connection.execute(
        text(f"SELECT * FROM thing_types WHERE {' AND '.join(conditions)} ORDER BY name LIMIT :limit"),
        {"after": after, "name": name, "limit": size(max_results) + 1},
    )
    return cut(connection, question, [(row.name, _type(row)) for row in found], max_results)


def update(
    connection: Connection,
    name: str,
    *,
    description: str | None = None,
    searchable: Sequence[str] | None = None,
) -> ThingType:
    """Change what is given ("" takes the description away). Raises ``NotFound``, ``InvalidRequest``."""
    found = get(connection, name)
    described = found.description if description is None else _described(description)
    names = found.searchable_attributes if searchable is None else rules.searchable(searchable)
    connection.execute(
        text("UPDATE thing_types SET description = :d, searchable_attributes = :names WHERE name = :name"),
        {"d": described, "names": to_json(names).decode(), "name": name},
    )
    return get(connection, name)


def deprecate(connection: Connection, name: str, *, undo: bool = False, at: datetime) -> ThingType:
    """Let no thing get this type any more, or with ``undo`` again; twice is no error. Raises ``NotFound``."""
    since = get(connection, name).deprecated_at or at
    connection.execute(
        text("UPDATE thing_types SET deprecated_at = :since WHERE name = :name"),
        {"since": None if undo else to_millis(since), "name": name},
    )
    return get(connection, name)


def delete(connection: Connection, name: str) -> None:
    """Delete a type and its tags.

    Raises ``NotFound``, and ``Conflict`` unless it is deprecated and that of no thing.
    """
    if get(connection, name).deprecated_at is None:
        raise Conflict(f"Thing type {name} is not deprecated; deprecate it first")
    bearer = connection.execute(
        text("SELECT name FROM things WHERE thing_type = :name AND deleted_at IS NULL ORDER BY name LIMIT 1"),
        {"name": name},
    ).scalar()
    if bearer is not None:
        raise Conflict(f"Thing type {name} is still that of the thing {bearer}")
    connection.execute(text("DELETE FROM thing_types WHERE name = :name"), {"name": name})
    tags.clear(connection, resource(name))


def _described(description: str | None) -> str | None:
    return job_rules.text("thingTypeDescription", description) if description else None


def _row(connection: Connection, name: str) -> Any:
    return connection.execute(
        text("SELECT * FROM thing_types WHERE name = :name"), {"name": name}
    ).one_or_none()


def _type(row: Any) -> ThingType:
    return ThingType(
        type_name=row.name,
        type_id=row.type_id,
        created_at=from_millis(row.created_at),
        description=row.description,
        searchable_attributes=tuple(from_json(row.searchable_attributes)),
        deprecated_at=from_millis(row.deprecated_at),
    )
