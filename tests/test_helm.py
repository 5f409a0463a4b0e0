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


MANY = {**FULL, "processes": {**VALUES["processes"], "enabled": True}}


def processes(kind):
    """Return what the chart makes of a kind where the parts run apart, by name."""
    found = [each for each in yaml.safe_load_all(rendered("processes.yaml", MANY)) if each["kind"] == kind]
    return {each["metadata"]["name"]: each for each in found}


KINDS = [kind["name"] for kind in VALUES["processes"]["kinds"]]
every_kind = pytest.mark.parametrize("kind", KINDS)


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
        (("processes", "enabled"), "yes"),
        (("processes", "database", "url"), "sqlite:///x"),
        (("processes", "broker", "dispatchers"), "both"),
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


def test_either_one_server_is_made_or_its_parts_apart():
    assert rendered("processes.yaml").strip() == ""
    assert rendered("statefulset.yaml", MANY).strip() == ""
    assert "mqtts" not in rendered("service.yaml", MANY)
    assert "exec deploy/fleet-api -- thingjobs db upgrade --finish" in rendered("NOTES.txt", MANY)


@every_kind
def test_every_part_takes_its_command_and_its_settings(kind, monkeypatch, tmp_path):
    [container] = processes("Deployment")[f"fleet-{kind}"]["spec"]["template"]["spec"]["containers"]
    name, *arguments = container["args"]
    typer.main.get_command(app).commands[name].make_context(name, arguments)
    for secret in ("api-key", "database-password", "broker-password"):
        write_key(tmp_path / secret)
    for each in container["env"]:
        monkeypatch.setenv(each["name"], each["value"].replace("/secrets", str(tmp_path)))
    found = load()
    assert found.database_password is not None
    assert (found.broker == "external") == (kind == "dispatcher")
    assert (found.api_key is not None) == (kind == "api")
    [port] = container["ports"]
    assert port["containerPort"] == (found.http_port if kind == "api" else found.health_port)
    host = found.http_host if kind == "api" else found.health_host
    assert host == "0.0.0.0", "a probe comes from outside"


@every_kind
def test_a_part_sees_the_secrets_that_its_settings_name_and_no_others(kind):
    spec = processes("Deployment")[f"fleet-{kind}"]["spec"]["template"]["spec"]
    [container] = spec["containers"]
    [secrets] = [volume["projected"] for volume in spec["volumes"] if volume["name"] == "secrets"]
    files = {f"/secrets/{item['path']}" for each in secrets["sources"] for item in each["secret"]["items"]}
    named = {each["value"] for each in container["env"] if each["name"].endswith("_FILE")}
    assert files == named
    mounts = {each["name"] for each in container["volumeMounts"]}
    assert mounts == {volume["name"] for volume in spec["volumes"]}


@every_kind
def test_a_part_is_replaced_and_drained_without_a_gap(kind):
    deployment = processes("Deployment")[f"fleet-{kind}"]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"] == labels
    assert deployment["spec"]["replicas"] >= 2
    assert deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert processes("PodDisruptionBudget")[f"fleet-{kind}"]["spec"] == {
        "maxUnavailable": 1,
        "selector": {"matchLabels": labels},
    }
    spec = deployment["spec"]["template"]["spec"]
    [container] = spec["containers"]
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}
    assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}
    _, pause = container["lifecycle"]["preStop"]["exec"]["command"]
    assert spec["terminationGracePeriodSeconds"] >= int(pause) + 30
    assert spec["securityContext"] == pod()["securityContext"]
    assert container["securityContext"] == server()["securityContext"]


def test_the_service_leads_to_the_apis():
    labels = processes("Deployment")["fleet-api"]["spec"]["template"]["metadata"]["labels"]
    assert made("service.yaml", MANY)["spec"]["selector"] == labels


def test_the_schema_comes_before_the_processes():
    job = processes("Job")["fleet-upgrade"]
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    [container] = job["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["db", "upgrade"]
    assert container["image"] == server(MANY | {"processes": VALUES["processes"]})["image"]


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
        ("{{ range .Values.extraEnv }}{{ end }}", "no item"),
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
        ("{{- range .l }}{{ .k }}{{ $.x }}{{ end }};", "a1b1;"),
        ("{{ if not .y }}none{{ end }}", "none"),
    ],
)
def test_the_renderer_does_as_gos_does(text, comes_to):
    assert render(text, {"x": 1, "y": "", "z": {"k": "v"}, "l": [{"k": "a"}, {"k": "b"}]}) == comes_to
