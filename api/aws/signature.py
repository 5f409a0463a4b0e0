"""Signature Version 4 as a server reads it: what was claimed, what it covers, and whether the secret made it.

Nothing here looks anything up. The canonical form is that of every service but S3: the path is escaped once
more than it was sent, and everything is read as the operation behind will read it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import quote_from_bytes, unquote, unquote_to_bytes

from api.aws.errors import AwsError
from api.errors import shown

#: What requests to the planes are signed for.
SERVICES: Final = frozenset({"iot", "iot-jobs-data"})
ALGORITHM: Final = "AWS4-HMAC-SHA256"
SKEW: Final = timedelta(minutes=15)
_END: Final = "aws4_request"
_STAMP: Final = "%Y%m%dT%H%M%SZ"
_PARTS: Final = frozenset({"Credential", "SignedHeaders", "Signature"})
#: What proxies on the way add.
_NEVER_SIGNED: Final = frozenset({"x-amzn-trace-id"})
_IN_QUERY: Final = frozenset({"x-amz-algorithm", "x-amz-signature", "x-amz-credential"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A request as it came over the wire: ``target`` undecoded, each header as often as it was sent."""

    method: str
    target: str
    headers: Sequence[tuple[str, str]]
    body: bytes

    def values(self, name: str) -> list[str]:
        """Return all values of a header, whose name is given in lower case."""
        return [value for each, value in self.headers if each.lower() == name]

    def first(self, name: str) -> str | None:
        return next(iter(self.values(name)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a request says about its signature. Nothing of it is proven."""

    key_id: str
    day: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str
    #: When it was signed, as it was written into what is signed.
    stamp: str
    at: datetime

    @property
    def scope(self) -> str:
        return f"{self.day}/{self.region}/{self.service}/{_END}"


def read(sent: Sent) -> Claim:
    """Return what the request claims, or raise ``AwsError``: it is not signed, or not as it must be.

    Looks at the head alone.
    """
    said = _authorization(sent)
    names = tuple(said["SignedHeaders"].split(";"))
    scope = said["Credential"].split("/")
    if len(scope) != 5 or scope[4] != _END or not all(scope):
        raise _incomplete(f"Credential {shown(said['Credential'])} is not KEY/DAY/REGION/SERVICE/{_END}")
    stamp, at = _time(sent, names)
    claim = Claim(
        key_id=scope[0],
        day=scope[1],
        region=scope[2],
        service=scope[3],
        signed_headers=names,
        signature=said["Signature"],
        stamp=stamp,
        at=at,
    )
    _refuse_unsigned_parts(sent, claim)
    return claim


def refuse_foreign(claim: Claim, *, region: str, service: str, now: datetime) -> None:
    """Raise ``AwsError`` for what is signed for somebody else, or too long ago, or for later."""
    if claim.service != service:
        fault = f"the credential is scoped to {shown(claim.service)}, these operations are {service}"
        other = ": endpoint_url is that of the other plane" if claim.service in SERVICES else ""
        raise _invalid(fault + other)
    if claim.region != region:
        raise _invalid(
            f"the credential is scoped to region {shown(claim.region)}, this server is in {region} (its "
            "setting region)"
        )
    if claim.stamp[:8] != claim.day:
        raise _invalid(f"the credential is scoped to {shown(claim.day)}, the request is of {claim.stamp[:8]}")
    if abs(now - claim.at) > SKEW:
        fault = "signature expired" if claim.at < now else "signature not yet current"
        minutes = int(SKEW.total_seconds() // 60)
        raise _invalid(f"{fault}: {claim.stamp} is more than {minutes} minutes from {now:{_STAMP}}")


def refuse_other_body(sent: Sent) -> None:
    """Raise ``AwsError`` if the request says that another body was signed, or none."""
    digest = sent.first("x-amz-content-sha256")
    if digest is not None and digest != hashlib.sha256(sent.body).hexdigest():
        raise _invalid("X-Amz-Content-SHA256 is not the SHA-256 of the body, which has to be signed")


def matches(claim: Claim, sent: Sent, secret: str) -> bool:
    """Tell whether who signed knows the secret; takes the same time whatever is wrong."""
    digest = hashlib.sha256(_raw(canonical(sent, claim.signed_headers))).hexdigest()
    text = f"{ALGORITHM}\n{claim.stamp}\n{claim.scope}\n{digest}"
    key = f"AWS4{secret}".encode()
    for part in (claim.day, claim.region, claim.service, _END):
        key = _mac(key, part)
    return hmac.compare_digest(_mac(key, text), _unhexed(claim.signature))


def canonical(sent: Sent, signed_headers: Sequence[str]) -> str:
    """Return the text whose digest is signed."""
    path, _, query = _origin(sent.target).partition("?")
    headers = [f"{name}:{','.join(_folded(value) for value in sent.values(name))}" for name in signed_headers]
    return "\n".join(
        (
            sent.method,
            quote_from_bytes(_raw(_tidy(path)), safe="/~"),
            _query(query),
            *headers,
            "",
            ";".join(signed_headers),
            hashlib.sha256(sent.body).hexdigest(),
        )
    )


def _authorization(sent: Sent) -> dict[str, str]:
    given = sent.values("authorization")
    if not any(value.startswith("AWS4-") for value in given):
        raise _unsigned(sent)
    algorithm, _, rest = given[0].partition(" ")
    if len(given) > 1 or algorithm != ALGORITHM:
        raise _incomplete(f"Authorization must be given once, with {ALGORITHM}")
    pairs = [part.strip().partition("=") for part in rest.split(",")]
    said = {name: value for name, _, value in pairs}
    if said.keys() != _PARTS or len(pairs) != len(_PARTS) or not all(said.values()):
        raise _incomplete(f"Authorization needs {', '.join(sorted(_PARTS))}, each once")
    return said


def _unsigned(sent: Sent) -> AwsError:
    query = sent.target.partition("?")[2]
    names = {unquote(pair.partition("=")[0]).lower() for pair in query.split("&")}
    if names & _IN_QUERY:
        return _incomplete("a signature in the query is not taken here: sign by the header Authorization")
    reason = f"the request is not signed: it has no header Authorization with {ALGORITHM}"
    return AwsError("MissingAuthenticationTokenException", reason, status=403)


def _refuse_unsigned_parts(sent: Sent, claim: Claim) -> None:
    """Raise unless the signature covers all that means something here."""
    names = set(claim.signed_headers)
    if len(names) != len(claim.signed_headers) or any(name != name.lower() for name in names):
        raise _incomplete("SignedHeaders must hold each name once, in lower case")
    if "host" not in names:
        raise _incomplete("SignedHeaders must hold host")
    present = {name.lower() for name, _ in sent.headers}
    if missing := sorted(names - present):
        raise _incomplete(f"SignedHeaders names {shown(missing[0])}, which is not in the request")
    meant = {name for name in present if name.startswith(("x-amz-", "x-amzn-"))} - _NEVER_SIGNED
    if unsigned := sorted(meant - names):
        raise _incomplete(f"the header {shown(unsigned[0])} is not signed")
    if "x-amz-security-token" in present:
        raise AwsError(
            "UnrecognizedClientException",
            "X-Amz-Security-Token: there are no session tokens here, only access keys",
            status=403,
        )


def _time(sent: Sent, signed_headers: Sequence[str]) -> tuple[str, datetime]:
    name = "x-amz-date" if sent.first("x-amz-date") is not None else "date"
    text = sent.first(name)
    if text is None:
        raise _incomplete("the request has neither X-Amz-Date nor Date")
    if name not in signed_headers:
        raise _incomplete(f"the header {name} is not signed")
    at = _moment(text)
    if at is None:
        raise _incomplete(f"{name} {shown(text)} is no time like 20260131T235900Z")
    return at.strftime(_STAMP), at


def _moment(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, _STAMP).replace(tzinfo=UTC)
    except ValueError:
        pass
    try:
        at = parsedate_to_datetime(text)
        # "-0000" and no zone at all are UTC too, not the time of this machine.
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _origin(target: str) -> str:
    """Return a target without scheme and host, which a request line may hold."""
    if target.startswith("/"):
        return target
    _, slash, rest = target.partition("://")[2].partition("/")
    return f"{slash}{rest}"


def _query(query: str) -> str:
    """Return name and value of each pair, escaped in the one way, in order."""
    if not query:
        return ""
    pairs = [pair.partition("=") for pair in query.split("&")]
    escaped = sorted((_escaped(name), _escaped(value)) for name, _, value in pairs)
    return "&".join(f"{name}={value}" for name, value in escaped)


def _escaped(text: str) -> str:
    # A plus is a blank, as it is for what reads the query afterwards.
    return quote_from_bytes(unquote_to_bytes(_raw(text.replace("+", " "))), safe="-_.~")


def _tidy(path: str) -> str:
    """Return a path without ``.``, ``..`` and empty segments, as signers take it."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in {"", "."}:
            kept.append(segment)
    return "/" + "/".join(kept) + ("/" if path.endswith("/") and kept else "")


def _folded(value: str) -> str:
    return " ".join(value.split())


def _raw(text: str) -> bytes:
    return text.encode(errors="surrogateescape")


def _mac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, _raw(text), "sha256")


def _unhexed(text: str) -> bytes:
    try:
        # Lower case alone, without blanks: one signature has one spelling.
        return bytes.fromhex(text) if text.isascii() and text.isalnum() and text == text.lower() else b""
    except ValueError:
        return b""


def _incomplete(reason: str) -> AwsError:
    return AwsError("IncompleteSignatureException", reason, status=403)


def _invalid(reason: str) -> AwsError:
    return AwsError("InvalidSignatureException", reason, status=403)
