"""Names and ARNs: which strings may be ids, and how resources are spelled to the outside (contract 1.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from domain.errors import InvalidRequest

# ``fullmatch`` throughout: ``$`` would let a trailing newline through.
THING_PATTERN: Final = r"[a-zA-Z0-9:_-]{1,128}"
JOB_PATTERN: Final = r"[a-zA-Z0-9_-]{1,64}"
ATTRIBUTE_NAME_PATTERN: Final = r"[a-zA-Z0-9_.,@/:#-]{1,128}"
ATTRIBUTE_VALUE_PATTERN: Final = r"[a-zA-Z0-9_.,@/:#=\[\]-]{0,800}"

#: Also a file's name on any device and a plain segment of a URL; the first character rules out "..".
ARTIFACT_PATTERN: Final = r"[a-zA-Z0-9_][a-zA-Z0-9._+-]{0,127}"

_THING = re.compile(THING_PATTERN)
_JOB = re.compile(JOB_PATTERN)
_ARTIFACT = re.compile(ARTIFACT_PATTERN)
_ARN = re.compile(r"arn:aws[a-z-]*:iot:[a-z0-9-]*:[0-9]*:(thing|thinggroup)/(.+)")

TargetKind = Literal["thing", "thinggroup"]


def _check(pattern: re.Pattern[str], noun: str, value: str) -> str:
    if not pattern.fullmatch(value):
        shown = value if len(value) <= 64 else f"{value[:61]}..."
        raise InvalidRequest(f"{noun} {shown!r} does not match {pattern.pattern}")
    return value


def thing_name(value: str) -> str:
    """Return ``value``, or raise ``InvalidRequest`` if it cannot name a thing."""
    return _check(_THING, "thingName", value)


def group_name(value: str) -> str:
    """Return ``value``, or raise ``InvalidRequest`` if it cannot name a thing group."""
    return _check(_THING, "thingGroupName", value)


def type_name(value: str) -> str:
    """Return ``value``, or raise ``InvalidRequest`` if it cannot name a thing type."""
    return _check(_THING, "thingTypeName", value)


def billing_group_name(value: str) -> str:
    """Return ``value``, or raise ``InvalidRequest`` if it cannot name a billing group."""
    return _check(_THING, "billingGroupName", value)


def job_id(value: str) -> str:
    """Return ``value``, or raise ``InvalidRequest`` if it cannot name a job."""
    return _check(_JOB, "jobId", value)


def template_id(value: str) -> str:
    """Return ``value``, or raise ``InvalidRequest`` if it cannot name a job template."""
    return _check(_JOB, "jobTemplateId", value)


def artifact_name(value: str) -> str:
    """Return ``value``, or raise ``InvalidRequest`` if it cannot name an artifact."""
    return _check(_ARTIFACT, "artifactName", value)


class Target(NamedTuple):
    """What one entry of ``targets`` points at. ``kind`` is None for a plain name: thing first, then group."""

    kind: TargetKind | None
    name: str


def parse_target(text: str) -> Target:
    """Read a plain name, ``thing/NAME``, ``thinggroup/NAME`` or an ARN of either (contract 5.3, A9)."""
    arn = _ARN.fullmatch(text)
    if arn:
        kind, name = arn.groups()
        return Target("thing" if kind == "thing" else "thinggroup", _target_name(text, name))
    if text.startswith("arn:"):
        raise InvalidRequest(f"targets: {text[:128]!r} is not the ARN of a thing or of a thing group")
    head, slash, tail = text.partition("/")
    if slash and head in ("thing", "thinggroup"):
        return Target("thing" if head == "thing" else "thinggroup", _target_name(text, tail))
    return Target(None, _target_name(text, text))


def _target_name(text: str, name: str) -> str:
    if not _THING.fullmatch(name):
        raise InvalidRequest(f"targets: {text[:128]!r} does not name a thing or group ({THING_PATTERN})")
    return name


@dataclass(frozen=True, slots=True)
class Arns:
    """Prints ARNs; region and account are settings and mean nothing else to us."""

    partition: str = "aws"
    region: str = "us-east-1"
    account: str = "123456789012"

    def _arn(self, resource: str) -> str:
        return f"arn:{self.partition}:iot:{self.region}:{self.account}:{resource}"

    def thing(self, name: str) -> str:
        return self._arn(f"thing/{name}")

    def group(self, name: str) -> str:
        return self._arn(f"thinggroup/{name}")

    def thing_type(self, name: str) -> str:
        return self._arn(f"thingtype/{name}")

    def billing_group(self, name: str) -> str:
        return self._arn(f"billinggroup/{name}")

    def certificate(self, certificate_id: str) -> str:
        return self._arn(f"cert/{certificate_id}")

    def authority(self, certificate_id: str) -> str:
        return self._arn(f"cacert/{certificate_id}")

    def policy(self, name: str) -> str:
        return self._arn(f"policy/{name}")

    def job(self, job_id: str) -> str:
        return self._arn(f"job/{job_id}")

    def template(self, template_id: str) -> str:
        return self._arn(f"jobtemplate/{template_id}")

    def managed_template(self, reference: str) -> str:
        """Return the ARN of a template that comes with us: it belongs to no account."""
        return f"arn:{self.partition}:iot:{self.region}::jobtemplate/{reference}"
