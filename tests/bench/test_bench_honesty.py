"""What would make a figure a lie ends a measure instead: answers that are none, lost updates, no broker."""

from contextlib import AsyncExitStack

import pytest
from doors import EchoDoor

from bench.notification import measure as measure_notification
from bench.options import QUICK, Bench
from bench.processes import Child, Failed
from bench.rows import Goal, Row, Skipped
from bench.throughput import Contender, _count, _ratios
from broker.embedded.link import EmbeddedLink
from broker.identity import Identity
from domain.topics import Topics

ROOT = "things"


class Denying(EchoDoor):
    """Refuses what it is asked."""

    def receive(self, message):
        message.answer(f"{message.topic}/rejected", b'{"code":"InternalError"}')
        message.ack()


class Confused(EchoDoor):
    """Accepts something that nobody has asked for."""

    def receive(self, message):
        message.answer(f"{message.topic}/accepted", b'{"clientToken":"of another"}')
        message.ack()


class Mute(EchoDoor):
    """Takes what it is asked and never answers."""

    def receive(self, message):
        message.ack()


@pytest.fixture
async def drive():
    """Give ``drive(door)``: what a load reports of two lanes that are answered by this door."""

    async def anybody(credentials):
        return Identity(credentials.client_id)

    async with AsyncExitStack() as stack:

        async def driven(door, patience=10.0):
            link = EmbeddedLink(host="127.0.0.1", port=0, topics=Topics(ROOT), authenticate=anybody)
            await link.start(door)
            stack.push_async_callback(link.close)
            devices = await Child.module(stack, "load", "bench.devices")
            await devices.ask("connect", port=link.port, clients={"t-1": None}, filters=[], window=1)
            await devices.ask("lanes", root=ROOT, jobs=["a", "b"])
            done = await devices.ask("drive", seconds=0.1, warm=0.05, patience=patience)
            return devices, done

        yield driven


async def test_lanes_that_are_answered_report_no_fault_and_count_what_was_accepted(drive):
    devices, done = await drive(EchoDoor())
    assert done["faults"] == []
    assert done["unanswered"] == 0
    counted = await devices.ask("accepted")
    assert counted.keys() == {"t-1.a", "t-1.b"}
    assert sum(counted.values()) >= done["rate"] * 0.1 > 0


async def test_a_rejected_update_is_a_fault(drive):
    _, done = await drive(Denying())
    assert "rejected" in done["faults"][0]


async def test_an_answer_to_something_else_is_a_fault(drive):
    _, done = await drive(Confused())
    assert "of another" in done["faults"][0]


async def test_updates_without_an_answer_are_counted(drive):
    _, done = await drive(Mute(), patience=0.2)
    assert done["unanswered"] == 2


async def test_an_accepted_update_that_the_server_does_not_have_fails_the_measure():
    class Devices:
        async def ask(self, do):
            return {"t-1.a": 7}

    class Server:
        version = 8

        async def call(self, method, path):
            assert (method, path) == ("GET", "/jobs/a/things/t-1")
            return {"execution": {"versionNumber": self.version}}

    server = Server()
    contender = Contender("embedded", "b", "updates", Devices(), {}, server)
    assert await _count(contender) == 7
    server.version = 7
    with pytest.raises(Failed, match=r"version 7 after 7 accepted"):
        await _count(contender)


async def test_without_mosquitto_its_rows_are_skipped_by_name(tmp_path):
    rows = await measure_notification(Bench(QUICK, tmp_path, mosquitto=False))
    assert [type(row) for row in rows] == [Row, Skipped]
    assert "Mosquitto" in rows[1].what
    assert "apt-get install mosquitto" in rows[1].reason


def test_a_ratio_is_taken_round_by_round(tmp_path):
    def contender(key, *rates):
        return Contender(key, "a", key, None, {}, rates=list(rates))

    # The medians of the rates would give 1; the medians of the ratios do not.
    found = _ratios(
        Bench(QUICK, tmp_path, mosquitto=False),
        {
            each.key: each
            for each in (
                contender("embedded", 300.0, 200.0, 100.0),
                contender("stock", 100.0, 200.0, 300.0),
                contender("embedded echo", 300.0, 200.0, 100.0),
            )
        },
    )
    assert [row.what for row in found if isinstance(row, Skipped)] == [
        "Mosquitto updates / echo of our link",
        "Mosquitto updates / echo of plain paho",
        "Mosquitto + PostgreSQL updates / echo of plain paho",
    ]
    assert found[0].rounds == [3.0, 1.0, pytest.approx(1 / 3)]
    assert found[0].verdict == "MISSED"


def test_a_verdict_holds_the_median_against_the_goal():
    def verdict(*rounds):
        return Row(letter="x", what="x", unit="s", rounds=rounds, goal=Goal("<=", 5.0)).verdict

    assert verdict(4.0, 5.0, 9.0) == "reached"
    assert verdict(4.0, 5.1, 9.0) == "MISSED"
