"""Managed templates: what each makes of its parameters, and which values it refuses."""

import json
import re

import pytest

from agent.handlers.schema import parse
from domain import managed
from domain.documents import document_text
from domain.errors import InvalidRequest, NotFound
from domain.substitution import parameters_named

NAMES = [
    "AWS-Download-File",
    "AWS-Install-Application",
    "AWS-Reboot",
    "AWS-Remove-Application",
    "AWS-Restart-Application",
    "AWS-Run-Command",
    "AWS-Start-Application",
    "AWS-Stop-Application",
]


def examples(template):
    return {p.key: p.example for p in template.parameters if not p.optional}


def test_the_templates_that_programs_look_for_are_there_and_each_is_a_document():
    assert list(managed.TEMPLATES) == NAMES
    for name, template in managed.TEMPLATES.items():
        assert (template.name, template.version, template.environments) == (name, "1.0", ("LINUX",))
        assert template.reference == f"{name}:1.0"
        document_text(template.document)
        assert parameters_named(template.document) == {p.key for p in template.parameters}
        assert len({p.description for p in template.parameters}) == len(template.parameters)


@pytest.mark.parametrize("name", NAMES)
def test_every_example_is_allowed_and_makes_a_document_that_our_own_agent_can_work(name):
    template = managed.find(name)
    assert all(re.fullmatch(p.regex, p.example) for p in template.parameters)
    filled = managed.fill(name, examples(template))
    assert not parameters_named(filled)
    (action,) = parse(json.loads(filled)).actions
    assert action.name == name.removeprefix("AWS-")
    assert (action.run_as_user, action.input.path) == ("", "")


def test_a_download_has_its_arguments_in_order():
    filled = managed.fill(
        "AWS-Download-File:1.0",
        {"filePath": "/b", "downloadUrl": "https://x/a", "runAsUser": "u", "pathToHandler": "/h"},
    )
    assert json.loads(filled) == {
        "version": "1.0",
        "steps": [
            {
                "action": {
                    "name": "Download-File",
                    "type": "runHandler",
                    "input": {"handler": "download-file.sh", "args": ["https://x/a", "/b"], "path": "/h"},
                    "runAsUser": "u",
                }
            }
        ],
    }


def test_a_reboot_has_no_arguments_and_a_command_no_handler():
    (reboot,) = json.loads(managed.fill("AWS-Reboot", {}))["steps"]
    assert reboot["action"]["input"] == {"handler": "reboot.sh", "path": ""}
    (command,) = json.loads(managed.fill("AWS-Run-Command", {"command": "echo,a b"}))["steps"]
    assert command["action"] == {
        "name": "Run-Command",
        "type": "runCommand",
        "input": {"command": "echo,a b"},
        "runAsUser": "",
    }


def test_a_value_is_escaped_for_where_it_stands():
    value = 'echo,"quoted",back\\slash,é,${HOME},${aws:iot:s3-presigned-url:https://s3.amazonaws.com/b/k}'
    (step,) = json.loads(managed.fill("AWS-Run-Command", {"command": value}))["steps"]
    assert step["action"]["input"]["command"] == value


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        ("AWS-Download-File", {}, "needs a value for downloadUrl, filePath"),
        ("AWS-Download-File", {"downloadUrl": "x"}, "needs a value for filePath"),
        ("AWS-Reboot", {"colour": "red"}, "has no parameter 'colour'; it has pathToHandler, runAsUser"),
        ("AWS-Run-Command", {"command": "x", "pathToHandler": "/h"}, "has no parameter 'pathToHandler'"),
        ("AWS-Reboot", {"runAsUser": "u" * 257}, "does not match (.){0,256}"),
        ("AWS-Reboot", {"runAsUser": ""}, "documentParameters.runAsUser has 0 characters"),
        ("AWS-Reboot", {"runAsUser": "a\nb"}, "documentParameters.runAsUser contains the character U+000A"),
        ("AWS-Reboot", {"runAsUser": 7}, "documentParameters.runAsUser must be a string, not int"),
        ("AWS-Run-Command", {"command": "x" * 30_721}, "1 to 30720 are allowed"),
        (
            "AWS-Run-Command",
            {"command": "${aws:iot:parameter:command}"},
            "documentParameters.command names the parameter command",
        ),
        (
            "AWS-Run-Command",
            {"command": "${aws:iot:nonsense}"},
            "documentParameters.command: document holds the placeholder",
        ),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_name(name, values, reason):
    with pytest.raises(InvalidRequest) as refused:
        managed.fill(name, values)
    assert reason in str(refused.value)


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("AWS-Fly", None),
        ("AWS-Reboot", "2.0"),
        ("AWS-Reboot:9.9", None),
        ("AWS-Reboot:1.0", "2.0"),
        ("", None),
    ],
)
def test_a_template_or_version_that_is_not_there_is_not_found(name, version):
    with pytest.raises(NotFound, match="managed job template"):
        managed.find(name, version)


def test_a_colon_tells_them_from_templates_of_ones_own():
    assert managed.is_managed("AWS-Reboot:1.0")
    assert not managed.is_managed("AWS-Reboot")
