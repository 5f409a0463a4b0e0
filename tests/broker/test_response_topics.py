"""A device of MQTT 5 that says where it wants its answer, on the whole server: it gets it there, once."""

import json

import pytest
from devices import Device

JOBS = "$aws/things/t1/jobs"
WANTED = f"{JOBS}/replies/app/1"
UPDATE = f"{JOBS}/j/update"
CORRELATION = bytes(range(256)) * 10
ELSEWHERE = [
    "$aws/things/t2/jobs/replies/app/1",  # of another thing
    "$aws/things/t2/jobs/notify-next",
    "$aws/things/t2/jobs/j/update",  # where it would be a request of another
    f"{JOBS}/j/update",  # or of its own
    f"{JOBS}/notify",
    f"{JOBS}/replies/app",  # at the level of requests
    "$aws/things/t1/shadow/replies/app/1",
    "$aws/events/job/j/completed",
    "$SYS/broker/load/of/all",
    "replies/t1/app/1",
]


async def device_of(server, thing, *filters):
    device = Device(server.port, thing, password=server.secrets[thing], properties={})
    await device.connect()
    server.stack.push_async_callback(device.close)
    if filters:
        assert 128 not in await device.subscribe(*filters)
    return device


@pytest.fixture
async def device(server):
    """``t1``, which hears all it may, and has one job."""
    device = await device_of(server, "t1", f"{JOBS}/#")
    await server.job("j", "t1")
    await device.next(f"{JOBS}/notify-next")
    await server.settled()
    return device


async def answers(device):
    """Return what was answered, up to an answer to a question asked now."""
    await device.publish(f"{JOBS}/get", b'{"clientToken": "last"}')
    found = []
    while (heard := await device.next()).topic != f"{JOBS}/get/accepted":
        if not heard.topic.endswith(("/get", "/update", "/start-next", "/notify", "/notify-next")):
            found.append(heard)  # Mosquitto gives a device its requests back
    return found


async def test_the_answer_goes_where_it_is_wanted_and_nowhere_else(device):
    asked = {"ResponseTopic": WANTED, "CorrelationData": CORRELATION}
    await device.publish(UPDATE, b'{"status": "IN_PROGRESS", "clientToken": "t"}', properties=asked)
    await device.publish(UPDATE, b'{"status": "DONE"}', properties=asked)
    accepted, rejected = await answers(device)
    assert {accepted.topic, rejected.topic} == {WANTED}
    assert {accepted.correlation, rejected.correlation} == {CORRELATION}
    assert json.loads(accepted.payload)["clientToken"] == "t"
    assert "code" not in json.loads(accepted.payload)
    assert json.loads(rejected.payload)["code"] == "InvalidRequest"


async def test_correlation_data_alone_comes_with_the_ordinary_answer(device):
    sent = [b"", b"\x00", b"x" * 60_000]
    for correlation in sent:
        await device.publish(f"{JOBS}/start-next", b"{}", properties={"CorrelationData": correlation})
    heard = await answers(device)
    assert [each.correlation for each in heard] == sent
    assert {each.topic for each in heard} == {f"{JOBS}/start-next/accepted"}


async def test_the_same_update_twice_is_answered_as_each_of_them_wants(device):
    payload = b'{"status": "IN_PROGRESS", "clientToken": "t"}'
    for number in (b"1", b"2"):
        asked = {"ResponseTopic": f"{WANTED}/{number.decode()}", "CorrelationData": number}
        await device.publish(UPDATE, payload, properties=asked)
    first, second = await answers(device)
    assert (first.topic, first.correlation) == (f"{WANTED}/1", b"1")
    assert (second.topic, second.correlation) == (f"{WANTED}/2", b"2")
    assert first.payload == second.payload


async def test_a_thing_cannot_have_us_write_elsewhere(server, device):
    other = await device_of(server, "t2", "$aws/things/t2/jobs/#")
    for elsewhere in ELSEWHERE:
        asked = {"ResponseTopic": elsewhere, "CorrelationData": elsewhere.encode()}
        await device.publish(f"{JOBS}/start-next", b"{}", properties=asked)
    heard = await answers(device)
    assert [each.correlation.decode() for each in heard] == ELSEWHERE
    assert {each.topic for each in heard} == {f"{JOBS}/start-next/accepted"}
    await other.publish("$aws/things/t2/jobs/get", b"{}")
    heard = await other.next()
    while heard.topic == "$aws/things/t2/jobs/get":  # Mosquitto gives a device its requests back
        heard = await other.next()
    assert heard.topic == "$aws/things/t2/jobs/get/accepted"
