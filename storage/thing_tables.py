"""The tables of things, of groups, and of who is in which."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, Table, Text, text

from storage.columns import Key, Millis, metadata

things = Table(
    "things",
    metadata,
    Column("id", Key, primary_key=True),
    Column("name", Text, nullable=False),
    Column("thing_id", Text, nullable=False),
    Column("attributes", Text, nullable=False, server_default="{}"),
    Column("time_zone", Text),
    Column("version", BigInteger, nullable=False, server_default="1"),
    Column("created_at", Millis, nullable=False),
    # A deleted thing keeps its row, since executions point at it; its name is free again.
    Column("deleted_at", Millis),
    # Marks: the pending list may have changed `notify_seq` times; the thing was told up to `notified_seq`.
    Column("notify_seq", BigInteger, nullable=False, server_default="0"),
    Column("notified_seq", BigInteger, nullable=False, server_default="0"),
    # What it was told last: a digest of the pending set, and the first execution (0: none).
    Column("announced_set", Text, nullable=False, server_default=""),
    Column("announced_next", BigInteger, nullable=False, server_default="0"),
    # Until when one of several notifiers has it for itself.
    Column("claimed_until", Millis, nullable=False, server_default="0"),
    # Contact: whether it has a connection as far as we know, since when so, and when it was last heard.
    Column("connected", Boolean, nullable=False, server_default=text("false")),
    Column("connection_changed_at", Millis),
    Column("last_seen_at", Millis),
    # How many jobs in a row it has failed, and until when it gets no new work for that.
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("quarantined_until", Millis),
    # What a delete still has to do: '' when nothing.
    Column("sweep", Text, nullable=False, server_default=""),
    # By name; a deleted type leaves no thing behind.
    Column("thing_type", Text),
    Column("billing_group", Text),
    sqlite_autoincrement=True,
)
Index(
    "uq_things_name",
    things.c.name,
    unique=True,
    sqlite_where=text("deleted_at IS NULL"),
    postgresql_where=text("deleted_at IS NULL"),
)
Index(
    "ix_things_dirty",
    things.c.id,
    sqlite_where=text("notify_seq > notified_seq"),
    postgresql_where=text("notify_seq > notified_seq"),
)

Index(
    "ix_things_sweep",
    things.c.id,
    sqlite_where=text("sweep <> ''"),
    postgresql_where=text("sweep <> ''"),
)
Index(
    "ix_things_connected",
    things.c.last_seen_at,
    sqlite_where=text("connected"),
    postgresql_where=text("connected"),
)
Index(
    "ix_things_quarantined_until",
    things.c.quarantined_until,
    sqlite_where=text("quarantined_until IS NOT NULL"),
    postgresql_where=text("quarantined_until IS NOT NULL"),
)
for _label in ("thing_type", "billing_group"):
    Index(
        f"ix_things_{_label}",
        things.c[_label],
        things.c.name,
        sqlite_where=text(f"{_label} IS NOT NULL"),
        postgresql_where=text(f"{_label} IS NOT NULL"),
    )

thing_groups = Table(
    "thing_groups",
    metadata,
    Column("id", Key, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("group_id", Text, nullable=False),
    Column("parent", Key, ForeignKey("thing_groups.id"), index=True),
    Column("description", Text),
    Column("version", BigInteger, nullable=False, server_default="1"),
    Column("created_at", Millis, nullable=False),
    # The zone of those members that have none of their own.
    Column("time_zone", Text),
    # A dynamic group follows a query; how far its pass over all things has come (null: it is through).
    Column("query", Text),
    Column("built_to", Text),
    # What a delete still has to do: '' when nothing.
    Column("sweep", Text, nullable=False, server_default=""),
    Column("attributes", Text, nullable=False, server_default="{}"),
    sqlite_autoincrement=True,
)

Index(
    "ix_thing_groups_sweep",
    thing_groups.c.id,
    sqlite_where=text("sweep <> ''"),
    postgresql_where=text("sweep <> ''"),
)

Index(
    "ix_thing_groups_query",
    thing_groups.c.id,
    sqlite_where=text("query IS NOT NULL"),
    postgresql_where=text("query IS NOT NULL"),
)

group_members = Table(
    "group_members",
    metadata,
    Column("group", Key, ForeignKey("thing_groups.id"), primary_key=True),
    Column("thing", Key, ForeignKey("things.id"), primary_key=True, index=True),
    sqlite_with_rowid=False,
)
