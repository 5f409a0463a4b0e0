"""Values per thing for a job's document: kept in bulk, and demanded of every thing that waits for the job."""

from __future__ import annotations

from typing import Final

from pydantic_core import to_json
from sqlalchemy import Connection, text

from domain.documents import MAX_BYTES
from domain.errors import InvalidRequest
from domain.substitution import (
    ATTRIBUTES,
    KEEP,
    RULES,
    THING_NAME,
    Kind,
    Moment,
    Placeholder,
    fill,
    is_plain,
    placeholders,
)
from domain.values import NAMED, Values, few
from storage.many import execute_many
from storage.targets import thing_keys

#: How long a link is taken to be where a document's size is estimated.
LINK_BYTES: Final = 1024
#: How long the name of a thing is taken to be where nobody waits yet.
LONGEST_NAME: Final = 128

_KEEP: Final = text(
    'INSERT INTO job_values (job, thing, "values") VALUES (:job, :thing, :values) '
    'ON CONFLICT (job, thing) DO UPDATE SET "values" = excluded."values"'
)
#: Of the things that wait, each with what a document may ask of it.
_WAITING: Final = (
    "FROM waiting w JOIN things t ON t.id = w.thing "
    "LEFT JOIN job_values v ON v.job = w.job AND v.thing = w.thing WHERE w.job = :job"
)
_MEMBER: Final = {
    "sqlite": "json_extract({column}, :path)",
    "postgresql": "CAST({column} AS jsonb) ->> :name",
}


def keep(connection: Connection, job_key: int, values: Values) -> None:
    """Write down the values of things, also of things that join later.

    Raises ``InvalidRequest`` for names that are no things.
    """
    if not values:
        return
    keys = thing_keys(connection, values)
    unknown = values.keys() - keys.keys()
    if unknown:
        raise InvalidRequest(f"thingValues: there are no things {few(unknown)}")
    rows = [
        {"job": job_key, "thing": keys[name], "values": to_json(dict(row)).decode()}
        for name, row in sorted(values.items(), key=lambda item: keys[item[0]])
    ]
    execute_many(connection, _KEEP, rows)


def asks_each(document: str) -> bool:
    """Tell whether a document needs something of each thing that a thing may lack."""
    if is_plain(document):
        return False
    return any(p.kind in (Kind.VALUE, Kind.THING) and p.name != THING_NAME for p in placeholders(document))


def require(connection: Connection, job_key: int, document: str) -> None:
    """Raise ``InvalidRequest`` unless every thing that waits has all that the document needs of it.

    Also if the document, filled in, could be larger than a document may be.
    """
    if is_plain(document):
        return
    asked = {p for p in placeholders(document) if RULES[p.kind].moment is Moment.DELIVERY}
    longest = {placeholder: _longest(connection, job_key, placeholder) for placeholder in asked}
    size = len(fill(document, lambda placeholder: longest.get(placeholder, KEEP)).encode())
    if size > MAX_BYTES:
        raise InvalidRequest(f"document, filled in, can have {size} bytes; at most {MAX_BYTES} are allowed")


def _longest(connection: Connection, job_key: int, placeholder: Placeholder) -> str:
    """Return the longest value that stands for a placeholder, or something as long."""
    if placeholder.kind is Kind.VALUE:
        return "x" * _demand(connection, job_key, placeholder, 'v."values"', placeholder.name)
    if placeholder.kind is not Kind.THING:
        return "x" * LINK_BYTES
    if placeholder.name == THING_NAME:
        longest = text(f"SELECT max(length(t.name)) {_WAITING}")
        return "x" * (connection.execute(longest, {"job": job_key}).scalar() or LONGEST_NAME)
    attribute = placeholder.name.removeprefix(ATTRIBUTES)
    return "x" * _demand(connection, job_key, placeholder, "t.attributes", attribute)


def _demand(connection: Connection, job_key: int, placeholder: Placeholder, column: str, name: str) -> int:
    """Return the length of the longest value there is; raises ``InvalidRequest`` if a thing has none."""
    value = _MEMBER[connection.dialect.name].format(column=column)
    bound = {"job": job_key, "name": name, "path": f'$."{name}"'}
    row = connection.execute(
        text(f"SELECT count(*) - count({value}) AS missing, max(length({value})) AS longest {_WAITING}"),
        bound,
    ).one()
    if row.missing:
        names = connection.execute(
            text(f"SELECT t.name {_WAITING} AND {value} IS NULL ORDER BY t.name LIMIT {NAMED}"), bound
        ).scalars()
        raise InvalidRequest(
            f"{row.missing} things have no value for {placeholder}, which the document needs: "
            f"{few(list(names), row.missing)}"
        )
    return int(row.longest or 0)
