"""Requests that must be rejected, by name: what is asked, the code, and what the message has to name.

Things stand like this: ``j`` is QUEUED at version 1, ``going`` IN_PROGRESS at version 2, ``done`` SUCCEEDED.
"""

from typing import Any, Final, NamedTuple

#: The jobs there are, and how the device brought each to where it stands.
JOBS: Final[dict[str, tuple[str, ...]]] = {
    "j": (),
    "going": ("IN_PROGRESS",),
    "done": ("IN_PROGRESS", "SUCCEEDED"),
}


class Bad(NamedTuple):
    """``state`` is the executionState that must come along, as status and version; None for none."""

    request: str
    body: Any
    code: str
    names: str
    state: tuple[str, int] | None = None


def _failed(**members: Any) -> dict[str, Any]:
    return {"status": "FAILED", **members}


def _update(names: str, /, **members: Any) -> Bad:
    return Bad("j/update", {"status": "IN_PROGRESS", **members}, "InvalidRequest", names)


def _details(names: str, details: Any) -> Bad:
    return _update(names, statusDetails=details)


def _no_json(payload: bytes, names: str = "not valid JSON", request: str = "get") -> Bad:
    return Bad(request, payload, "InvalidJson", names)


#: Refused by the dispatcher, whichever broker carried it.
BAD_REQUESTS: Final[dict[str, Bad]] = {
    "a version that is not there yet": Bad(
        "j/update",
        _failed(expectedVersion=9),
        "VersionMismatch",
        "Expected version 9 but found version 1",
        ("QUEUED", 1),
    ),
    "a version that has passed": Bad(
        "going/update",
        _failed(expectedVersion="1"),
        "VersionMismatch",
        "Expected version 1 but found version 2",
        ("IN_PROGRESS", 2),
    ),
    "version 0": Bad(
        "j/update", _failed(expectedVersion=0), "VersionMismatch", "Expected version 0", ("QUEUED", 1)
    ),
    "failing what succeeded": Bad(
        "done/update", _failed(), "InvalidStateTransition", "SUCCEEDED", ("SUCCEEDED", 3)
    ),
    "beginning what succeeded": Bad(
        "done/update", {"status": "IN_PROGRESS"}, "InvalidStateTransition", "SUCCEEDED", ("SUCCEEDED", 3)
    ),
    "succeeding what succeeded": Bad(
        "done/update", {"status": "SUCCEEDED"}, "InvalidStateTransition", "SUCCEEDED", ("SUCCEEDED", 3)
    ),
    "a wrong version of what succeeded": Bad(
        "done/update", _failed(expectedVersion=1), "VersionMismatch", "Expected version 1", ("SUCCEEDED", 3)
    ),
    "describing what succeeded": Bad("done/get", {}, "TerminalStateReached", "job done on thing t1"),
    "describing by number what succeeded": Bad(
        "done/get", {"executionNumber": 1}, "TerminalStateReached", "job done on thing t1"
    ),
    "no status": Bad("j/update", {}, "InvalidRequest", "status is required"),
    "nothing at all": Bad("j/update", b"", "InvalidRequest", "status is required"),
    "status null": Bad("j/update", {"status": None}, "InvalidRequest", "status is required"),
    "status empty": _update("status ''", status=""),
    "status QUEUED": _update("status 'QUEUED'", status="QUEUED"),
    "status CANCELED": _update("status 'CANCELED'", status="CANCELED"),
    "status TIMED_OUT": _update("status 'TIMED_OUT'", status="TIMED_OUT"),
    "status REMOVED": _update("status 'REMOVED'", status="REMOVED"),
    "status in small letters": _update("status 'succeeded'", status="succeeded"),
    "status with a space": _update("status 'FAILED '", status="FAILED "),
    "status a number": _update("status '7'", status=7),
    "status a list": _update("status \"['FAILED']\"", status=["FAILED"]),
    "expectedVersion negative": _update("expectedVersion '-1'", expectedVersion=-1),
    "expectedVersion a fraction": _update("expectedVersion '1.5'", expectedVersion=1.5),
    "expectedVersion a word": _update("expectedVersion 'one'", expectedVersion="one"),
    "expectedVersion true": _update("expectedVersion 'True'", expectedVersion=True),
    "expectedVersion of 64 bits": _update("expectedVersion '9223372036854775808'", expectedVersion=2**63),
    "expectedVersion in Arabic digits": _update("expectedVersion '\u0661'", expectedVersion="\u0661"),
    "expectedVersion signed": _update("expectedVersion '+1'", expectedVersion="+1"),
    "executionNumber that is not there": Bad(
        "j/update", _failed(executionNumber=2), "ResourceNotFound", "number 2 of job j on thing t1"
    ),
    "executionNumber an object": _update("executionNumber '{}'", executionNumber={}),
    "executionNumber of a description": Bad(
        "j/get", {"executionNumber": "x"}, "InvalidRequest", "executionNumber 'x'"
    ),
    "statusDetails a list": _details("statusDetails must be an object of name-value pairs, not an array", []),
    "statusDetails a string": _details("statusDetails must be an object", "text"),
    "a detail that is an object": _details("statusDetails.k", {"k": {}}),
    "a detail that is a list": _details("statusDetails.k", {"k": []}),
    "a detail that is null": _details("statusDetails.k", {"k": None}),
    "a detail that is empty": _details("statusDetails.k has 0 characters", {"k": ""}),
    "a detail without a name": _details("name ''", {"": "v"}),
    "a detail with a space in its name": _details("name 'sp ace'", {"sp ace": "v"}),
    "a detail with a name of 129": _details("does not match", {"n" * 129: "v"}),
    "a detail of 1025 characters": _details("statusDetails.k has 1025 characters", {"k": "x" * 1025}),
    "a detail with a NUL": _details("U+0000", {"k": "\x00"}),
    "a detail with an override": _details("U+202E", {"k": "\u202e"}),
    "eleven details": _details("11 pairs", {str(n): "v" for n in range(11)}),
    "step timer 0": _update("stepTimeoutInMinutes '0'", stepTimeoutInMinutes=0),
    "step timer -2": _update("stepTimeoutInMinutes '-2'", stepTimeoutInMinutes=-2),
    "step timer 10081": _update("stepTimeoutInMinutes '10081'", stepTimeoutInMinutes=10081),
    "step timer a word": _update("stepTimeoutInMinutes 'soon'", stepTimeoutInMinutes="soon"),
    "step timer a fraction": _update("stepTimeoutInMinutes '1.5'", stepTimeoutInMinutes=1.5),
    "step timer true": _update("stepTimeoutInMinutes 'True'", stepTimeoutInMinutes=True),
    "step timer removed at the start": Bad(
        "start-next", {"stepTimeoutInMinutes": -1}, "InvalidRequest", "stepTimeoutInMinutes '-1'"
    ),
    "document perhaps": _update("includeJobDocument 'yes'", includeJobDocument="yes"),
    "state 1": _update("includeJobExecutionState '1'", includeJobExecutionState=1),
    "document of a description perhaps": Bad(
        "$next/get", {"includeJobDocument": "maybe"}, "InvalidRequest", "includeJobDocument 'maybe'"
    ),
    "details of a start": Bad("start-next", {"statusDetails": "text"}, "InvalidRequest", "statusDetails"),
    "a token of 1025": _update("clientToken has 1025 characters", clientToken="x" * 1025),
    "a token that is a large object": _update("clientToken has", clientToken={"k": "x" * 1025}),
    "updating whatever is next": Bad("$next/update", _failed(), "InvalidRequest", "jobId '$next'"),
    "describing a job that is not there": Bad(
        "nowhere/get", {}, "ResourceNotFound", "job nowhere on thing t1"
    ),
    "updating a job that is not there": Bad(
        "nowhere/update", _failed(), "ResourceNotFound", "job nowhere on thing t1"
    ),
    "updating another thing's job": Bad(
        "theirs/update", _failed(), "ResourceNotFound", "job theirs on thing t1"
    ),
    "a job id that can be none": Bad("b@d/get", {}, "InvalidRequest", "jobId 'b@d'"),
    "a job id of 65": Bad(f"{'j' * 65}/get", {}, "InvalidRequest", "jobId"),
    "an open brace": _no_json(b"{"),
    "a list": _no_json(b"[]", "must be a JSON object, not list"),
    "a text": _no_json(b'"text"', "must be a JSON object, not str"),
    "null": _no_json(b"null", "must be a JSON object"),
    "a byte that is not UTF-8": _no_json(b"\xff"),
    "UTF-16": _no_json('{"a":1}'.encode("utf-16")),
    "a byte order mark": _no_json(b"\xef\xbb\xbf{}"),
    "two objects": _no_json(b"{}{}"),
    "single quotes": _no_json(b"{'status':'FAILED'}", request="j/update"),
    "NaN": _no_json(b'{"status":"FAILED","expectedVersion":NaN}', request="j/update"),
    "a number out of range": _no_json(b'{"status":"FAILED","x":1e999}', request="j/update"),
    "a number of 5000 digits": _no_json(b'{"expectedVersion":1' + b"0" * 5000 + b"}", request="j/update"),
    "5000 brackets": _no_json(b'{"status":"FAILED","x":' + b"[" * 5000, request="j/update"),
    "half a surrogate": _no_json(b'{"status":"\\ud800"}', request="j/update"),
    "a NUL in the text": _no_json(b'{"status":"FAILED\0"}', request="j/update"),
    "140,000 bytes": _no_json(
        b'{"status":"FAILED","x":"' + b"y" * 140_000 + b'"}', "at most 131072", "j/update"
    ),
}

#: Topics that name no operation: rejected by the dispatcher; a broker with rights lets nobody publish there.
NO_OPERATION: Final[dict[str, Bad]] = {
    "a verb that is none": Bad("j/stop", {}, "InvalidTopic", "names no operation"),
    "a verb without a job": Bad("stop", {}, "InvalidTopic", "names no operation"),
    "more than a verb": Bad("j/get/more", {}, "InvalidTopic", "names no operation"),
    "an update of nothing": Bad("update", {}, "InvalidTopic", "names no operation"),
    "nothing": Bad("", {}, "InvalidTopic", "names no operation"),
}
