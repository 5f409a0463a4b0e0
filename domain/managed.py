"""Managed templates: documents that come with us, in the form that AWS's device client runs (contract 1.7).

They are data: nobody can change them, and a job that names one gives values for its parameters, which are
strings. Their names, handlers and parameters are AWS's, so that programs written for those find them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from domain.details import first_control
from domain.documents import document_text
from domain.errors import InvalidRequest, NotFound
from domain.substitution import Kind, Placeholder, fill_parameters, parameters_named

MAX_VALUE: Final = 30_720
VERSION: Final = "1.0"
ENVIRONMENTS: Final = ("LINUX",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """What a value of a document is for; ``regex`` must match it as a whole."""

    key: str
    description: str
    regex: str
    example: str
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedTemplate:
    """A document with holes, and what goes into them."""

    name: str
    description: str
    document: str
    parameters: tuple[Parameter, ...]
    version: str = VERSION
    environments: tuple[str, ...] = ENVIRONMENTS

    @property
    def reference(self) -> str:
        """Return what ends its ARN, and names it in a job: no template of one's own has a colon in its id."""
        return f"{self.name}:{self.version}"


_USER: Final = Parameter(
    key="runAsUser",
    description="The account on the device that the step runs as; left out, the one the agent runs as.",
    regex="(.){0,256}",
    example="operator",
    optional=True,
)
_HANDLERS: Final = Parameter(
    key="pathToHandler",
    description="The folder on the device that holds the handler; left out, the agent's own.",
    regex="(.){0,4096}",
    example="/opt/fleet/handlers",
    optional=True,
)
_PACKAGES: Final = Parameter(
    key="packages",
    description="Names of packages as the device's package manager knows them, with spaces between.",
    regex="(.){1,4096}",
    example="mosquitto-clients jq",
)
_SERVICES: Final = Parameter(
    key="services",
    description="Names of services as the device's service manager knows them, with spaces between.",
    regex="(.){1,4096}",
    example="gateway.service collector.service",
)
_URL: Final = Parameter(
    key="downloadUrl",
    description="Where the file is fetched from: a URL that the device can reach.",
    regex="(.){1,4096}",
    example="https://files.example.com/maps/north.bin",
)
_FILE: Final = Parameter(
    key="filePath",
    description="Where the file is put on the device: its whole path.",
    regex="(.){1,4096}",
    example="/var/lib/maps/north.bin",
)
_COMMAND: Final = Parameter(
    key="command",
    description="A program and its arguments with commas between; a comma that is meant is escaped by \\.",
    regex="(.){1,4096}",
    example="systemctl,restart,gateway",
)


def _hole(parameter: Parameter) -> str:
    return str(Placeholder(Kind.AWS_PARAMETER, parameter.key))


def _template(
    name: str, description: str, action: Mapping[str, Any], parameters: tuple[Parameter, ...]
) -> ManagedTemplate:
    step = {"name": name, **action, "runAsUser": _hole(_USER)}
    document = {"version": "1.0", "steps": [{"action": step}]}
    return ManagedTemplate(
        name=f"AWS-{name}",
        description=description,
        document=json.dumps(document, separators=(",", ":")),
        parameters=(*parameters, _USER),
    )


def _handler(name: str, handler: str, description: str, *arguments: Parameter) -> ManagedTemplate:
    """Return a template whose one step runs a script of the device's, each parameter an argument."""
    given = {"args": [_hole(argument) for argument in arguments]} if arguments else {}
    work = {"handler": handler, **given, "path": _hole(_HANDLERS)}
    return _template(name, description, {"type": "runHandler", "input": work}, (*arguments, _HANDLERS))


#: All there are, by name.
TEMPLATES: Final[Mapping[str, ManagedTemplate]] = {
    template.name: template
    for template in (
        _handler(
            "Download-File", "download-file.sh", "Fetches a file to a place on the device.", _URL, _FILE
        ),
        _handler("Install-Application", "install-packages.sh", "Installs packages on the device.", _PACKAGES),
        _handler("Reboot", "reboot.sh", "Restarts the device as a whole."),
        _handler(
            "Remove-Application", "remove-packages.sh", "Takes packages off the device again.", _PACKAGES
        ),
        _handler(
            "Restart-Application",
            "restart-services.sh",
            "Stops services of the device and starts them.",
            _SERVICES,
        ),
        _template(
            "Run-Command",
            "Runs one program on the device.",
            {"type": "runCommand", "input": {"command": _hole(_COMMAND)}},
            (_COMMAND,),
        ),
        _handler("Start-Application", "start-services.sh", "Starts services of the device.", _SERVICES),
        _handler("Stop-Application", "stop-services.sh", "Stops services of the device.", _SERVICES),
    )
}


def is_managed(template_id: str) -> bool:
    """Tell what a job's template is: one of these has a name and a version with a colon between."""
    return ":" in template_id


def find(name: str, version: str | None = None) -> ManagedTemplate:
    """Return the template of a name, or of a name and version with a colon between; raises ``NotFound``."""
    plain, colon, said = name.partition(":")
    found = TEMPLATES.get(plain)
    for wanted in (said if colon else None, version):
        if wanted is not None and (found is None or wanted != found.version):
            raise NotFound(f"There is no version {wanted[:64]!r} of managed job template {plain[:64]!r}")
    if found is None:
        raise NotFound(f"There is no managed job template {plain[:64]!r}")
    return found


def fill(template_name: str, parameters: Mapping[str, str]) -> str:
    """Return the document of a managed template with values in its holes: a job's (contract 1.7, 1.8).

    An optional parameter that is left out becomes the empty string. Raises ``NotFound``, and
    ``InvalidRequest`` for a value that is missing, unknown, not allowed, or makes the document too large.
    """
    template = find(template_name)
    known = {parameter.key: parameter for parameter in template.parameters}
    for key, value in parameters.items():
        _check(key, value, known.get(key), template)
    missing = [p.key for p in template.parameters if not p.optional and p.key not in parameters]
    if missing:
        raise InvalidRequest(f"documentParameters: {template.name} needs a value for {', '.join(missing)}")
    return document_text(fill_parameters(template.document, dict.fromkeys(known, "") | dict(parameters)))


def _check(key: str, value: object, parameter: Parameter | None, template: ManagedTemplate) -> None:
    if parameter is None:
        names = ", ".join(known.key for known in template.parameters)
        raise InvalidRequest(
            f"documentParameters: {template.name} has no parameter {key[:64]!a}; it has {names}"
        )
    where = f"documentParameters.{key}"
    if not isinstance(value, str):
        raise InvalidRequest(f"{where} must be a string, not {type(value).__name__}")
    if not 1 <= len(value) <= MAX_VALUE:
        raise InvalidRequest(f"{where} has {len(value)} characters; 1 to {MAX_VALUE} are allowed")
    bad = first_control(value)
    if bad is not None:
        raise InvalidRequest(f"{where} contains the character U+{ord(bad):04X}, which is not allowed")
    if not re.fullmatch(parameter.regex, value):
        raise InvalidRequest(f"{where} {value[:64]!r} does not match {parameter.regex}")
    try:
        named = parameters_named(json.dumps(value))
    except InvalidRequest as error:
        raise InvalidRequest(f"{where}: {error}") from None
    if named:
        raise InvalidRequest(
            f"{where} names the parameter {min(named)} in turn; values are not looked at again"
        )
