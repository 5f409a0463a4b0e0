"""The registry of things: create, look up, list, change, delete."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

from pydantic_core import from_json, to_json
from sqlalchemy import Connection, text

from domain import registry as rules
from domain.errors import AlreadyExists, Conflict, NotFound, ThingVersionMismatch
from domain.names import thing_name as checked_name
from domain.query import matches, parse
from domain.registry import OUR_LIMITS, Limits, Thing
from storage import (
    access_keys,
    billing_groups,
    certificates,
    departures,
    dynamic,
    moves,
    quarantine,
    thing_types,
    tokens,
)
from storage.departures import Departure, Kind
from storage.locks import require_hit
from storage.millis import from_millis, to_millis
from storage.pages import Page, cut, size, start, token


def create(
    connection: Connection,
    name: str,
    *,
    attributes: Mapping[str, str] | None = None,
    time_zone: str | None = None,
    thing_type: str | None = None,
    billing_group: str | None = None,
    limits: Limits = OUR_LIMITS,
    at: datetime,
) -> Thing:
    """Register a thing; the same again with the same content is no error.

    Raises ``AlreadyExists`` if it is there with other content, ``NotFound`` for its type or billing group,
    ``Conflict`` for a type that is deprecated, ``InvalidRequest``.
    """
    checked_name(name)
    wanted = rules.attributes(attributes or {})
    rules.allowed(wanted, thing_type, limits)
    zone = None if time_zone is None else rules.time_zone(time_zone)
    row = _row(connection, name)
    if row is not None:
        thing = _thing(row)
        kept = (thing.attributes, thing.time_zone, thing.thing_type, thing.billing_group)
        if kept != (wanted, zone, thing_type, billing_group):
            raise AlreadyExists(f"Thing {name} already exists with other content")
        return thing
    if thing_type is not None:
        thing_types.require(connection, thing_type)
    if billing_group is not None:
        billing_groups.get(connection, billing_group)
    connection.execute(
        text(
            "INSERT INTO things (name, thing_id, attributes, time_zone, thing_type, billing_group, "
            "created_at) VALUES (:name, :thing_id, :attributes, :zone, :type, :billing_group, :at)"
        ),
        {
            "name": name,
            "thing_id": str(uuid4()),
            "attributes": to_json(wanted).decode(),
            "zone": zone,
            "type": thing_type,
            "billing_group": billing_group,
            "at": to_millis(at),
        },
    )
    dynamic.registered(connection, [key_of(connection, name)], at=at)
    return get(connection, name)


def key_of(connection: Connection, name: str) -> int:
    """Return a thing's key, or raise ``NotFound``."""
    key = connection.execute(
        text("SELECT id FROM things WHERE name = :name AND deleted_at IS NULL"), {"name": name}
    ).scalar()
    if key is None:
        raise NotFound(f"There is no thing {name}")
    return int(key)


def get(connection: Connection, name: str) -> Thing:
    """Return a thing, or raise ``NotFound``."""
    row = _row(connection, name)
    if row is None:
        raise NotFound(f"There is no thing {name}")
    return _thing(row)


def page(
    connection: Connection,
    *,
    name_prefix: str | None = None,
    attribute: tuple[str, str] | None = None,
    begins: bool = False,
    thing_type: str | None = None,
    max_results: int = 250,
    next_token: str | None = None,
) -> Page[Thing]:
    """Return things by name. With ``attribute`` all things of the prefix, or of the type, are looked at.

    ``begins``: the attribute's value only begins like this.
    """
    question = ("things", name_prefix, attribute, begins, thing_type)
    after = start(connection, question, next_token)
    conditions = ["deleted_at IS NULL"]
    if after is not None:
        conditions.append("name > :after")
    if name_prefix is not None:
        # The highest character a name may have is 'z'; '{' comes after it.
        conditions.append("name >= :prefix AND name < :prefix || '{'")
    if thing_type is not None:
        conditions.append("thing_type = :type")
    if attribute is not None:
        value = _ATTRIBUTE[connection.dialect.name]
        conditions.append(f"substr({value}, 1, :length) = :value" if begins else f"{value} = :value")
    found = connection.execute(
        text(f"SELECT * FROM things WHERE {' AND '.join(conditions)} ORDER BY name LIMIT :limit"),
        {
            "after": after,
            "prefix": name_prefix,
            "name": attribute and attribute[0],
            "path": attribute and f'$."{attribute[0]}"',
            "value": attribute and attribute[1],
            "length": attribute and len(attribute[1]),
            "type": thing_type,
            "limit": size(max_results) + 1,
        },
    )
    return cut(connection, question, [(row.name, _thing(row)) for row in found], max_results)


_ATTRIBUTE = {
    "sqlite": "json_extract(attributes, :path)",
    "postgresql": "CAST(attributes AS jsonb) ->> :name",
}


def search(
    connection: Connection, query: str, *, max_results: int = 250, next_token: str | None = None
) -> Page[Thing]:
    """Return things that meet a query, by name. Raises ``InvalidRequest``.

    One call looks at so many things and no more: a page may be short, or empty, and yet have a next one.
    """
    wanted, question = parse(query), ("search", query)
    after = start(connection, question, next_token) or ""
    found: list[tuple[str, Thing]] = []
    for _ in range(_CHUNKS_A_PAGE):
        rows = dynamic.candidates(connection, wanted, after=after, limit=dynamic.CHUNK)
        found += [(row.name, _thing(row)) for row in rows if matches(wanted, dynamic.facts_of(row))]
        if len(rows) < dynamic.CHUNK or len(found) > size(max_results):
            return cut(connection, question, found[: size(max_results) + 1], max_results)
        after = rows[-1].name
    return Page(tuple(thing for _, thing in found), token(connection, question, after))


_CHUNKS_A_PAGE: Final = 20


def update(
    connection: Connection,
    name: str,
    *,
    attributes: Mapping[str, str] | None = None,
    merge: bool = False,
    time_zone: str | None = None,
    thing_type: str | None = None,
    untype: bool = False,
    expected_version: int | None = None,
    limits: Limits = OUR_LIMITS,
    at: datetime,
) -> Thing:
    """Change what is given; the version rises by one. ``untype`` takes the type away.

    Raises ``NotFound``, ``ThingVersionMismatch``, ``InvalidRequest``, ``Conflict`` for a deprecated type.
    """
    thing = get(connection, name)
    _expect(thing, expected_version)
    kind = None if untype else thing_type or thing.thing_type
    if kind is not None and kind != thing.thing_type:
        thing_types.require(connection, kind)
    after = thing.attributes
    if attributes is not None:
        after = rules.merged(thing.attributes, rules.attributes(attributes), merge=merge)
    if attributes is not None or kind != thing.thing_type:
        rules.allowed(after, kind, limits)
    hit = connection.execute(
        text(
            "UPDATE things SET attributes = :attributes, time_zone = :zone, thing_type = :type, "
            "version = version + 1 "
            "WHERE name = :name AND deleted_at IS NULL AND version = :seen"
        ),
        {
            "name": name,
            "attributes": to_json(dict(after)).decode(),
            "zone": thing.time_zone if time_zone is None else rules.time_zone(time_zone),
            "type": kind,
            "seen": thing.version,
        },
    )
    require_hit(hit)
    changed = get(connection, name)
    if changed.time_zone != thing.time_zone:
        moves.follow(connection, key_of(connection, name), at=at)
    if (changed.attributes, changed.thing_type) != (thing.attributes, thing.thing_type):
        dynamic.follow(connection, [key_of(connection, name)], at=at)
    return changed


def let_out(connection: Connection, name: str) -> None:
    """Let a thing out of quarantine and forget its failures. Raises ``NotFound``."""
    quarantine.let_out(connection, key_of(connection, name))


def delete(
    connection: Connection,
    name: str,
    *,
    expected_version: int | None = None,
    limits: Limits = OUR_LIMITS,
    at: datetime,
) -> None:
    """Delete a thing: its tokens are void, its name is free, its pending executions become REMOVED.

    Of thousands, the clock removes those that are left. Raises ``NotFound``, ``ThingVersionMismatch``, and
    ``Conflict`` for one with certificates if the limits say so; else they are for it no more.
    """
    _expect(get(connection, name), expected_version)
    key = key_of(connection, name)
    if not limits.deletes_attached and _is_attached(connection, key):
        raise Conflict(f"Thing {name} still has certificates attached; detach them first")
    tokens.revoke(connection, name, at=at)
    access_keys.leave(connection, key, at=at)
    certificates.leave(connection, key, at=at)
    connection.execute(text("DELETE FROM group_members WHERE thing = :thing"), {"thing": key})
    connection.execute(
        text("UPDATE things SET deleted_at = :at, sweep = :sweep WHERE id = :thing"),
        {"thing": key, "at": to_millis(at), "sweep": departures.DELETE},
    )
    departures.begin(connection, Departure(Kind.THING, key), at=at)


def _is_attached(connection: Connection, key: int) -> bool:
    statement = text("SELECT 1 FROM thing_principals WHERE thing = :thing LIMIT 1")
    return connection.execute(statement, {"thing": key}).scalar() is not None


def _expect(thing: Thing, version: int | None) -> None:
    if version is not None and version != thing.version:
        raise ThingVersionMismatch(
            f"Thing {thing.thing_name}: expected version {version} but found version {thing.version}"
        )


def _row(connection: Connection, name: str) -> Any:
    return connection.execute(
        text("SELECT * FROM things WHERE name = :name AND deleted_at IS NULL"), {"name": name}
    ).one_or_none()


def _thing(row: Any) -> Thing:
    return Thing(
        thing_name=row.name,
        thing_id=row.thing_id,
        created_at=from_millis(row.created_at),
        version=row.version,
        attributes=from_json(row.attributes),
        time_zone=row.time_zone,
        failures=row.failures,
        quarantined_until=from_millis(row.quarantined_until),
        connected=bool(row.connected),
        connection_changed_at=from_millis(row.connection_changed_at),
        last_seen_at=from_millis(row.last_seen_at),
        thing_type=row.thing_type,
        billing_group=row.billing_group,
    )
