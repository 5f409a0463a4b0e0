"""Dispatchers that share the requests of one broker: each request goes to one of them."""

import asyncio

import pytest
from devices import Device
from doors import EchoDoor, RecordingDoor
from mosquitto_server import secret, shipped_acl

from domain.topics import Operation, Topics

ALICE = "alice"
REQUESTS = 20


@pytest.fixture
async def server(start_mosquitto):
    # Two connections of one user, which the shipped configuration takes for one.
    acl = shipped_acl().replace("$aws/things", "things")
    return await start_mosquitto([ALICE], acl=acl, use_username_as_clientid="false")


async def test_each_request_is_answered_by_one_of_them(server, external_link):
    doors = [EchoDoor(), EchoDoor()]
    topics = Topics("things")
    links = [external_link(server, topics=topics, group="thingjobs") for _ in doors]
    for link, door in zip(links, doors, strict=True):
        await link.start(door)
    heard = [0, 0]
    for number, door in enumerate(doors):
        receive = door.receive

        def count(message, number=number, receive=receive):
            heard[number] += 1
            receive(message)

        door.receive = count
    async with Device(server.port, ALICE, password=secret(ALICE)) as device:
        await device.subscribe(topics.everything(ALICE))
        request = topics.request(ALICE, Operation.START_NEXT)
        for number in range(REQUESTS):
            await device.publish(request, b"%d" % number)
        answers = [await device.next(f"{request}/accepted") for _ in range(REQUESTS)]
        assert {int(answer.payload) for answer in answers} == set(range(REQUESTS))
    assert sum(heard) == REQUESTS
    assert all(heard)
    for link in links:
        await link.close()


async def test_a_link_that_may_not_connect_stays_away_until_it_may(server, external_link):
    link, door = external_link(server, topics=Topics("things")), RecordingDoor()
    await link.start(door)
    await door.loss()
    asked, may = asyncio.Event(), False

    def may_connect():
        asked.set()
        return may

    link.may_connect = may_connect
    await server.kill()
    await server.start()
    async with asyncio.timeout(30):
        await asked.wait()
        asked.clear()
        await asked.wait()
    assert not link.connected
    may = True
    await door.loss()
    assert link.connected
    await link.close()
