"""Artifacts: what is known of the files that job documents point to; their content lies elsewhere."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, text

from domain.artifacts import Artifact
from domain.errors import AlreadyExists, Conflict, NotFound
from domain.names import artifact_name
from domain.substitution import Kind, placeholders
from storage.lists import bound, texts
from storage.millis import from_millis, to_millis
from storage.pages import Page, cut, size, start
from storage.tables import OPEN_SQL

#: Kinds of placeholder that name an artifact.
OF_ARTIFACTS: Final = frozenset({Kind.ARTIFACT, Kind.ARTIFACT_SHA256, Kind.ARTIFACT_SIZE})
_COLUMNS: Final = "id, name, sha256, size, content_type, created_at"


def create(
    connection: Connection, name: str, *, sha256: str, size: int, content_type: str, at: datetime
) -> bool:
    """Give a name to a content that is on disk; False if it had it already.

    Raises ``AlreadyExists`` if the name stands for another content: a job made today must mean tomorrow what
    it meant when it was made.
    """
    found = find(connection, artifact_name(name))
    if found is not None:
        refuse_other(found, sha256=sha256)
        return False
    connection.execute(
        text(
            "INSERT INTO artifacts (name, sha256, size, content_type, created_at) "
            "VALUES (:name, :sha256, :size, :content_type, :at)"
        ),
        {"name": name, "sha256": sha256, "size": size, "content_type": content_type, "at": to_millis(at)},
    )
    return True


def refuse_other(found: Artifact, *, sha256: str | None = None, size: int | None = None) -> None:
    """Raise ``AlreadyExists`` if a content with this digest or this size cannot be the artifact's."""
    if sha256 not in (None, found.sha256) or size not in (None, found.size):
        raise AlreadyExists(
            f"Artifact {found.name} already exists with other content (sha256 {found.sha256}); "
            "give the new content a name of its own, or delete the old one first"
        )


def get(connection: Connection, name: str) -> Artifact:
    """Return an artifact, or raise ``NotFound``."""
    found = find(connection, name)
    if found is None:
        raise NotFound(f"There is no artifact {name}")
    return found


def find(connection: Connection, name: str) -> Artifact | None:
    """Return an artifact, or None."""
    row = connection.execute(
        text(f"SELECT {_COLUMNS} FROM artifacts WHERE name = :name"), {"name": name}
    ).one_or_none()
    return None if row is None else _artifact(row)


def named(connection: Connection, names: Iterable[str]) -> dict[str, Artifact]:
    """Return those of these artifacts that exist, by name, in one look."""
    wanted = sorted(set(names))
    if not wanted:
        return {}
    found = connection.execute(
        text(
            "SELECT a.id, a.name, a.sha256, a.size, a.content_type, a.created_at "
            f"FROM {texts(connection, 'names')} n CROSS JOIN artifacts a WHERE a.name = n.v"
        ),
        {"names": bound(connection, wanted)},
    )
    return {row.name: _artifact(row) for row in found}


def page(connection: Connection, *, max_results: int = 250, next_token: str | None = None) -> Page[Artifact]:
    """Return artifacts, newest first."""
    question = ("artifacts",)
    after = start(connection, question, next_token)
    found = connection.execute(
        text(
            f"SELECT {_COLUMNS} FROM artifacts WHERE {'true' if after is None else 'id < :after'} "
            "ORDER BY id DESC LIMIT :limit"
        ),
        {"after": after, "limit": size(max_results) + 1},
    )
    return cut(connection, question, [(row.id, _artifact(row)) for row in found], max_results)


def delete(connection: Connection, name: str, *, sha256: str, force: bool = False) -> bool:
    """Forget a name that stands for this content; return whether the content has lost its last name by that.

    Raises ``NotFound``, and without force ``Conflict`` while the document of an open job names it.
    """
    job_id = None if force else _open_job_with(connection, name)
    if job_id is not None:
        raise Conflict(f"The document of job {job_id} names artifact {name}; deleting it needs force")
    gone = connection.execute(
        text("DELETE FROM artifacts WHERE name = :name AND sha256 = :it"), {"name": name, "it": sha256}
    )
    if not gone.rowcount:
        raise NotFound(f"There is no artifact {name}")
    return not is_kept(connection, sha256)


def is_kept(connection: Connection, sha256: str) -> bool:
    """Tell whether any name stands for this content."""
    kept = connection.execute(text("SELECT 1 FROM artifacts WHERE sha256 = :it LIMIT 1"), {"it": sha256})
    return kept.first() is not None


def create_key(connection: Connection) -> None:
    """Make the key of a new database by which links are signed."""
    connection.execute(
        text("INSERT INTO meta (name, value) VALUES ('artifact-key', :value) ON CONFLICT (name) DO NOTHING"),
        {"value": secrets.token_bytes(32)},
    )


def signing_key(connection: Connection) -> bytes:
    return bytes(connection.execute(text("SELECT value FROM meta WHERE name = 'artifact-key'")).scalar_one())


def _open_job_with(connection: Connection, name: str) -> str | None:
    found = connection.execute(
        text(
            f"SELECT job_id, document FROM jobs WHERE {OPEN_SQL} "
            # What is escaped may spell the name in another way.
            r"AND (document LIKE :like ESCAPE '!' OR document LIKE '%\u%' ESCAPE '!') ORDER BY id"
        ),
        {"like": f"%:{name.replace('_', '!_')}}}%"},
    )
    return next((row.job_id for row in found if name in named_in(row.document)), None)


def named_in(document: str) -> set[str]:
    """Return the names of the artifacts that a document asks for."""
    return {found.name for found in placeholders(document) if found.kind in OF_ARTIFACTS}


def _artifact(row: Any) -> Artifact:
    return Artifact(
        name=row.name,
        sha256=row.sha256,
        size=row.size,
        content_type=row.content_type,
        created_at=from_millis(row.created_at),
    )
