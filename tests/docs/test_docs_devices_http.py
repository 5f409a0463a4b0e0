"""The tables of the device protocol over HTTP say what the devices' plane does."""

import re
from pathlib import Path

from api.aws.device import OPERATIONS
from api.aws.errors import told
from domain import errors
from domain.execution import ExecutionState, Status

PAGE = (Path(__file__).parents[2] / "docs" / "device-protocol.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("\n## Over HTTP\n")[2].partition("\n## ")[0]
STATE = ExecutionState(Status.QUEUED, {}, 1)
RAISED = [
    errors.InvalidJson("x"),
    errors.InvalidRequest("x"),
    errors.NotFound("x"),
    errors.VersionMismatch(2, STATE),
    errors.InvalidStateTransition("x", STATE),
    errors.TerminalStateReached("x"),
    errors.Throttled("x"),
    errors.Unavailable("x"),
]


def test_each_code_of_mqtt_is_the_one_over_http():
    rows = dict(re.findall(r"^\| `(\w+)` \| (\d+ `\w+`) \|$", SECTION, re.MULTILINE))
    found = {}
    for error in RAISED:
        # The operations together have every code; none of them says an error with another's.
        codes = tuple(dict.fromkeys(code for operation in OPERATIONS for code in operation.errors))
        answer = told(error, codes, data=True)
        found[error.code] = f"{answer.status} `{answer.code}`"
    assert rows == found


def test_each_operation_is_reached_as_it_says():
    said = set(re.findall(r"`((?:GET|PUT|POST) /[^`]+)`", SECTION))
    served = {
        f"{operation.method} {operation.path}".replace("thingName", "thing") for operation in OPERATIONS
    }
    # One path has two rows there: what is next is a job, too.
    assert said - {"GET /things/{thing}/jobs/$next"} == served
