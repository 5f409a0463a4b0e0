"""What DescribeEndpoint answers, from the settings."""

import socket

import pytest

from api.endpoints import Endpoints
from cli.endpoint_parts import endpoints_of
from cli.errors import UsageRefused
from cli.settings import load

OPEN = {"api_key": "k" * 16}


@pytest.mark.parametrize(
    ("flags", "mqtt", "http"),
    [
        ({}, "127.0.0.1", "127.0.0.1:8080"),
        ({"mqtt_endpoint": "mqtt.example.com", "http_endpoint": "api.example.com:8443"},
         "mqtt.example.com", "api.example.com:8443"),
        ({"tls_names": "*.example.com,iot.example.com,10.0.0.7"}, "iot.example.com", "127.0.0.1:8080"),
        ({"artifact_url": "https://api.example.com/thingjobs"}, "127.0.0.1", "api.example.com"),
        ({"artifact_url": "http://api.example.com:8080"}, "127.0.0.1", "api.example.com:8080"),
        ({"broker": "external", "broker_host": "mosquitto"}, "mosquitto", "127.0.0.1:8080"),
        ({"mqtts": False, "mqtt_host": "192.0.2.7"}, "192.0.2.7", "127.0.0.1:8080"),
        ({"mqtts_host": "192.0.2.7", "http_port": 443}, "192.0.2.7", "127.0.0.1"),
        ({"http_host": "::1", "http_port": 0}, "127.0.0.1", "[::1]"),
        ({"http_host": "::1"}, "127.0.0.1", "[::1]:8080"),
    ],
)  # fmt: skip
def test_what_is_set_counts_and_else_what_is_known(flags, mqtt, http):
    assert endpoints_of(load(**flags)) == Endpoints(mqtt, http)


def test_a_listener_on_every_address_is_this_machine():
    found = endpoints_of(load(http_host="0.0.0.0", mqtts_host="::", **OPEN))
    assert found == Endpoints(socket.gethostname(), f"{socket.gethostname()}:8080")


@pytest.mark.parametrize("said", ["https://api.example.com", "api.example.com/aws", "a b", "-x", "x:port"])
@pytest.mark.parametrize("name", ["mqtt_endpoint", "http_endpoint"])
def test_an_endpoint_is_a_host_and_nothing_more(name, said):
    with pytest.raises(UsageRefused, match=f"THINGJOBS_{name.upper()}"):
        load(**{name: said})
