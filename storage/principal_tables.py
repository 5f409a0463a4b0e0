"""The tables of who may come in: access keys, certificates, what things they are for, policies."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, LargeBinary, Table, Text, text

from storage.columns import Key, Millis, metadata

#: Key pairs that requests are signed with (SigV4). Signatures need the secret itself, so it is kept sealed.
access_keys: Final = Table(
    "access_keys",
    metadata,
    Column("id", Key, primary_key=True),
    Column("key_id", Text, nullable=False, unique=True),
    Column("sealed_secret", LargeBinary, nullable=False),
    Column("role", Text, nullable=False),
    # What a key of the role DEVICE speaks for.
    Column("thing", Key, ForeignKey("things.id")),
    Column("description", Text),
    Column("created_at", Millis, nullable=False),
    Column("last_used_at", Millis),
    Column("revoked_at", Millis),
    sqlite_autoincrement=True,
)

certificates = Table(
    "certificates",
    metadata,
    Column("id", Key, primary_key=True),
    # SHA-256 of the certificate (DER) in hex, as AWS has it.
    Column("certificate_id", Text, nullable=False, unique=True),
    Column("pem", Text, nullable=False),
    Column("common_name", Text, nullable=False, server_default=""),
    Column("status", Text, nullable=False),
    # SNI_ONLY (AWS's word) stands for what was registered as it is, whoever signed it.
    Column("mode", Text, nullable=False),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("created_at", Millis, nullable=False),
    Column("last_modified_at", Millis, nullable=False),
    Column("not_before", Millis, nullable=False),
    Column("not_after", Millis, nullable=False),
    # When something it opened the door for ended last: its status changed, or a thing lost it.
    Column("rights_ended_at", Millis),
    sqlite_autoincrement=True,
)

for _rare in (access_keys.c.thing, access_keys.c.revoked_at, certificates.c.rights_ended_at):
    Index(
        f"ix_{_rare.table.name}_{_rare.name}",
        _rare,
        sqlite_where=text(f"{_rare.name} IS NOT NULL"),
        postgresql_where=text(f"{_rare.name} IS NOT NULL"),
    )

#: Which things a certificate is for.
thing_principals = Table(
    "thing_principals",
    metadata,
    Column("certificate", Key, ForeignKey("certificates.id"), primary_key=True),
    Column("thing", Key, ForeignKey("things.id"), primary_key=True, index=True),
    # Then no other thing may have it.
    Column("exclusive", Boolean, nullable=False, server_default=text("false")),
    sqlite_with_rowid=False,
)

policies = Table(
    "policies",
    metadata,
    Column("id", Key, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("created_at", Millis, nullable=False),
    Column("last_version", Integer, nullable=False, server_default="1"),
    sqlite_autoincrement=True,
)

policy_versions = Table(
    "policy_versions",
    metadata,
    Column("policy", Key, ForeignKey("policies.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("document", Text, nullable=False),
    Column("is_default", Boolean, nullable=False, server_default=text("false")),
    Column("created_at", Millis, nullable=False),
    sqlite_with_rowid=False,
)

policy_attachments = Table(
    "policy_attachments",
    metadata,
    Column("policy", Key, ForeignKey("policies.id"), primary_key=True),
    # "cert/ID" or "thinggroup/NAME": the end of the target's ARN.
    Column("target", Text, primary_key=True),
    Column("attached_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
Index("ix_policy_attachments_target", policy_attachments.c.target)
