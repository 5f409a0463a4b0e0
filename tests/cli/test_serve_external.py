"""``thingjobs serve`` on an external broker: a real Mosquitto with the shipped configuration."""

import asyncio
import json
from pathlib import Path

import pytest
from devices import Device
from mosquitto_server import BINARY, DISPATCHER, HINT, PASSWD, MosquittoServer, secret
from serving_process import server, until_ready

from cli.rest import Rest


@pytest.fixture
async def mosquitto(tmp_path, requirement):
    requirement("mosquitto with mosquitto_passwd", BINARY and PASSWD, HINT)
    broker = MosquittoServer(tmp_path / "mosquitto", users=["lamp-1"])
    await broker.start()
    yield broker
    await broker.kill()


async def test_a_job_goes_out_and_comes_back_over_mosquitto(tmp_path: Path, mosquitto, monkeypatch):
    password = tmp_path / "dispatcher.password"
    password.write_text(secret(DISPATCHER))
    password.chmod(0o600)
    for name, value in {
        "BROKER": "external",
        "BROKER_HOST": "127.0.0.1",
        "BROKER_PORT": str(mosquitto.port),
        "BROKER_USERNAME": DISPATCHER,
        "BROKER_PASSWORD_FILE": str(password),
    }.items():
        monkeypatch.setenv(f"THINGJOBS_{name}", value)
    with server(tmp_path) as (process, url, mqtt):
        assert mqtt == f"127.0.0.1:{mosquitto.port}"
        until_ready(url)
        device = Device(mosquitto.port, "lamp-1", password=secret("lamp-1"))
        await device.connect()
        await device.subscribe("$aws/things/lamp-1/jobs/#")
        job = {"jobId": "j", "targets": ["lamp-1"], "targetSelection": "SNAPSHOT", "document": {"do": "it"}}
        operator = Rest(url)
        await asyncio.to_thread(operator.call, "POST", "/jobs", job)
        told = await device.next("$aws/things/lamp-1/jobs/notify-next")
        assert json.loads(told.payload)["execution"]["jobDocument"] == {"do": "it"}
        await device.publish("$aws/things/lamp-1/jobs/j/update", b'{"status":"SUCCEEDED"}')
        await device.next("$aws/things/lamp-1/jobs/j/update/accepted")
        ended = await asyncio.to_thread(operator.call, "GET", "/jobs/j")
        assert ended["job"]["status"] == "COMPLETED"
        await device.close()
        process.terminate()
        assert process.wait(20) == 0
