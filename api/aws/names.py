"""Names in AWS's calls, each of which may also be said as the ARN of what it names."""

from __future__ import annotations

import re
from typing import Final

from api.errors import shown
from domain.errors import InvalidRequest
from domain.names import Arns, job_id

_TARGETS: Final = ("thing", "thinggroup")
_ARN: Final = re.compile(r"arn:aws[a-z-]*:iot:([a-z0-9-]*):([0-9]*):([a-z]+)/(.+)")


def plain(said: str, kind: str, *, member: str, arns: Arns, ownerless: bool = False) -> str:
    """Return the name that ``said`` is, or ends with if it is the ARN of a ``kind`` ("job", "thing", …).

    Whether such a name can be is not looked at. ``ownerless``: a kind that belongs to no account. Raises
    ``InvalidRequest`` for the ARN of another kind, or of another account or region than the settings name.
    """
    found = _ARN.fullmatch(said)
    if found is None:
        return said
    region, account, what, name = found.groups()
    if what != kind:
        raise InvalidRequest(f"{member} {shown(said)} is not the ARN of a {kind}")
    if ownerless and (region, account) != (arns.region, ""):
        right = arns.managed_template(name[:64])
        raise InvalidRequest(
            f"{member} {shown(said)} is of another region or of an account; here it is {right!a}"
        )
    if not ownerless and (region, account) != (arns.region, arns.account):
        here = f"region {arns.region} and account {arns.account}"
        raise InvalidRequest(f"{member} {shown(said)} is not of {here}")
    return name


def either(kind: str, name: str | None, arn: str | None, *, member: str, arns: Arns) -> str:
    """Return what is named by one member (``member`` + "Name"), by another as an ARN, or by both alike."""
    named = name
    if arn is not None:
        if not _ARN.fullmatch(arn):
            raise InvalidRequest(f"{member}Arn {shown(arn)} is not the ARN of a {kind}")
        named = plain(arn, kind, member=f"{member}Arn", arns=arns)
    if named is None:
        raise InvalidRequest(f"{member}Name is required, or {member}Arn")
    if name not in (None, named):
        raise InvalidRequest(f"{member}Name {shown(name)} and {member}Arn {shown(arn)} name two of them")
    return named


def resource(said: str, *, member: str, arns: Arns) -> str:
    """Return the end of an ARN of ours, "job/ID" or "thinggroup/NAME", or raise ``InvalidRequest``."""
    found = _ARN.fullmatch(said)
    if found is None:
        raise InvalidRequest(f"{member} {shown(said)} is not the ARN of something of this service")
    ownerless = found[3] == "jobtemplate" and not found[2]
    return f"{found[3]}/{plain(said, found[3], member=member, arns=arns, ownerless=ownerless)}"


def job(said: str, *, arns: Arns) -> str:
    """Return the id of a job that is named by it or by its ARN, or raise ``InvalidRequest``."""
    return job_id(plain(said, "job", member="jobId", arns=arns))


def target(said: str, *, arns: Arns) -> None:
    """Raise ``InvalidRequest`` unless ``said`` is the ARN of a thing or a thing group, and one of ours."""
    found = _ARN.fullmatch(said)
    if found is None or found[3] not in _TARGETS:
        raise InvalidRequest(f"targets: {shown(said)} is not the ARN of a thing or of a thing group")
    plain(said, found[3], member="targets:", arns=arns)
