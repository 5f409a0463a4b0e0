"""compose.yaml: valid, our commands and settings, several of each process, no rights and no secrets.

Its services run as plain processes in tests/cli/test_many_processes.py.
"""

import re
from typing import Any

import jsonschema
import pytest
import typer
import yaml
from test_compose_small import COMPOSE as ONE
from test_compose_small import CONTAINERFILE, ROOT, schema

from cli.keys import write_key
from cli.main import app
from cli.settings import Settings, env_name, load

COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"].startswith("thingjobs:")}
SERVERS = [name for name, service in OURS.items() if "THINGJOBS_DATA_DIR" in service.get("environment", {})]

every_service = pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES.keys())


def mounts(service: dict[str, Any]) -> list[list[str]]:
    return [volume.split(":") for volume in service.get("volumes", [])]


def test_the_file_is_valid_compose():
    jsonschema.validate(COMPOSE, schema())


def test_there_are_two_of_what_must_not_be_missing():
    commands = [service["command"][0] for service in OURS.values()]
    assert (commands.count("api"), commands.count("dispatcher")) == (2, 2)
    assert {"scheduler", "fleet"} <= set(commands)
    assert {"postgres", "mosquitto"} <= SERVICES.keys()


@pytest.mark.parametrize("service", OURS.values(), ids=OURS.keys())
def test_every_command_of_ours_is_one_the_console_script_takes(service):
    command, arguments = typer.main.get_command(app), list(service["command"])
    while hasattr(command, "commands"):
        name = arguments.pop(0)
        command = command.commands[name]
    command.make_context(name, arguments)


@pytest.mark.parametrize("name", [*SERVERS, "upgrade"])
def test_the_environment_of_a_server_makes_valid_settings(name, monkeypatch, tmp_path):
    for key in ("api-key", "password", "dispatcher-password"):
        assert write_key(tmp_path / key)
    for variable, value in SERVICES[name]["environment"].items():
        monkeypatch.setenv(variable, re.sub(r"^/(keys|dbkey|broker)/", f"{tmp_path}/", value))
    settings = load()
    assert settings.database_url is not None
    assert settings.database_password is not None
    assert settings.broker == ("embedded" if name == "upgrade" else "external")


@pytest.mark.parametrize("name", SERVERS)
def test_no_server_starts_before_the_schema_is_there(name):
    assert SERVICES[name]["depends_on"]["upgrade"] == {"condition": "service_completed_successfully"}


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_is_asked_where_it_answers(name):
    told = SERVICES[name]["environment"]
    port = told.get(env_name("health_port"), str(Settings.model_fields["http_port"].default))
    assert f"http://127.0.0.1:{port}/readyz" in SERVICES[name]["healthcheck"]["test"][-1]
    assert SERVICES[name]["command"][0] == "api" or env_name("health_port") in told


@every_service
def test_no_service_has_rights(service):
    assert service["user"] == "10001:10001"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service


@every_service
def test_no_secret_stands_in_the_file(service):
    for name, value in service.get("environment", {}).items():
        assert not re.search(r"(KEY|PASSWORD|TOKEN|SECRET)$", name), name
        assert not re.search(r"//[^/@]*:[^/@]*@", value), name


@every_service
def test_what_others_made_is_pinned(service):
    assert re.search(r":\d", service["image"]), service["image"]
    assert service["image"].split(":")[0] in {"thingjobs", "postgres", "eclipse-mosquitto"}


def test_our_image_is_the_same_in_both_files():
    images = {(service["image"], str(service["build"])) for service in OURS.values()}
    assert images == {(service["image"], str(service["build"])) for service in ONE["services"].values()}


@every_service
def test_ports_are_published_on_loopback(service):
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_every_volume_is_declared_and_its_place_in_our_image_belongs_to_our_user():
    named = {mount[0] for service in SERVICES.values() for mount in mounts(service) if mount[0][0] != "."}
    assert named == COMPOSE["volumes"].keys()
    owned = re.search(r"chown 10001:10001 (.+?) *\\?$", CONTAINERFILE, re.MULTILINE)[1].split()
    both = [*OURS.values(), *ONE["services"].values()]
    assert {mount[1] for service in both for mount in mounts(service)} == set(owned)


@pytest.mark.parametrize(
    ("volume", "seeing", "writing"),
    [
        ("data", set(SERVERS), set(SERVERS)),
        ("keys", {"key", "api-1", "api-2", "tokens"}, {"key"}),
        ("dbkey", {"database-password", "postgres", "upgrade", *SERVERS}, {"database-password"}),
        ("database", {"postgres"}, {"postgres"}),
        (
            "broker",
            {"dispatcher-password", "broker-files", "mosquitto", "dispatcher-1", "dispatcher-2"},
            {"dispatcher-password", "broker-files", "mosquitto"},
        ),
        ("fleet", {"tokens", "broker-files", "fleet"}, {"tokens"}),
    ],
)
def test_a_service_sees_only_what_it_needs(volume, seeing, writing):
    found = [(name, mount) for name, service in SERVICES.items() for mount in mounts(service)]
    assert {name for name, mount in found if mount[0] == volume} == seeing
    assert {name for name, mount in found if mount[0] == volume and mount[2:] != ["ro"]} == writing


def test_whatever_depends_on_something_names_it_right():
    for service in SERVICES.values():
        for name, how in service.get("depends_on", {}).items():
            there = SERVICES[name]
            assert ("healthcheck" in there) == (how["condition"] == "service_healthy"), name
            assert ("restart" in there) == (how["condition"] == "service_healthy"), name


def test_the_fleet_has_as_many_tokens_as_things():
    counts = {word for name in ("tokens", "fleet") for word in SERVICES[name]["command"] if "count" in word}
    assert len(counts) == 1
