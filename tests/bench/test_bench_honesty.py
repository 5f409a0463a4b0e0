"""What would make a figure a lie ends a measure instead: answers that are none, lost updates, no broker."""

from contextlib import AsyncExitStack
from types import SimpleNamespace

import pytest
from doors import EchoDoor

from bench.contenders import Contender
from bench.footings import EMBEDDED, MOSQUITTO, POSTGRESQL, on_each
from bench.notification import measure as measure_notification
from bench.options import QUICK, Bench
from bench.processes import Child, Failed
from bench.rows import Goal, Row, Skipped
from bench.throughput import ratios
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


async def test_a_window_bounds_what_is_on_its_way_and_every_lane_has_its_turn(drive):
    devices, _ = await drive(EchoDoor())
    before = await devices.ask("accepted")
    done = await devices.ask("drive", seconds=0.1, warm=0.05, window=1)
    assert done["faults"] == []
    after = await devices.ask("accepted")
    gained = [after[lane] - before[lane] for lane in ("t-1.a", "t-1.b")]
    assert sum(gained) > 1
    assert abs(gained[0] - gained[1]) <= 1


async def test_every_lane_begins_once(drive):
    devices, _ = await drive(EchoDoor())
    before = await devices.ask("accepted")
    assert await devices.ask("begin", window=1) == {"unanswered": 0, "faults": []}
    after = await devices.ask("accepted")
    assert [after[lane] - before[lane] for lane in before] == [1, 1]


async def test_a_pace_is_not_exceeded(drive):
    devices, _ = await drive(EchoDoor())
    done = await devices.ask("drive", seconds=0.5, warm=0.0, pace=40.0)
    assert done["faults"] == []
    assert done["unanswered"] == 0
    assert 1 <= done["answered"] <= 21


async def test_a_pace_uses_no_lane_that_waits_for_its_answer(drive):
    devices, done = await drive(Mute(), patience=0.1)
    assert done["unanswered"] == 2
    late = await devices.ask("drive", seconds=0.2, warm=0.0, pace=1000.0, patience=0.1)
    assert late["answered"] == 0
    assert late["unanswered"] == 2


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
    contender = Contender("b", "updates", Devices(), {}, SimpleNamespace(server=server))
    assert await contender.counted() == 7
    server.version = 7
    with pytest.raises(Failed, match=r"version 7 after 7 accepted"):
        await contender.counted()


async def test_without_mosquitto_its_rows_are_skipped_by_name(tmp_path):
    rows = await measure_notification(Bench(QUICK, tmp_path, mosquitto=False))
    assert [type(row) for row in rows] == [Row, Skipped, Skipped]
    assert "Mosquitto" in rows[1].what
    assert "apt-get install mosquitto" in rows[1].reason


async def test_what_fails_on_one_footing_is_told_and_does_not_end_the_others(tmp_path):
    async def measured(_bench, footing):
        if footing == MOSQUITTO:
            raise Failed("the broker has ended")
        return [Row(letter="x", what=f"{footing}", unit="s", rounds=[1.0])]

    bench = Bench(QUICK, tmp_path, mosquitto=True, postgres=True)
    rows = await on_each(bench, "x", "something", measured)
    assert [row.what for row in rows] == [f"{EMBEDDED}", f"{POSTGRESQL}"]
    assert bench.failures == {"something: Mosquitto + SQLite": "the broker has ended"}


def test_a_ratio_is_taken_round_by_round(tmp_path):
    def contender(key, *rates):
        return Contender("a", key, None, {}, rates=list(rates))

    # The medians of the rates would give 1; the medians of the ratios do not.
    found = ratios(
        {
            EMBEDDED: contender("updates", 300.0, 200.0, 100.0),
            "stock": contender("stock", 100.0, 200.0, 300.0),
            "embedded": contender("echo", 300.0, 200.0, 100.0),
        },
        Bench(QUICK, tmp_path, mosquitto=False),
    )
    assert [row.what for row in found if isinstance(row, Skipped)] == [
        "Mosquitto + SQLite updates / echo of plain paho",
        "Mosquitto + PostgreSQL updates / echo of plain paho",
        "Mosquitto + SQLite updates / echo of our link",
        "Mosquitto + PostgreSQL updates / echo of our link",
    ]
    assert found[0].rounds == [3.0, 1.0, pytest.approx(1 / 3)]
    assert found[0].verdict == "MISSED"


def test_a_verdict_holds_the_median_against_the_goal():
    def verdict(*rounds):
        return Row(letter="x", what="x", unit="s", rounds=rounds, goal=Goal("<=", 5.0)).verdict

    assert verdict(4.0, 5.0, 9.0) == "reached"
    assert verdict(4.0, 5.1, 9.0) == "MISSED"
