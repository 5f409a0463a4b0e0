"""A device that sends CONNECT, SUBSCRIBE and its first request in one segment (contract 6.4)."""

import json

import pytest
from raw import CONNACK, PUBLISH, SUBACK, Packet, Raw, connect, publish, subscribe
from whole import Whole

ROOT = "$aws/things/t1/jobs"
STARTED = f"{ROOT}/start-next/accepted"


@pytest.mark.parametrize("properties", [None, b""], ids=["mqtt3", "mqtt5"])
@pytest.mark.parametrize("filters", [(STARTED, f"{ROOT}/notify-next"), (f"{ROOT}/#",)], ids=["exact", "all"])
async def test_the_answer_comes_behind_the_suback_and_at_its_qos(
    server: Whole, filters: tuple[str, ...], properties: bytes | None
):
    await server.job("j", "t1")
    await server.settled()
    device = await Raw.open(server.port)
    device.send(
        connect("t1", "t1", server.secrets["t1"], properties=properties),
        subscribe(*filters, packet_id=1, qos=1, properties=properties),
        publish(f"{ROOT}/start-next", b'{"clientToken":"c"}', packet_id=2, properties=properties),
    )
    heard: list[Packet] = []
    while not any(each.kind == PUBLISH and each.topic == STARTED for each in heard):
        got = await device.read()
        assert got is not None
        heard.append(got)
    await device.close()
    answer = heard[-1]
    told = json.loads(answer.payload.removeprefix(b"\0"))  # the empty properties of MQTT 5
    assert (told["clientToken"], told["execution"]["jobId"]) == ("c", "j")
    assert answer.flags >> 1 & 3 == 1
    kinds = [each.kind for each in heard]
    assert kinds[0] == CONNACK
    assert kinds.index(SUBACK) < kinds.index(PUBLISH)
