"""What the AWS dialects say: types, tags, event configurations, access keys, certificates, policies."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _text(name: str, default: str | None = None) -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), server_default=default, nullable=default is None)


def _word(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), nullable=False)


def _moment(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger(), nullable=False)


def _perhaps(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger(), nullable=True)


def _flag(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Boolean(), server_default=sa.text("false"), nullable=False)


_COLUMNS: dict[str, list[sa.Column[Any]]] = {
    "things": [_text("thing_type"), _text("billing_group")],
    "thing_groups": [_text("attributes", "{}")],
    "jobs": [
        _text("namespace_id"),
        _text("document_source"),
        _text("original_document"),
        _text("document_parameters", "{}"),
        _text("package_versions", "[]"),
    ],
    "templates": [_text("document_source"), _text("package_versions", "[]")],
}


def upgrade() -> None:
    for table, columns in _COLUMNS.items():
        for column in columns:
            op.add_column(table, column)
    named = sa.text("namespace_id IS NOT NULL")
    op.create_index(
        "ix_jobs_namespace_status_id",
        "jobs",
        ["namespace_id", "status", "id"],
        sqlite_where=named,
        postgresql_where=named,
    )
    for label in ("thing_type", "billing_group"):
        known = sa.text(f"{label} IS NOT NULL")
        name = op.f(f"ix_things_{label}")
        op.create_index(
            name, "things", [label, "name"], unique=False, sqlite_where=known, postgresql_where=known
        )
    _registry()
    _principals()


def _own(name: str, *columns: Any) -> None:
    """Create a table whose rows number themselves."""
    op.create_table(
        name,
        sa.Column("id", _KEY, nullable=False),
        *columns,
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{name}")),
        sqlite_autoincrement=True,
    )


def _keyed(name: str, key: tuple[str, ...], *columns: Any) -> None:
    """Create a table whose rows are known by what they say."""
    op.create_table(
        name, *columns, sa.PrimaryKeyConstraint(*key, name=op.f(f"pk_{name}")), sqlite_with_rowid=False
    )


def _registry() -> None:
    _own(
        "thing_types",
        _word("name"),
        _word("type_id"),
        _text("description"),
        _text("searchable_attributes", "[]"),
        _moment("created_at"),
        _perhaps("deprecated_at"),
        sa.UniqueConstraint("name", name=op.f("uq_thing_types_name")),
    )
    _own(
        "billing_groups",
        _word("name"),
        _word("group_id"),
        _text("description"),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        _moment("created_at"),
        sa.UniqueConstraint("name", name=op.f("uq_billing_groups_name")),
    )
    _keyed("tags", ("resource", "key"), _word("resource"), _word("key"), _word("value"))
    _keyed(
        "event_configurations",
        ("kind",),
        _word("kind"),
        _flag("enabled"),
        _moment("created_at"),
        _moment("last_modified_at"),
    )
    _keyed(
        "positions",
        ("name",),
        _word("name"),
        sa.Column("position", sa.BigInteger(), server_default="0", nullable=False),
    )
    _own(
        "lifecycle_notes",
        _moment("at"),
        _moment("place"),
        sa.Column("behind", sa.Integer(), server_default="1", nullable=False),
        _word("kind"),
        _word("operation"),
        _word("job_id"),
        _text("thing_name"),
        _perhaps("number"),
        _text("details", "{}"),
    )
    index = op.f("ix_lifecycle_notes_place_behind_id")
    op.create_index(index, "lifecycle_notes", ["place", "behind", "id"], unique=False)


def _principals() -> None:
    _own(
        "access_keys",
        _word("key_id"),
        sa.Column("sealed_secret", sa.LargeBinary(), nullable=False),
        _word("role"),
        sa.Column("thing", _KEY, nullable=True),
        _text("description"),
        _moment("created_at"),
        _perhaps("last_used_at"),
        _perhaps("revoked_at"),
        sa.ForeignKeyConstraint(["thing"], ["things.id"], name=op.f("fk_access_keys_thing")),
        sa.UniqueConstraint("key_id", name=op.f("uq_access_keys_key_id")),
    )
    _own(
        "certificates",
        _word("certificate_id"),
        _word("pem"),
        _text("common_name", ""),
        _word("status"),
        _word("mode"),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        _moment("created_at"),
        _moment("last_modified_at"),
        _moment("not_before"),
        _moment("not_after"),
        _perhaps("rights_ended_at"),
        sa.UniqueConstraint("certificate_id", name=op.f("uq_certificates_certificate_id")),
    )
    for table, column in (
        ("access_keys", "thing"),
        ("access_keys", "revoked_at"),
        ("certificates", "rights_ended_at"),
    ):
        op.create_index(
            f"ix_{table}_{column}",
            table,
            [column],
            unique=False,
            sqlite_where=sa.text(f"{column} IS NOT NULL"),
            postgresql_where=sa.text(f"{column} IS NOT NULL"),
        )
    _keyed(
        "thing_principals",
        ("certificate", "thing"),
        sa.Column("certificate", _KEY, nullable=False),
        sa.Column("thing", _KEY, nullable=False),
        _flag("exclusive"),
        sa.ForeignKeyConstraint(
            ["certificate"], ["certificates.id"], name=op.f("fk_thing_principals_certificate")
        ),
        sa.ForeignKeyConstraint(["thing"], ["things.id"], name=op.f("fk_thing_principals_thing")),
    )
    op.create_index(op.f("ix_thing_principals_thing"), "thing_principals", ["thing"], unique=False)
    _own(
        "policies",
        _word("name"),
        _moment("created_at"),
        sa.Column("last_version", sa.Integer(), server_default="1", nullable=False),
        sa.UniqueConstraint("name", name=op.f("uq_policies_name")),
    )
    _keyed(
        "policy_versions",
        ("policy", "number"),
        sa.Column("policy", _KEY, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        _word("document"),
        _flag("is_default"),
        _moment("created_at"),
        sa.ForeignKeyConstraint(["policy"], ["policies.id"], name=op.f("fk_policy_versions_policy")),
    )
    _keyed(
        "policy_attachments",
        ("policy", "target"),
        sa.Column("policy", _KEY, nullable=False),
        _word("target"),
        _moment("attached_at"),
        sa.ForeignKeyConstraint(["policy"], ["policies.id"], name=op.f("fk_policy_attachments_policy")),
    )
    op.create_index("ix_policy_attachments_target", "policy_attachments", ["target"], unique=False)
