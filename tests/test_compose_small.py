"""compose.small.yaml is valid Compose, its commands and settings are ours, and nothing runs with rights."""

import json
import re
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest
import typer
import yaml

from cli.keys import write_key
from cli.main import app
from cli.settings import MQTTS_PORT, Settings, load

ROOT = Path(__file__).resolve().parent.parent
COMPOSE = yaml.safe_load((ROOT / "compose.small.yaml").read_text())
SERVICES = COMPOSE["services"]
CONTAINERFILE = (ROOT / "deploy" / "Containerfile").read_text()

every_service = pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES.keys())


def schema() -> dict:
    """Return the Compose schema that check-jsonschema carries, so that no network is needed."""
    shipped = files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    return json.loads(shipped.read_text())


def test_the_file_is_valid_compose():
    jsonschema.validate(COMPOSE, schema())


@pytest.mark.parametrize(
    ("path", "value"), [(("server", "ports"), "8080"), (("server", "comand"), ["serve"])]
)
def test_the_schema_refuses_what_compose_would(path, value):
    broken = json.loads(json.dumps(COMPOSE))
    broken["services"][path[0]][path[1]] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, schema())


def test_the_server_and_a_fleet_are_there():
    assert {"server", "fleet"} <= SERVICES.keys()


@every_service
def test_every_command_is_one_the_console_script_takes(service):
    command, arguments = typer.main.get_command(app), list(service["command"])
    while hasattr(command, "commands"):
        name = arguments.pop(0)
        command = command.commands[name]
    command.make_context(name, arguments)  # raises a usage error for an option that does not exist


def test_the_servers_environment_makes_valid_settings(monkeypatch, tmp_path):
    environment = SERVICES["server"]["environment"]
    assert write_key(tmp_path / "api-key")
    for name, value in environment.items():
        monkeypatch.setenv(name, value.replace("/keys", str(tmp_path)))
    settings = load()
    assert settings.api_key is not None
    monkeypatch.delenv("THINGJOBS_API_KEY_FILE")
    with pytest.raises(Exception, match="needs THINGJOBS_API_KEY"):
        load()


@every_service
def test_no_service_has_rights(service):
    assert service["user"] == "10001:10001"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service


@every_service
def test_no_secret_stands_in_the_file(service):
    for name in service.get("environment", {}):
        assert not re.search(r"(KEY|PASSWORD|TOKEN|SECRET)$", name), name


def test_every_service_runs_our_pinned_image(request):
    version = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[1]
    assert {service["image"] for service in SERVICES.values()} == {f"thingjobs:{version}"}
    assert f"thingjobs:{version}" in CONTAINERFILE
    for service in SERVICES.values():
        assert (ROOT / service["build"]["context"] / service["build"]["dockerfile"]).is_file()


def test_ports_are_published_on_loopback_and_are_those_of_the_settings():
    published = [port.split(":") for port in SERVICES["server"]["ports"]]
    assert {host for host, _, _ in published} == {"127.0.0.1"}
    defaults = {Settings.model_fields[name].default for name in ("http_port", "mqtt_port")} | {MQTTS_PORT}
    assert {int(inner) for _, _, inner in published} == defaults
    assert {str(port) for port in defaults} == set(
        re.search(r"^EXPOSE (.+)$", CONTAINERFILE, re.MULTILINE)[1].split()
    )
    assert (
        f":{Settings.model_fields['http_port'].default}/readyz"
        in SERVICES["server"]["healthcheck"]["test"][-1]
    )


def test_every_volume_is_declared_and_its_place_belongs_to_our_user():
    mounts = [volume.split(":") for service in SERVICES.values() for volume in service.get("volumes", [])]
    assert {mount[0] for mount in mounts} == COMPOSE["volumes"].keys()
    owned = re.search(r"chown 10001:10001 (.+?) *\\?$", CONTAINERFILE, re.MULTILINE)[1].split()
    # compose.yaml has more of them.
    assert {mount[1] for mount in mounts} <= set(owned)


@pytest.mark.parametrize(
    ("volume", "seeing", "writing"),
    [
        ("data", {"server"}, {"server"}),
        ("keys", {"key", "server", "tokens"}, {"key"}),
        ("fleet", {"tokens", "fleet"}, {"tokens"}),
    ],
)
def test_a_service_sees_only_what_it_needs(volume, seeing, writing):
    mounts = [(name, mount.split(":")) for name, service in SERVICES.items() for mount in service["volumes"]]
    assert {name for name, mount in mounts if mount[0] == volume} == seeing
    assert {name for name, mount in mounts if mount[0] == volume and mount[2:] != ["ro"]} == writing


def test_the_fleet_has_as_many_tokens_as_things():
    counts = {arg for name in ("tokens", "fleet") for arg in SERVICES[name]["command"] if "count" in arg}
    assert len(counts) == 1


def test_the_image_copies_every_package_and_what_it_copies_exists():
    copied = {
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", CONTAINERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    }
    assert {"domain", "storage", "broker", "agent", "api", "cli"} <= copied
    assert not [source for source in copied if not (ROOT / source).exists()]
    assert re.search(r"^USER 10001:10001$", CONTAINERFILE, re.MULTILINE)
