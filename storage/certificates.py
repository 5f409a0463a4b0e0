"""The certificates of devices: registered, switched on and off, listed, and asked for at the door."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from domain.certificates import Certificate, CertificateMode, CertificateStatus, Facts
from domain.errors import AlreadyExists, BadCertificate, NotFound, StillAttached, WrongCertificateState
from storage.locks import require_hit
from storage.millis import from_millis, to_millis
from storage.pages import Page, cut, size, start
from storage.signals import Signal, raise_after_commit


def register(
    connection: Connection,
    facts: Facts,
    *,
    status: CertificateStatus,
    mode: CertificateMode = CertificateMode.DEFAULT,
    at: datetime,
) -> Certificate:
    """Keep a certificate. Raises ``AlreadyExists``, ``BadCertificate`` for one that has ended."""
    if facts.not_after <= at:
        raise BadCertificate(f"the certificate ended at {facts.not_after.isoformat()}")
    if _row(connection, facts.certificate_id) is not None:
        raise AlreadyExists(f"The certificate {facts.certificate_id} is registered already")
    connection.execute(
        text(
            "INSERT INTO certificates (certificate_id, pem, common_name, status, mode, created_at, "
            "last_modified_at, not_before, not_after) "
            "VALUES (:id, :pem, :common_name, :status, :mode, :at, :at, :not_before, :not_after)"
        ),
        {
            "id": facts.certificate_id,
            "pem": facts.pem,
            "common_name": facts.common_name,
            "status": status,
            "mode": mode,
            "at": to_millis(at),
            "not_before": to_millis(facts.not_before),
            "not_after": to_millis(facts.not_after),
        },
    )
    if mode is CertificateMode.SNI_ONLY:
        raise_after_commit(connection, Signal.TRUSTED)
    return get(connection, facts.certificate_id)


def get(connection: Connection, certificate_id: str) -> Certificate:
    """Return a certificate, or raise ``NotFound``."""
    row = _row(connection, certificate_id)
    if row is None:
        raise NotFound(f"There is no certificate {certificate_id[:128]}")
    return _certificate(row)


def key_of(connection: Connection, certificate_id: str) -> int:
    """Return a certificate's key, or raise ``NotFound``."""
    row = _row(connection, certificate_id)
    if row is None:
        raise NotFound(f"There is no certificate {certificate_id[:128]}")
    return int(row.id)


def set_status(
    connection: Connection, certificate_id: str, status: CertificateStatus, *, at: datetime
) -> Certificate:
    """Switch a certificate on, off, or off for good; what it had let in is dropped soon after.

    Raises ``NotFound``, and ``WrongCertificateState`` for one that is revoked: that is for ever.
    """
    now = get(connection, certificate_id)
    if now.status is status:
        return now
    if now.status is CertificateStatus.REVOKED:
        raise WrongCertificateState(f"The certificate {certificate_id} is REVOKED, and stays that")
    hit = connection.execute(
        text(
            "UPDATE certificates SET status = :status, version = version + 1, last_modified_at = :at "
            "WHERE certificate_id = :id AND status = :before"
        ),
        {"status": status, "at": to_millis(at), "id": certificate_id, "before": now.status},
    )
    require_hit(hit)
    end_rights(connection, key_of(connection, certificate_id), at=at)
    return get(connection, certificate_id)


def delete(connection: Connection, certificate_id: str, *, force: bool = False) -> None:
    """Forget a certificate that is off and for no thing; ``force`` also takes its policies from it.

    Raises ``NotFound``, ``WrongCertificateState``, ``StillAttached``.
    """
    now, key = get(connection, certificate_id), key_of(connection, certificate_id)
    if now.status is CertificateStatus.ACTIVE:
        raise WrongCertificateState(f"The certificate {certificate_id} is ACTIVE; switch it off first")
    if connection.execute(
        text("SELECT 1 FROM thing_principals WHERE certificate = :key LIMIT 1"), {"key": key}
    ).first():
        raise StillAttached(f"The certificate {certificate_id} is attached to a thing; detach it first")
    target = {"target": f"cert/{certificate_id}"}
    policies = connection.execute(
        text("SELECT 1 FROM policy_attachments WHERE target = :target LIMIT 1"), target
    ).first()
    if policies and not force:
        raise StillAttached(f"The certificate {certificate_id} has policies; detach them, or force it")
    connection.execute(text("DELETE FROM policy_attachments WHERE target = :target"), target)
    connection.execute(text("DELETE FROM certificates WHERE id = :key"), {"key": key})


def page(
    connection: Connection,
    *,
    ascending: bool = False,
    max_results: int = 25,
    marker: str | None = None,
) -> Page[Certificate]:
    """Return certificates by when they came, the newest first unless ``ascending``."""
    question = ("certificates", ascending)
    after = start(connection, question, marker, member="marker")
    step, order = (">", "ASC") if ascending else ("<", "DESC")
    condition = "" if after is None else f"WHERE id {step} :after"
    found = connection.execute(
        text(f"SELECT * FROM certificates {condition} ORDER BY id {order} LIMIT :limit"),
        {"after": after, "limit": size(max_results) + 1},
    )
    return cut(connection, question, [(row.id, _certificate(row)) for row in found], max_results)


def things_let_in(connection: Connection, certificate_id: str) -> tuple[str, ...]:
    """Return whose client a certificate lets in now: none unless it is active."""
    found = connection.execute(
        text(
            "SELECT t.name FROM certificates c JOIN thing_principals p ON p.certificate = c.id "
            "JOIN things t ON t.id = p.thing "
            "WHERE c.certificate_id = :id AND c.status = 'ACTIVE' AND t.deleted_at IS NULL ORDER BY t.name"
        ),
        {"id": certificate_id},
    )
    return tuple(found.scalars())


def why_shut(connection: Connection, certificate_id: str) -> str | None:
    """Return why a certificate lets nobody in; None: it does."""
    row = _row(connection, certificate_id)
    if row is None:
        return "it is not registered"
    if row.status != CertificateStatus.ACTIVE:
        return f"it is {row.status}"
    return None if things_let_in(connection, certificate_id) else "it is attached to no thing"


def trusted(connection: Connection, *, after: int) -> list[tuple[int, str]]:
    """Return what was registered without our authority since key ``after``: key and PEM, by key."""
    found = connection.execute(
        text("SELECT id, pem FROM certificates WHERE mode = 'SNI_ONLY' AND id > :after ORDER BY id"),
        {"after": after},
    )
    return [(row.id, row.pem) for row in found]


def end_rights(connection: Connection, key: int, *, at: datetime) -> None:
    """Note that something the certificate opened the door for has ended."""
    connection.execute(
        text("UPDATE certificates SET rights_ended_at = :at WHERE id = :key"),
        {"at": to_millis(at), "key": key},
    )
    raise_after_commit(connection, Signal.REVOKED)


def leave(connection: Connection, thing: int, *, at: datetime) -> None:
    """Take all certificates from a thing that is being deleted, given by its key."""
    gone = connection.execute(
        text("DELETE FROM thing_principals WHERE thing = :thing RETURNING certificate"), {"thing": thing}
    ).scalars()
    for certificate in gone.all():
        end_rights(connection, certificate, at=at)


def rights_ended_since(connection: Connection, at: datetime) -> dict[str, tuple[int, tuple[str, ...]]]:
    """Return the certificates that lost something at or after ``at``: when, and whom they still let in."""
    found = connection.execute(
        text("SELECT certificate_id, rights_ended_at FROM certificates WHERE rights_ended_at >= :at"),
        {"at": to_millis(at)},
    ).all()
    return {
        row.certificate_id: (row.rights_ended_at, things_let_in(connection, row.certificate_id))
        for row in found
    }


def _row(connection: Connection, certificate_id: str) -> Any:
    return connection.execute(
        text("SELECT * FROM certificates WHERE certificate_id = :id"), {"id": certificate_id}
    ).one_or_none()


def _certificate(row: Any) -> Certificate:
    return Certificate(
        facts=Facts(
            certificate_id=row.certificate_id,
            pem=row.pem,
            common_name=row.common_name,
            not_before=from_millis(row.not_before),
            not_after=from_millis(row.not_after),
        ),
        status=CertificateStatus(row.status),
        mode=CertificateMode(row.mode),
        version=row.version,
        created_at=from_millis(row.created_at),
        last_modified_at=from_millis(row.last_modified_at),
    )
