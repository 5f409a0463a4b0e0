"""The document of an execution as its device is given it: placeholders filled in at that moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from pydantic_core import from_json
from sqlalchemy import Connection, text

from domain.errors import Undeliverable
from domain.substitution import (
    ATTRIBUTES,
    KEEP,
    RULES,
    THING_NAME,
    Kind,
    Moment,
    Placeholder,
    deliver,
    is_plain,
)
from storage.lists import bound, ints
from storage.policy import Delivery, Mint, Policy
from storage.rows import Stored


class Deliveries:
    """The documents of one batch. What they need is read once for all its things, and only if needed."""

    def __init__(
        self, connection: Connection, things: Iterable[int], *, policy: Policy, at: datetime
    ) -> None:
        self._connection = connection
        self._things = sorted(set(things))
        self._policy = policy
        self._at = at
        self._documents: dict[int, tuple[str, bool]] = {}
        self._attributes: Mapping[int, Mapping[str, str]] | None = None
        self._values: dict[int, Mapping[int, Mapping[str, Any]]] = {}
        self._mint: Mint | None = None

    def of(self, entry: Stored) -> str:
        """Return the document for this execution's thing; raises ``Undeliverable``."""
        document, plain = self._document(entry.job_key)
        if plain:
            return document
        return deliver(document, lambda placeholder: self._resolve(placeholder, entry))

    def read_ahead(self, job_keys: Iterable[int]) -> None:
        """Read the documents of these jobs in one statement."""
        statement = text(
            f"SELECT id, document FROM jobs WHERE id IN (SELECT v FROM {ints(self._connection, 'keys')} k)"
        )
        keys = bound(self._connection, sorted(set(job_keys)))
        for row in self._connection.execute(statement, {"keys": keys}):
            self._documents[row.id] = (row.document, is_plain(row.document))

    def _document(self, job_key: int) -> tuple[str, bool]:
        if job_key not in self._documents:
            found = self._connection.execute(
                text("SELECT document FROM jobs WHERE id = :key"), {"key": job_key}
            ).scalar_one()
            self._documents[job_key] = (found, is_plain(found))
        return self._documents[job_key]

    def _resolve(self, placeholder: Placeholder, entry: Stored) -> object:
        kind, name = placeholder.kind, placeholder.name
        if RULES[kind].moment is not Moment.DELIVERY:
            return KEEP
        found: object
        if kind is Kind.THING:
            found = entry.execution.thing_name if name == THING_NAME else self._attribute(entry, name)
        elif kind is Kind.VALUE:
            found = self._values_of(entry.job_key).get(entry.thing_key, {}).get(name)
        else:
            found = self._link(placeholder, entry)
            if found is None and kind is Kind.S3_URL:
                return KEEP
        if found is None:
            raise Undeliverable(
                f"thing {entry.execution.thing_name} has no value for {placeholder}, which the document needs"
            )
        return found

    def _attribute(self, entry: Stored, name: str) -> str | None:
        if self._attributes is None:
            statement = text(
                f"SELECT t.id, t.attributes FROM {ints(self._connection, 'keys')} k "
                "CROSS JOIN things t WHERE t.id = k.v"
            )
            rows = self._connection.execute(statement, {"keys": bound(self._connection, self._things)})
            self._attributes = {row.id: from_json(row.attributes) for row in rows}
        return self._attributes[entry.thing_key].get(name.removeprefix(ATTRIBUTES))

    def _values_of(self, job_key: int) -> Mapping[int, Mapping[str, Any]]:
        if job_key not in self._values:
            statement = text(
                f'SELECT v.thing, v."values" FROM {ints(self._connection, "keys")} k '
                "CROSS JOIN job_values v WHERE v.job = :job AND v.thing = k.v"
            )
            keys = bound(self._connection, self._things)
            rows = self._connection.execute(statement, {"keys": keys, "job": job_key})
            self._values[job_key] = {row[0]: from_json(row[1]) for row in rows}
        return self._values[job_key]

    def _link(self, placeholder: Placeholder, entry: Stored) -> str | int | None:
        if self._policy.minter is None:
            return None
        if self._mint is None:
            self._mint = self._policy.minter(self._connection, self._at)
        return self._mint(placeholder, Delivery(entry.job_key, entry.execution.thing_name))
