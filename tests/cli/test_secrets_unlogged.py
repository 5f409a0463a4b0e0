"""Planted secrets: whatever goes well or wrong with access keys, a server that logs all it can tells none."""

import json
import os
import signal
import socket
import subprocess

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from serving_process import THINGJOBS, server, until_ready

PLANTED = "planted-by-a-caller-who-got-it-wrong-000"


def knock(address, name, password):
    """Log in over MQTT; return what the broker said to that."""
    said = []
    client = Client(CallbackAPIVersion.VERSION2, client_id="dashboard", reconnect_on_failure=False)
    client.username_pw_set(name, password)
    client.on_connect = lambda _client, _data, _flags, code, _properties: said.append(str(code))
    host, port = address.rsplit(":", 1)
    client.connect(host, int(port))
    while not said:
        client.loop(1)
    client.disconnect()
    client.loop(1)
    return said[0]


def describe(url, key_id, secret):
    client = boto3.session.Session().client(
        "iot",
        endpoint_url=f"{url}/aws/iot",
        region_name="us-east-1",
        aws_access_key_id=key_id,
        aws_secret_access_key=secret,
        config=Config(retries={"total_max_attempts": 1}),
    )
    try:
        with pytest.raises(ClientError) as caught:
            client.describe_thing(thingName="nothing")
        return caught.value.response["Error"]["Code"]
    finally:
        client.close()


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_secrets_are_in_no_log(tmp_path, monkeypatch, log_format):
    monkeypatch.setenv("THINGJOBS_LOG_LEVEL", "debug")
    monkeypatch.setenv("THINGJOBS_LOG_FORMAT", log_format)
    with server(tmp_path) as (process, url, mqtt):
        until_ready(url)
        issued = subprocess.run(
            [THINGJOBS, "keys", "create", "--json"],
            env={**os.environ, "THINGJOBS_URL": url},
            capture_output=True,
            check=True,
        )
        made = json.loads(issued.stdout)
        key_id, secret = made["accessKeyId"], made["secretAccessKey"]
        assert describe(url, key_id, secret) == "ResourceNotFoundException"
        assert describe(url, key_id, PLANTED) == "InvalidSignatureException"
        assert describe(url, "AKIAIOSFODNN7EXAMPLE", PLANTED) == "UnrecognizedClientException"
        assert knock(mqtt, key_id, secret) == "Success"
        assert knock(mqtt, key_id, PLANTED) != "Success"
        send_rubbish(mqtt)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        log = process.stderr.read()
    assert key_id in log
    assert "/aws/iot/things/nothing" in log
    assert "dashboard" in log
    for hidden in (secret, PLANTED, "Signature="):
        assert hidden not in log


def send_rubbish(address):
    """Send a CONNECT with the planted secret as password that ends in the middle."""
    host, port = address.rsplit(":", 1)
    said = b"\x00\x04MQTT\x04\xc2\x00\x3c\x00\x01c\x00\x01u\xff\xff" + PLANTED.encode()
    with socket.create_connection((host, int(port))) as wire:
        wire.sendall(bytes([0x10, len(said)]) + said)
        wire.recv(64)
