"""Tags on resources. A resource is the end of its ARN: "job/ID", "jobtemplate/ID", "thinggroup/NAME"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import Connection, text

from domain import tags as rules
from domain.errors import InvalidRequest, LimitExceeded, NotFound
from storage.lists import bound, texts
from storage.pages import Page, cut, size, start

#: What can have tags, and where it is found by its name.
_KINDS: Final[Mapping[str, str]] = {
    "billinggroup": "billing_groups WHERE name = :name",
    "job": "jobs WHERE job_id = :name",
    "jobtemplate": "templates WHERE template_id = :name",
    "policy": "policies WHERE name = :name",
    # One that is being deleted has lost its tags already.
    "thinggroup": "thing_groups WHERE name = :name AND sweep = ''",
    "thingtype": "thing_types WHERE name = :name",
}


def require(connection: Connection, resource: str) -> None:
    """Raise ``NotFound`` unless there is such a resource, ``InvalidRequest`` if its kind has no tags."""
    kind, _, name = resource.partition("/")
    if kind not in _KINDS:
        raise InvalidRequest(f"resource {resource[:128]!r}: only {', '.join(sorted(_KINDS))} have tags")
    known = text(f"SELECT 1 FROM {_KINDS[kind]} LIMIT 1")
    if connection.execute(known, {"name": name}).scalar() is None:
        raise NotFound(f"There is no {resource}")


def put(connection: Connection, resource: str, pairs: Mapping[str, str]) -> None:
    """Put tags on a resource; one that it has gets the new value.

    Whether there is such a resource is the caller's to know. Raises ``InvalidRequest`` for a tag that cannot
    be, ``LimitExceeded`` for too many.
    """
    wanted = rules.checked(pairs)
    count = len({**of(connection, resource), **wanted})
    if count > rules.MAX_TAGS:
        raise LimitExceeded(f"{resource} would have {count} tags; at most {rules.MAX_TAGS} are allowed")
    if wanted:
        connection.execute(
            text(
                "INSERT INTO tags (resource, key, value) VALUES (:resource, :key, :value) "
                "ON CONFLICT (resource, key) DO UPDATE SET value = excluded.value"
            ),
            [{"resource": resource, "key": key, "value": value} for key, value in wanted.items()],
        )


def label(connection: Connection, resource: str, pairs: Mapping[str, str]) -> None:
    """Put tags on what is there. Raises what ``require`` and ``put`` raise."""
    require(connection, resource)
    put(connection, resource, pairs)


def unlabel(connection: Connection, resource: str, keys: Sequence[str]) -> None:
    """Take tags off what is there. Raises what ``require`` raises."""
    require(connection, resource)
    remove(connection, resource, keys)


def remove(connection: Connection, resource: str, keys: Sequence[str]) -> None:
    """Take tags off a resource; one that it has not is no error."""
    connection.execute(
        text(
            "DELETE FROM tags WHERE resource = :resource "
            f"AND key IN (SELECT v FROM {texts(connection, 'keys')} k)"
        ),
        {"resource": resource, "keys": bound(connection, keys)},
    )


def of(connection: Connection, resource: str) -> dict[str, str]:
    """Return all tags of a resource, by key."""
    found = connection.execute(
        text("SELECT key, value FROM tags WHERE resource = :resource ORDER BY key"), {"resource": resource}
    )
    return {row.key: row.value for row in found}


def page(
    connection: Connection, resource: str, *, max_results: int = rules.MAX_TAGS, next_token: str | None = None
) -> Page[tuple[str, str]]:
    """Return tags of a resource as pairs, by key. Raises what ``require`` raises."""
    require(connection, resource)
    question = ("tags", resource)
    after = start(connection, question, next_token)
    found = connection.execute(
        text(
            "SELECT key, value FROM tags WHERE resource = :resource "
            f"{'' if after is None else 'AND key > :after'} ORDER BY key LIMIT :limit"
        ),
        {"resource": resource, "after": after, "limit": size(max_results) + 1},
    )
    return cut(connection, question, [(row.key, (row.key, row.value)) for row in found], max_results)


def clear(connection: Connection, resource: str) -> None:
    """Take all tags off a resource that is going."""
    connection.execute(text("DELETE FROM tags WHERE resource = :resource"), {"resource": resource})
