"""The documents of managed templates, filled in and worked by our own agent with real programs."""

import json
import sys

import pytest

from domain import managed
from domain.execution import Status

SPOKEN = {
    "AWS-Download-File": (
        {"downloadUrl": "https://x/a b", "filePath": "/srv/a"},
        "download-file.sh: https://x/a b /srv/a",
    ),
    "AWS-Install-Application": ({"packages": "jq curl"}, "install-packages.sh: jq curl"),
    "AWS-Reboot": ({}, "reboot.sh:"),
    "AWS-Remove-Application": ({"packages": "jq"}, "remove-packages.sh: jq"),
    "AWS-Restart-Application": ({"services": "a.service"}, "restart-services.sh: a.service"),
    "AWS-Start-Application": ({"services": "a.service"}, "start-services.sh: a.service"),
    "AWS-Stop-Application": ({"services": "a.service"}, "stop-services.sh: a.service"),
}


def test_all_that_run_a_handler_are_here():
    assert {*SPOKEN, "AWS-Run-Command"} == set(managed.TEMPLATES)


@pytest.mark.parametrize("name", SPOKEN)
async def test_a_handler_is_given_the_values_in_order(worked, handlers, script, log, name):
    values, said = SPOKEN[name]
    script(said.partition(":")[0])
    execution = await worked(json.loads(managed.fill(name, values)), handlers=handlers)
    assert execution.status is Status.SUCCEEDED
    assert log.read_text() == f"{said}\n"


async def test_a_command_is_run_word_by_word(worked, tmp_path):
    made = tmp_path / "a, b"
    program = "import pathlib\\, sys; pathlib.Path(sys.argv[1]).touch()"
    command = ",".join((sys.executable, "-c", program, str(made).replace(",", "\\,")))
    execution = await worked(json.loads(managed.fill("AWS-Run-Command", {"command": command})))
    assert execution.status is Status.SUCCEEDED
    assert made.exists()
