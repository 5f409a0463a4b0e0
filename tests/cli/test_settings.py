"""Which settings are read, from where, and which are refused with what words."""

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from cli.errors import UsageRefused
from cli.settings import is_loopback, load, printable

KEY = "tj_0123456789abcdef"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch):
    for name in os.environ:
        if name.upper().startswith("THINGJOBS_"):
            monkeypatch.delenv(name)


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def test_defaults_serve_loopback_only():
    settings = load()
    assert is_loopback(settings.http_host)
    assert is_loopback(settings.mqtt_host)
    assert (settings.topic_root, settings.broker, settings.registration) == (
        "$aws/things",
        "embedded",
        "auto",
    )
    assert settings.data_dir == Path("data")


def test_flags_override_the_environment_which_overrides_the_file(monkeypatch, tmp_path):
    file = write(tmp_path / "t.toml", 'http_port = 1\nmqtt_port = 2\nregion = "eu-west-1"\n')
    monkeypatch.setenv("THINGJOBS_HTTP_PORT", "11")
    monkeypatch.setenv("THINGJOBS_MQTT_PORT", "12")
    settings = load(config=file, http_port=0)
    assert (settings.http_port, settings.mqtt_port, settings.region) == (0, 12, "eu-west-1")


def test_the_environment_can_name_the_file(monkeypatch, tmp_path):
    monkeypatch.setenv("THINGJOBS_CONFIG", str(write(tmp_path / "t.toml", 'registration = "strict"')))
    assert load().registration == "strict"


def test_a_flag_that_was_not_given_changes_nothing(monkeypatch):
    monkeypatch.setenv("THINGJOBS_LOG_LEVEL", "debug")
    assert load(log_level=None).log_level == "debug"


def test_an_empty_variable_counts_as_not_set(monkeypatch):
    monkeypatch.setenv("THINGJOBS_API_KEY", "")
    assert load().api_key is None


def test_settings_are_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        load().http_port = 1


@pytest.mark.parametrize(
    ("wrong", "closest"),
    [
        ("THINGJOBS_HTTP_PROT", "THINGJOBS_HTTP_PORT"),
        ("thingjobs_data_dri", "THINGJOBS_DATA_DIR"),
        ("THINGJOBS_ZZZ", "THINGJOBS_"),
    ],
)
def test_a_misspelt_variable_is_refused_with_the_closest_name(monkeypatch, wrong, closest):
    monkeypatch.setenv(wrong, "1")
    with pytest.raises(UsageRefused, match=rf"{wrong.upper()} in the environment .* closest is {closest}"):
        load()


@pytest.mark.parametrize("name", ["THINGJOBS_TOKEN", "THINGJOBS_URL"])
def test_variables_of_other_commands_are_no_misspelt_settings(monkeypatch, name):
    monkeypatch.setenv(name, "x")
    assert load() == load()


def test_a_misspelt_name_in_the_file_is_refused_with_the_closest_name(tmp_path):
    file = write(tmp_path / "t.toml", "http_prot = 1")
    with pytest.raises(UsageRefused, match=r"http_prot in .*t\.toml .* closest is http_port"):
        load(config=file)


@pytest.mark.parametrize("content", ["not toml", "= 1", "[a"])
def test_a_file_that_is_not_toml_is_refused(tmp_path, content):
    with pytest.raises(UsageRefused, match="is not TOML"):
        load(config=write(tmp_path / "t.toml", content))


def test_a_file_that_is_missing_is_refused(tmp_path):
    with pytest.raises(UsageRefused, match="No such file"):
        load(config=tmp_path / "none.toml")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "jobs.example", "127.0.0.1.example"])
def test_a_public_http_address_needs_a_key(host):
    with pytest.raises(UsageRefused, match=rf"THINGJOBS_HTTP_HOST={host} needs THINGJOBS_API_KEY"):
        load(http_host=host)
    assert load(http_host=host, api_key=KEY).http_host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost"])
def test_loopback_addresses_need_no_key_and_may_be_insecure(host):
    settings = load(http_host=host, mqtt_host=host, insecure_devices=True, insecure_operators=True)
    assert settings.insecure_devices
    assert settings.insecure_operators


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.7", "mqtt.example"])
def test_insecure_devices_are_refused_on_a_public_address(host):
    with pytest.raises(UsageRefused, match=rf"refused with THINGJOBS_MQTT_HOST={host}"):
        load(mqtt_host=host, insecure_devices=True)
    assert load(mqtt_host=host).mqtt_host == host


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.7", "jobs.example"])
def test_insecure_operators_are_refused_on_a_public_address_whatever_key_there_is(host):
    with pytest.raises(UsageRefused, match=rf"INSECURE_OPERATORS .* refused with THINGJOBS_HTTP_HOST={host}"):
        load(http_host=host, api_key=KEY, insecure_operators=True)


def test_an_external_broker_needs_its_address():
    with pytest.raises(UsageRefused, match="needs THINGJOBS_BROKER_HOST"):
        load(broker="external")
    assert load(broker="external", broker_host="mqtt.example").broker_port == 1883


@pytest.mark.parametrize(
    "key", ["short", "with space in the key", "schlüssel-mit-umlaut", "tab\tin-the-long-key"]
)
def test_a_weak_key_is_refused_and_never_shown(key):
    with pytest.raises(UsageRefused, match="THINGJOBS_API_KEY: needs at least 16") as refused:
        load(api_key=key)
    assert key not in str(refused.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("http_port", 65536),
        ("http_port", -1),
        ("http_port", "x"),
        ("broker_port", 0),
        ("http_host", ""),
        ("topic_root", "a/#"),
        ("topic_root", "/a"),
        ("topic_root", "a/"),
        ("topic_root", ""),
        ("topic_root", "a\n"),
        ("topic_root", "events"),
        ("topic_root", "a/events"),
        ("account", "12"),
        ("account", "123456789012\n"),
        ("partition", "gcp"),
        ("region", "US"),
        ("registration", "maybe"),
        ("log_level", "loud"),
        ("log_format", "xml"),
        ("broker", "mosquitto"),
    ],
)
def test_a_value_out_of_range_is_refused_by_name(field, value):
    with pytest.raises(UsageRefused, match=f"THINGJOBS_{field.upper()}: "):
        load(**{field: value})


@pytest.mark.parametrize("secret", ["api_key", "broker_password"])
def test_a_secret_comes_from_a_file_without_its_line_end(tmp_path, secret):
    settings = load(**{f"{secret}_file": write(tmp_path / "s", f"{KEY}\n")})
    assert getattr(settings, secret).get_secret_value() == KEY


def test_the_file_of_a_secret_can_be_named_in_the_environment_and_in_the_file(monkeypatch, tmp_path):
    secret = write(tmp_path / "s", KEY)
    file = write(tmp_path / "t.toml", f'api_key_file = "{secret}"')
    assert load(config=file).api_key.get_secret_value() == KEY
    monkeypatch.setenv("THINGJOBS_API_KEY_FILE", str(secret))
    assert load().api_key.get_secret_value() == KEY


def test_a_secret_and_its_file_exclude_each_other(tmp_path):
    with pytest.raises(UsageRefused, match="exclude each other"):
        load(api_key=KEY, api_key_file=write(tmp_path / "s", KEY))


@pytest.mark.parametrize(
    ("content", "mode", "reason"),
    [
        (KEY, 0o644, "chmod 600"),
        ("", 0o600, "empty"),
        (" \n", 0o600, "empty"),
        ("k" * 5000, 0o600, "longer than"),
        ("short", 0o600, "at least 16"),
    ],
)
def test_a_bad_secret_file_is_refused(tmp_path, content, mode, reason):
    with pytest.raises(UsageRefused, match=reason):
        load(api_key_file=write(tmp_path / "s", content, mode))


def test_a_secret_file_that_is_missing_or_not_text_is_refused(tmp_path):
    with pytest.raises(UsageRefused, match=r"THINGJOBS_API_KEY_FILE: cannot read .* No such file"):
        load(api_key_file=tmp_path / "none")
    binary = tmp_path / "b"
    binary.write_bytes(b"\xff\xfe" * 20)
    binary.chmod(0o600)
    with pytest.raises(UsageRefused, match="not UTF-8"):
        load(api_key_file=binary)


def test_what_is_printed_is_toml_and_masks_secrets(tmp_path):
    settings = load(api_key=KEY, broker_password="planted-secret", data_dir=tmp_path / 'a"b')
    text = printable(settings)
    assert KEY not in text
    assert "planted-secret" not in text
    assert KEY not in repr(settings)
    file = write(tmp_path / "again.toml", "\n".join(line for line in text.splitlines() if "*" not in line))
    assert load(config=file).data_dir == settings.data_dir


def test_the_listener_for_certificates_has_the_port_of_aws_unless_ports_are_free():
    assert load().secure_port == 8883
    assert load(mqtt_port=0).secure_port == 0
    assert load(mqtt_port=0, mqtts_port=9999).secure_port == 9999


@pytest.mark.parametrize("given", ["tls_cert_file", "tls_key_file"])
def test_a_certificate_and_its_key_need_each_other(given, tmp_path):
    with pytest.raises(UsageRefused, match="need each other"):
        load(**{given: tmp_path / "file"})


def test_names_are_for_certificates_of_our_own_making(tmp_path):
    with pytest.raises(UsageRefused, match="THINGJOBS_TLS_NAMES"):
        load(tls_cert_file=tmp_path / "a", tls_key_file=tmp_path / "b", tls_names="broker.example")


@pytest.mark.parametrize("names", ["", "broker.example", "*.example,192.0.2.7,2001:db8::1"])
def test_names_are_hosts_and_addresses(names):
    assert load(tls_names=names).tls_names == names


@pytest.mark.parametrize("names", ["a b", "a,,b", ",a", "bücher", "https://a"])
def test_what_is_no_name_is_refused(names):
    with pytest.raises(UsageRefused, match="THINGJOBS_TLS_NAMES"):
        load(tls_names=names)


@pytest.mark.parametrize("given", ["broker_tls_cert_file", "broker_tls_key_file"])
def test_our_certificate_for_the_broker_and_its_key_need_each_other(given, tmp_path):
    with pytest.raises(UsageRefused, match="THINGJOBS_BROKER_TLS_KEY_FILE need each other"):
        load(broker_tls=True, **{given: tmp_path / "file"})


@pytest.mark.parametrize(
    ("name", "value"), [("broker_tls_ca_file", "ca.pem"), ("broker_tls_check_name", False)]
)
def test_what_is_about_tls_to_the_broker_needs_it_switched_on(name, value):
    with pytest.raises(UsageRefused, match=f"THINGJOBS_{name.upper()} needs THINGJOBS_BROKER_TLS=true"):
        load(**{name: value})
    assert load(broker_tls=True, **{name: value}).broker_tls


URL = "postgresql://me@db/name"


def test_the_databases_password_may_lie_in_a_file_and_is_masked(tmp_path):
    file = write(tmp_path / "password", "p@ss\n")
    settings = load(database_url=URL, database_password_file=file)
    assert settings.database_password.get_secret_value() == "p@ss"
    assert "p@ss" not in printable(settings)


def test_a_password_of_no_database_is_refused():
    with pytest.raises(UsageRefused, match="THINGJOBS_DATABASE_PASSWORD needs THINGJOBS_DATABASE_URL"):
        load(database_password="p@ss")


@pytest.mark.parametrize("more", [{"database_url": URL}, {"broker": "external", "broker_host": "b"}])
def test_dispatchers_share_only_where_there_can_be_several(more):
    with pytest.raises(UsageRefused, match="THINGJOBS_DISPATCHERS=shared needs"):
        load(dispatchers="shared", **more)
    assert load(dispatchers="shared", database_url=URL, broker="external", broker_host="b")
