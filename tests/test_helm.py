"""The chart: its values fit its schema, its templates come to what Kubernetes takes, that runs our server.

A renderer of our own stands in for Helm (go_templates), and no cluster has taken what comes out: what it asks
is written down here for the two kinds that the chart makes.
"""

import json
import re
import tomllib
from pathlib import Path

import jsonschema
import pytest
import typer
import yaml
from go_templates import render

from cli.keys import write_key
from cli.main import app
from cli.settings import load

ROOT = Path(__file__).resolve().parent.parent
CHART = ROOT / "deploy" / "helm" / "thingjobs"
DESCRIBED = yaml.safe_load((CHART / "Chart.yaml").read_text())
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
#: Every value that changes what is rendered, changed.
FULL = {
    **VALUES,
    "image": {"repository": "registry.example/thingjobs", "tag": "1.2.3", "pullPolicy": "Always"},
    "tlsNames": "jobs.example,10.0.0.7",
    "artifactUrl": "https://jobs.example",
    "extraEnv": [{"name": "THINGJOBS_REGISTRATION", "value": "strict"}],
    "persistence": {"size": "100Gi", "storageClassName": "fast"},
    "service": {"type": "LoadBalancer", "annotations": {"example.com/lb": "internal"}},
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"key": "iot", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
}


def rendered(name, values=VALUES):
    context = {
        "Values": values,
        "Release": {"Name": "fleet", "Namespace": "iot", "Service": "Helm"},
        "Chart": {"AppVersion": DESCRIBED["appVersion"]},
    }
    return render((CHART / "templates" / name).read_text(), context)


def made(name, values=VALUES):
    return yaml.safe_load(rendered(name, values))


def pod(values=VALUES):
    return made("statefulset.yaml", values)["spec"]["template"]["spec"]


def server(values=VALUES):
    [container] = pod(values)["containers"]
    return container


def environment(values):
    return {each["name"]: each["value"] for each in server(values)["env"]}


both = pytest.mark.parametrize("values", [VALUES, FULL], ids=["as shipped", "all changed"])


@both
def test_the_values_fit_their_schema(values):
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    jsonschema.validate(values, SCHEMA)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("replicas",), 2),
        (("image", "tags"), "x"),
        (("apiKey", "existingSecret"), ""),
        (("persistence", "size"), "10GB"),
        (("service", "type"), "ExternalName"),
        (("extraEnv",), [{"name": "PATH", "value": "/"}]),
        (("artifactUrl",), "jobs.example"),
    ],
)
def test_the_schema_refuses_what_the_chart_cannot_mean(path, value):
    broken = json.loads(json.dumps(VALUES))
    place = broken
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, SCHEMA)


def test_every_value_is_used_and_every_one_used_is_there():
    text = "".join(file.read_text() for file in (CHART / "templates").iterdir())
    used = {path.split(".")[0] for path in re.findall(r"\.Values\.([\w.]+)", text)}
    assert used == set(VALUES) == set(SCHEMA["properties"]) - {"global"}


def test_the_chart_is_of_this_version():
    assert DESCRIBED["apiVersion"] == "v2"
    assert DESCRIBED["name"] == CHART.name
    assert DESCRIBED["version"] == DESCRIBED["appVersion"] == VERSION
    assert server()["image"] == f"thingjobs:{VERSION}"
    assert server(FULL)["image"] == "registry.example/thingjobs:1.2.3"


@both
def test_the_server_takes_its_command_and_its_settings(values, monkeypatch, tmp_path):
    name, *arguments = server(values)["args"]
    typer.main.get_command(app).commands[name].make_context(name, arguments)
    write_key(tmp_path / "api-key")
    for variable, value in environment(values).items():
        monkeypatch.setenv(variable, value.replace("/secrets", str(tmp_path)))
    found = load()
    ports = {each["name"]: each["containerPort"] for each in server(values)["ports"]}
    assert ports == {"http": found.http_port, "mqtt": found.mqtt_port, "mqtts": found.secure_port}
    assert found.tls_names == values["tlsNames"]
    assert (found.artifact_url or "") == values["artifactUrl"]
    assert found.registration == ("strict" if values is FULL else "auto")


@both
def test_what_is_mounted_is_there_and_where_the_settings_say(values):
    mounts = {each["name"]: each["mountPath"] for each in server(values)["volumeMounts"]}
    [claim] = made("statefulset.yaml", values)["spec"]["volumeClaimTemplates"]
    volumes = {each["name"]: each for each in pod(values)["volumes"]}
    assert mounts.keys() == {claim["metadata"]["name"], *volumes}
    assert environment(values)["THINGJOBS_DATA_DIR"].startswith(f"{mounts['data']}/")
    secret = volumes["secrets"]["secret"]
    [item] = secret["items"]
    assert environment(values)["THINGJOBS_API_KEY_FILE"] == f"{mounts['secrets']}/{item['path']}"
    assert (secret["secretName"], item["key"]) == ("thingjobs", "api-key")
    assert secret["defaultMode"] & 0o007 == 0
    assert claim["spec"]["resources"]["requests"]["storage"] == values["persistence"]["size"]
    assert ("storageClassName" in claim["spec"]) == (values is FULL)


@both
def test_it_has_no_rights_and_writes_where_its_data_is(values):
    outer, inner = pod(values)["securityContext"], server(values)["securityContext"]
    assert outer["runAsNonRoot"] is True
    assert outer["runAsUser"] == outer["runAsGroup"] == outer["fsGroup"] == 10001
    assert f"USER {outer['runAsUser']}:" in (ROOT / "deploy" / "Containerfile").read_text()
    assert outer["seccompProfile"] == {"type": "RuntimeDefault"}
    assert inner == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod(values)["automountServiceAccountToken"] is False


def test_it_is_asked_whether_it_lives_and_whether_it_is_ready():
    asked = {name: server()[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
    assert {name: get["path"] for name, get in asked.items()} == {
        "startup": "/healthz",
        "liveness": "/healthz",
        "readiness": "/readyz",
    }
    assert {get["port"] for get in asked.values()} == {"http"}


@both
def test_the_service_leads_to_the_one_server(values):
    service, wanted = made("service.yaml", values), made("statefulset.yaml", values)
    labels = wanted["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"] == wanted["spec"]["selector"]["matchLabels"] == labels
    assert wanted["spec"]["serviceName"] == service["metadata"]["name"]
    assert wanted["spec"]["replicas"] == 1
    ports = {each["name"]: each["containerPort"] for each in server(values)["ports"]}
    assert {each["targetPort"]: each["port"] for each in service["spec"]["ports"]} == ports
    assert service["spec"]["type"] == values["service"]["type"]
    assert service["metadata"].get("annotations", {}) == values["service"]["annotations"]


def test_where_it_runs_can_be_said():
    assert pod(FULL)["nodeSelector"] == {"disk": "ssd"}
    assert pod(FULL)["tolerations"] == [{"key": "iot", "operator": "Exists"}]
    assert not {"nodeSelector", "tolerations", "affinity"} & pod().keys()
    assert server()["resources"] == VALUES["resources"]


def test_the_notes_say_what_to_do_next():
    assert "kubectl -n iot port-forward svc/fleet 8080" in rendered("NOTES.txt")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{{ .Values.nothing }}", "there is no"),
        ("{{ .Values.image | upper }}", "what is"),
        ("{{ include 'x' . }}", "what is"),
        ("{{ if .Values.image }}", "has no end"),
        ("{{ end }}", "too many"),
    ],
)
def test_the_renderer_guesses_nothing(text, fault):
    with pytest.raises(ValueError, match=fault):
        render(text, {"Values": VALUES})


@pytest.mark.parametrize(
    ("text", "comes_to"),
    [
        ("a: {{ .x | quote }}\n", 'a: "1"\n'),
        ("a\n  {{- with .y }}\n  b: {{ . }}\n  {{- end }}\nc", "a\nc"),
        ("a\n  {{- with .x }}\n  b: {{ . }}\n  {{- end }}\nc", "a\n  b: 1\nc"),
        ("a:\n  {{- toYaml .z | nindent 2 }}\n", "a:\n  k: v\n"),
        ("{{ .y | default .x }}", "1"),
    ],
)
def test_the_renderer_does_as_gos_does(text, comes_to):
    assert render(text, {"x": 1, "y": "", "z": {"k": "v"}}) == comes_to
