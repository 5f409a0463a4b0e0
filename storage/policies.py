"""Policies: documents in versions, attached to certificates and thing groups. They are kept, not applied."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from domain.errors import AlreadyExists, InvalidRequest, LimitExceeded, NotFound, StillAttached, VersionsLimit
from domain.policies import MAX_ATTACHED, MAX_VERSIONS, Policy, PolicyVersion, document, policy_name
from storage import certificates, tags
from storage.millis import from_millis, to_millis
from storage.pages import Page, cut, size, start

_NEW_VERSION = (
    "INSERT INTO policy_versions (policy, number, document, is_default, created_at) "
    "VALUES (:policy, :number, :document, :is_default, :at)"
)


def create(
    connection: Connection, name: str, content: str, *, labels: dict[str, str] | None = None, at: datetime
) -> Policy:
    """Keep a policy. Raises ``AlreadyExists``, ``InvalidRequest``, ``MalformedPolicy``."""
    policy_name(name)
    document(content)
    if _key(connection, name) is not None:
        raise AlreadyExists(f"The policy {name} already exists")
    connection.execute(
        text("INSERT INTO policies (name, created_at) VALUES (:name, :at)"),
        {"name": name, "at": to_millis(at)},
    )
    key = key_of(connection, name)
    first = {"policy": key, "number": 1, "document": content, "is_default": True, "at": to_millis(at)}
    connection.execute(text(_NEW_VERSION), first)
    tags.put(connection, resource(name), labels or {})
    return get(connection, name)


def resource(name: str) -> str:
    """Return the end of a policy's ARN, which is how tags know it."""
    return f"policy/{name}"


def key_of(connection: Connection, name: str) -> int:
    """Return a policy's key, or raise ``NotFound``."""
    key = _key(connection, name)
    if key is None:
        raise NotFound(f"There is no policy {name[:128]}")
    return key


def get(connection: Connection, name: str) -> Policy:
    """Return a policy, or raise ``NotFound``."""
    key = key_of(connection, name)
    row = connection.execute(text("SELECT * FROM policies WHERE id = :key"), {"key": key}).one()
    found = versions(connection, name)
    default = next(each for each in found if each.is_default)
    newest = max(each.created_at for each in found)
    return Policy(default=default, created_at=from_millis(row.created_at), last_modified_at=newest)


def delete(connection: Connection, name: str) -> None:
    """Forget a policy. Raises ``NotFound``, ``StillAttached`` while it is that, or has further versions."""
    key = key_of(connection, name)
    if len(versions(connection, name)) > 1:
        raise StillAttached(f"The policy {name} has versions besides the default one; delete them first")
    attached = connection.execute(
        text("SELECT target FROM policy_attachments WHERE policy = :key LIMIT 1"), {"key": key}
    ).scalar()
    if attached is not None:
        raise StillAttached(f"The policy {name} is attached to {attached}; detach it first")
    tags.clear(connection, resource(name))
    connection.execute(text("DELETE FROM policy_versions WHERE policy = :key"), {"key": key})
    connection.execute(text("DELETE FROM policies WHERE id = :key"), {"key": key})


def page(
    connection: Connection, *, ascending: bool = False, max_results: int = 25, marker: str | None = None
) -> Page[str]:
    """Return the names of policies by when they came, the newest first unless ``ascending``."""
    question = ("policies", ascending)
    after = start(connection, question, marker, member="marker")
    step, order = (">", "ASC") if ascending else ("<", "DESC")
    condition = "" if after is None else f"WHERE id {step} :after"
    found = connection.execute(
        text(f"SELECT id, name FROM policies {condition} ORDER BY id {order} LIMIT :limit"),
        {"after": after, "limit": size(max_results) + 1},
    )
    return cut(connection, question, [(row.id, row.name) for row in found], max_results)


# --- versions ---


def add_version(
    connection: Connection, name: str, content: str, *, default: bool = False, at: datetime
) -> PolicyVersion:
    """Add a version. Raises ``NotFound``, ``MalformedPolicy``, ``VersionsLimit``."""
    key = key_of(connection, name)
    document(content)
    if len(versions(connection, name)) >= MAX_VERSIONS:
        raise VersionsLimit(f"The policy {name} has {MAX_VERSIONS} versions; delete one first")
    number = connection.execute(
        text("UPDATE policies SET last_version = last_version + 1 WHERE id = :key RETURNING last_version"),
        {"key": key},
    ).scalar_one()
    new = {"policy": key, "number": number, "document": content, "is_default": False, "at": to_millis(at)}
    connection.execute(text(_NEW_VERSION), new)
    if default:
        set_default(connection, name, number)
    return version(connection, name, number)


def versions(connection: Connection, name: str) -> list[PolicyVersion]:
    """Return a policy's versions, the newest first. Raises ``NotFound``."""
    found = connection.execute(
        text("SELECT * FROM policy_versions WHERE policy = :key ORDER BY number DESC"),
        {"key": key_of(connection, name)},
    )
    return [_version(name, row) for row in found]


def version(connection: Connection, name: str, number: int) -> PolicyVersion:
    """Return one version. Raises ``NotFound``."""
    for each in versions(connection, name):
        if each.number == number:
            return each
    raise NotFound(f"The policy {name} has no version {number}")


def set_default(connection: Connection, name: str, number: int) -> None:
    """Make a version the policy's own. Raises ``NotFound``."""
    version(connection, name, number)
    connection.execute(
        text("UPDATE policy_versions SET is_default = (number = :number) WHERE policy = :key"),
        {"number": number, "key": key_of(connection, name)},
    )


def delete_version(connection: Connection, name: str, number: int) -> None:
    """Forget a version. Raises ``NotFound``, ``StillAttached`` for the default one."""
    if version(connection, name, number).is_default:
        raise StillAttached(f"Version {number} of the policy {name} is its default")
    connection.execute(
        text("DELETE FROM policy_versions WHERE policy = :key AND number = :number"),
        {"key": key_of(connection, name), "number": number},
    )


# --- what policies are attached to: "cert/ID" or "thinggroup/NAME" ---


def attach(connection: Connection, name: str, target: str, *, at: datetime) -> None:
    """Attach a policy; again is no error. Raises ``NotFound``, ``LimitExceeded``."""
    key = key_of(connection, name)
    _check_target(connection, target)
    others = connection.execute(
        text("SELECT count(*) FROM policy_attachments WHERE target = :target AND policy <> :key"),
        {"target": target, "key": key},
    ).scalar_one()
    if others >= MAX_ATTACHED:
        raise LimitExceeded(f"{target} has {others} policies; at most {MAX_ATTACHED} are allowed")
    connection.execute(
        text(
            "INSERT INTO policy_attachments (policy, target, attached_at) VALUES (:key, :target, :at) "
            "ON CONFLICT (policy, target) DO NOTHING"
        ),
        {"key": key, "target": target, "at": to_millis(at)},
    )


def detach(connection: Connection, name: str, target: str) -> None:
    """Take a policy from something; it may have it or not. Raises ``NotFound`` for the policy."""
    connection.execute(
        text("DELETE FROM policy_attachments WHERE policy = :key AND target = :target"),
        {"key": key_of(connection, name), "target": target},
    )


def of_target(
    connection: Connection,
    target: str,
    *,
    recursive: bool = False,
    ascending: bool = True,
    max_results: int = 250,
    marker: str | None = None,
) -> Page[str]:
    """Return the names of something's policies, with ``recursive`` of the groups around it too.

    Raises ``NotFound``.
    """
    _check_target(connection, target)
    question = ("policies of", target, recursive, ascending)
    after = start(connection, question, marker, member="marker")
    step, order = (">", "ASC") if ascending else ("<", "DESC")
    around = _AROUND if recursive and target.startswith("thinggroup/") else "SELECT :target AS target"
    found = connection.execute(
        text(
            f"SELECT DISTINCT p.name FROM ({around}) t JOIN policy_attachments a ON a.target = t.target "
            f"JOIN policies p ON p.id = a.policy {'' if after is None else f'WHERE p.name {step} :after'} "
            f"ORDER BY p.name {order} LIMIT :limit"
        ),
        {
            "target": target,
            "group": target.partition("/")[2],
            "after": after,
            "limit": size(max_results) + 1,
        },
    ).scalars()
    return cut(connection, question, [(each, each) for each in found], max_results)


#: A group and those around it.
_AROUND = (
    "WITH RECURSIVE around (id, name, parent) AS ("
    "SELECT id, name, parent FROM thing_groups WHERE name = :group UNION "
    "SELECT g.id, g.name, g.parent FROM thing_groups g JOIN around i ON g.id = i.parent) "
    "SELECT 'thinggroup/' || name AS target FROM around"
)


def targets(
    connection: Connection,
    name: str,
    *,
    prefix: str = "",
    ascending: bool = True,
    max_results: int = 250,
    marker: str | None = None,
) -> Page[str]:
    """Return what a policy is attached to, of those that begin with ``prefix``. Raises ``NotFound``."""
    question = ("targets of", name, prefix, ascending)
    after = start(connection, question, marker, member="marker")
    step, order = (">", "ASC") if ascending else ("<", "DESC")
    found = connection.execute(
        text(
            "SELECT target FROM policy_attachments WHERE policy = :key AND target LIKE :prefix || '%' "
            f"{'' if after is None else f'AND target {step} :after'} ORDER BY target {order} LIMIT :limit"
        ),
        {
            "key": key_of(connection, name),
            "prefix": prefix,
            "after": after,
            "limit": size(max_results) + 1,
        },
    ).scalars()
    return cut(connection, question, [(each, each) for each in found], max_results)


def forget_target(connection: Connection, target: str) -> None:
    """Detach everything from what is being deleted."""
    connection.execute(text("DELETE FROM policy_attachments WHERE target = :target"), {"target": target})


def _check_target(connection: Connection, target: str) -> None:
    kind, _, name = target.partition("/")
    match kind:
        case "cert":
            certificates.key_of(connection, name)
        case "thinggroup":
            # One that is being deleted has lost its policies already; the next of its name is to have none.
            if not connection.execute(
                text("SELECT 1 FROM thing_groups WHERE name = :name AND sweep = ''"), {"name": name}
            ).first():
                raise NotFound(f"There is no thing group {name[:128]}")
        case _:
            raise InvalidRequest(f"target {target[:128]!r} is neither a certificate nor a thing group")


def _key(connection: Connection, name: str) -> int | None:
    return connection.execute(text("SELECT id FROM policies WHERE name = :name"), {"name": name}).scalar()


def _version(name: str, row: Any) -> PolicyVersion:
    return PolicyVersion(
        policy_name=name,
        number=row.number,
        document=row.document,
        is_default=bool(row.is_default),
        created_at=from_millis(row.created_at),
    )
