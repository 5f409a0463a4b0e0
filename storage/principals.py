"""Which certificate is for which thing."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import Connection, text

from domain.certificates import CertificateStatus, Facts, PrincipalType
from domain.errors import Conflict, NotFound
from storage import certificates, things
from storage.pages import Page, cut, size, start

#: What one entry of a list says: a name or an id, and how it is attached.
Attached = tuple[str, PrincipalType]


def attach(connection: Connection, certificate_id: str, thing_name: str, kind: PrincipalType) -> None:
    """Let the certificate's holder be this thing; the same again changes at most the kind.

    Raises ``NotFound``, and ``Conflict`` where one attachment would be exclusive and another is there.
    """
    certificate, thing = (
        certificates.key_of(connection, certificate_id),
        things.key_of(connection, thing_name),
    )
    others = connection.execute(
        text(
            "SELECT t.name, p.exclusive FROM thing_principals p JOIN things t ON t.id = p.thing "
            "WHERE p.certificate = :certificate AND p.thing <> :thing LIMIT 1"
        ),
        {"certificate": certificate, "thing": thing},
    )
    exclusive = kind is PrincipalType.EXCLUSIVE_THING
    # One that has it exclusively is the only one.
    for name, alone in others:
        if exclusive or alone:
            raise Conflict(
                f"The certificate {certificate_id} is attached to {name}"
                + (", exclusively" if alone else f", so it cannot be for {thing_name} alone")
            )
    connection.execute(
        text(
            "INSERT INTO thing_principals (certificate, thing, exclusive) "
            "VALUES (:certificate, :thing, :exclusive) "
            "ON CONFLICT (certificate, thing) DO UPDATE SET exclusive = excluded.exclusive"
        ),
        {"certificate": certificate, "thing": thing, "exclusive": exclusive},
    )


def issue(connection: Connection, facts: Facts, thing_name: str, *, at: datetime) -> None:
    """Keep a new certificate and let its holder be this thing from now on. Raises ``NotFound``."""
    certificates.register(connection, facts, status=CertificateStatus.ACTIVE, at=at)
    attach(connection, facts.certificate_id, thing_name, PrincipalType.NON_EXCLUSIVE_THING)


def revoke(connection: Connection, thing_name: str, *, at: datetime) -> int:
    """Take all certificates from a thing, revoke those for no other; return how many. Raises ``NotFound``."""
    thing = things.key_of(connection, thing_name)
    found = connection.execute(
        text(
            "SELECT c.certificate_id, EXISTS (SELECT 1 FROM thing_principals o "
            "WHERE o.certificate = p.certificate AND o.thing <> p.thing) AS shared "
            "FROM thing_principals p JOIN certificates c ON c.id = p.certificate WHERE p.thing = :thing"
        ),
        {"thing": thing},
    ).all()
    for certificate_id, shared in found:
        if not shared:
            certificates.set_status(connection, certificate_id, CertificateStatus.REVOKED, at=at)
    certificates.leave(connection, thing, at=at)
    return len(found)


def detach(connection: Connection, certificate_id: str, thing_name: str, *, at: datetime) -> None:
    """Take a certificate from a thing; its connections end soon after. Raises ``NotFound``."""
    certificate, thing = (
        certificates.key_of(connection, certificate_id),
        things.key_of(connection, thing_name),
    )
    gone = connection.execute(
        text("DELETE FROM thing_principals WHERE certificate = :certificate AND thing = :thing"),
        {"certificate": certificate, "thing": thing},
    ).rowcount
    if not gone:
        raise NotFound(f"The certificate {certificate_id} is not attached to {thing_name}")
    certificates.end_rights(connection, certificate, at=at)


def of_thing(
    connection: Connection,
    thing_name: str,
    *,
    kind: PrincipalType | None = None,
    max_results: int = 250,
    next_token: str | None = None,
) -> Page[Attached]:
    """Return the ids of a thing's certificates, as they came. Raises ``NotFound``."""
    side = _Side("principals", things.key_of(connection, thing_name), _OF_THING, "p.certificate")
    return _page(connection, side, kind, max_results=max_results, next_token=next_token)


def things_of(
    connection: Connection,
    certificate_id: str,
    *,
    kind: PrincipalType | None = None,
    max_results: int = 250,
    next_token: str | None = None,
) -> Page[Attached]:
    """Return the names of the things a certificate is for, as they came. Raises ``NotFound``."""
    side = _Side("things", certificates.key_of(connection, certificate_id), _OF_CERTIFICATE, "p.thing")
    return _page(connection, side, kind, max_results=max_results, next_token=next_token)


class _Side(NamedTuple):
    """Whose attachments a list shows, and by what it goes."""

    question: str
    subject: int
    query: str
    by: str


def _page(
    connection: Connection,
    side: _Side,
    kind: PrincipalType | None,
    *,
    max_results: int,
    next_token: str | None,
) -> Page[Attached]:
    question = (side.question, side.subject, kind)
    after = start(connection, question, next_token)
    query = side.query
    if after is not None:
        query += f" AND {side.by} > :after"
    if kind is not None:
        query += " AND p.exclusive = :exclusive"
    found = connection.execute(
        text(f"{query} ORDER BY {side.by} LIMIT :limit"),
        {
            "subject": side.subject,
            "after": after,
            "exclusive": kind is PrincipalType.EXCLUSIVE_THING,
            "limit": size(max_results) + 1,
        },
    )
    entries = [(key, (name, _KINDS[bool(exclusive)])) for key, name, exclusive in found]
    return cut(connection, question, entries, max_results)


_OF_THING: Final = (
    "SELECT p.certificate, c.certificate_id, p.exclusive FROM thing_principals p "
    "CROSS JOIN certificates c WHERE c.id = p.certificate AND p.thing = :subject"
)
_OF_CERTIFICATE: Final = (
    "SELECT p.thing, t.name, p.exclusive FROM thing_principals p "
    "CROSS JOIN things t WHERE t.id = p.thing AND p.certificate = :subject"
)
_KINDS: Final = {True: PrincipalType.EXCLUSIVE_THING, False: PrincipalType.NON_EXCLUSIVE_THING}
