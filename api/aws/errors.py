"""Errors as AWS says them: which of ours is which code, and with which status it goes out (contract 4.6)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final, NamedTuple

from aiohttp import web

from api.errors import RETRY_AFTER, Refusal
from domain import errors as ours


class Code(NamedTuple):
    """A code and its status on the control plane."""

    name: str
    status: int


#: As the contract's tables of operations abbreviate them.
CODES: Final[Mapping[str, Code]] = {
    "CF": Code("ConflictException", 409),
    "CS": Code("CertificateStateException", 406),
    "CV": Code("CertificateValidationException", 400),
    "DC": Code("DeleteConflictException", 409),
    "IF": Code("InternalFailureException", 500),
    "IQ": Code("InvalidQueryException", 400),
    "IR": Code("InvalidRequestException", 400),
    "IS": Code("InternalServerException", 500),
    "IST": Code("InvalidStateTransitionException", 409),
    "LE": Code("LimitExceededException", 410),
    "MP": Code("MalformedPolicyException", 400),
    "RAE": Code("ResourceAlreadyExistsException", 409),
    "RNF": Code("ResourceNotFoundException", 404),
    "SU": Code("ServiceUnavailableException", 503),
    "TH": Code("ThrottlingException", 400),
    "TS": Code("TerminalStateException", 410),
    "UA": Code("UnauthorizedException", 401),
    "VC": Code("VersionConflictException", 409),
    "VLE": Code("VersionsLimitExceededException", 409),
}
#: The same code has another status on the data plane.
DATA_STATUS: Final = {"ThrottlingException": 429}

#: Our errors and the codes that tell them: the first that an operation may answer with counts (contract 5.4).
#: A class that is not here counts as its nearest ancestor.
_KINDS: Final[Mapping[type[ours.JobsError], tuple[str, ...]]] = {
    ours.InvalidRequest: ("IR",),
    ours.InvalidQuery: ("IQ", "IR"),
    ours.UnknownTarget: ("RNF", "IR"),
    ours.BadCertificate: ("CV", "IR"),
    ours.MalformedPolicy: ("MP", "IR"),
    ours.NotFound: ("RNF", "IR"),
    ours.AlreadyExists: ("RAE", "CF", "IR"),
    ours.VersionMismatch: ("VC", "IST", "IR"),
    ours.ThingVersionMismatch: ("VC", "IR"),
    ours.InvalidStateTransition: ("IST", "IR"),
    ours.TerminalStateReached: ("TS", "IR"),
    ours.NeedsForce: ("IST", "IR"),
    ours.LimitExceeded: ("LE", "IR"),
    ours.Departing: ("RNF", "IR"),
    ours.VersionsLimit: ("VLE", "LE", "IR"),
    ours.StillAttached: ("DC", "IR"),
    ours.WrongCertificateState: ("CS", "IR"),
    ours.Conflict: ("IR",),
    ours.Throttled: ("TH",),
    ours.Unavailable: ("SU", "IF", "IS"),
    ours.JobsError: ("IF", "SU", "IS"),
}
#: What HTTP itself has a word for, before any operation has a say.
_HTTP: Final[Mapping[int, str]] = {
    401: "UnauthorizedException",
    403: "AccessDeniedException",
    408: "RequestTimeoutException",
    415: "UnsupportedMediaTypeException",
    503: "ServiceUnavailableException",
}


class AwsError(Exception):
    """What an AWS client is told; ``members`` go beside the message (``resourceId``, …)."""

    def __init__(self, code: str, message: str, *, status: int | None = None, **members: str) -> None:
        super().__init__(message)
        self.code = code
        self.status = _STATUS.get(code, 400) if status is None else status
        self.members = members


_STATUS: Final = {code.name: code.status for code in CODES.values()}


def told(error: ours.JobsError, codes: tuple[str, ...], *, data: bool) -> AwsError:
    """Return how an operation that may answer with ``codes`` (abbreviations) tells one of our errors."""
    wanted = next(_KINDS[kind] for kind in type(error).__mro__ if kind in _KINDS)
    code = CODES[next((each for each in wanted if each in codes), wanted[0])]
    status = DATA_STATUS.get(code.name, code.status) if data else code.status
    return AwsError(code.name, str(error), status=status)


def taken(error: ours.AlreadyExists, name: str, arn: str) -> AwsError:
    """Return how it is told that a name stands for something else already."""
    return AwsError(CODES["RAE"].name, str(error), resourceId=name, resourceArn=arn)


def internal(request_id: str, codes: tuple[str, ...]) -> AwsError:
    """Return what is told when it is our fault."""
    code = CODES[next((each for each in ("IF", "SU", "IS") if each in codes), "IF")]
    return AwsError(code.name, f"internal error, request id {request_id}", status=code.status)


def refused(refusal: Refusal) -> AwsError:
    """Return how a refusal of the HTTP layer reads here."""
    code = _HTTP.get(refusal.status, "InvalidRequestException")
    return AwsError(code, str(refusal), status=refusal.status)


def failure(error: AwsError) -> web.Response:
    """Return the one form that every failure of these planes has."""
    retry = RETRY_AFTER.get(error.status)
    return web.Response(
        status=error.status,
        # ASCII only: a message may quote what is no text at all, such as a lone surrogate.
        body=json.dumps({"message": str(error), **error.members}).encode(),
        content_type="application/json",
        headers={"x-amzn-errortype": error.code, **({} if retry is None else {"Retry-After": retry})},
    )
