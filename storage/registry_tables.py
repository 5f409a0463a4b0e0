"""The tables of the registry's side: thing types, billing groups, tags, what events are published."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table, Text, text

from storage.columns import Key, Millis, metadata

thing_types: Final = Table(
    "thing_types",
    metadata,
    Column("id", Key, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("type_id", Text, nullable=False),
    Column("description", Text),
    Column("searchable_attributes", Text, nullable=False, server_default="[]"),
    Column("created_at", Millis, nullable=False),
    Column("deprecated_at", Millis),
    sqlite_autoincrement=True,
)

#: Names under which things are billed elsewhere; here they are labels.
billing_groups: Final = Table(
    "billing_groups",
    metadata,
    Column("id", Key, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("group_id", Text, nullable=False),
    Column("description", Text),
    Column("version", BigInteger, nullable=False, server_default="1"),
    Column("created_at", Millis, nullable=False),
    sqlite_autoincrement=True,
)

#: Labels on what has an ARN; ``resource`` is the end of that: "job/ID", "jobtemplate/ID", "thinggroup/NAME".
tags = Table(
    "tags",
    metadata,
    Column("resource", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
    sqlite_with_rowid=False,
)

#: Which kinds of event are published over MQTT (contract 3.6); a kind without a row is off.
event_configurations = Table(
    "event_configurations",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("enabled", Boolean, nullable=False, server_default=text("false")),
    Column("created_at", Millis, nullable=False),
    Column("last_modified_at", Millis, nullable=False),
    sqlite_with_rowid=False,
)

#: Places in execution_events, by id: up to where its publisher has come, and up to where they are gone.
positions = Table(
    "positions",
    metadata,
    Column("name", Text, primary_key=True),
    Column("position", BigInteger, nullable=False, server_default="0"),
    # Of what is gone, when the latest was.
    Column("at", Millis),
    sqlite_with_rowid=False,
)

#: What is to be published and is not in execution_events, or soon not any more; gone when published.
lifecycle_notes = Table(
    "lifecycle_notes",
    metadata,
    Column("id", Key, primary_key=True),
    Column("at", Millis, nullable=False),
    # Its place among transitions: behind the last one there had been by then (1), or it is one itself (0).
    Column("place", BigInteger, nullable=False),
    Column("behind", Integer, nullable=False, server_default="1"),
    Column("kind", Text, nullable=False),
    Column("operation", Text, nullable=False),
    Column("job_id", Text, nullable=False),
    Column("thing_name", Text),
    Column("number", BigInteger),
    # Of an execution its status details, of a job what its events say of it; JSON.
    Column("details", Text, nullable=False, server_default="{}"),
    Index("ix_lifecycle_notes_place_behind_id", "place", "behind", "id"),
    sqlite_autoincrement=True,
)
