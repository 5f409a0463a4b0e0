"""The dispatcher's link under TLS, against Mosquitto's own listener; what is wrong is said in our terms."""

import asyncio
from pathlib import Path

import pytest
from doors import EchoDoor, RecordingDoor
from mosquitto_server import MosquittoServer
from office import DAY, NOW, Office
from ports import free_port
from test_mqtt import ALICE, UPDATE, open_files, when_connected

from broker.link import LinkDown
from broker.tls import Tls
from domain.topics import Topics

pytestmark = pytest.mark.mosquitto

TOPICS = Topics()


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path / "papers", "good")


class Secure:
    """A Mosquitto with a TLS listener, and what a link needs to reach it."""

    def __init__(self, server: MosquittoServer, port: int, office: Office) -> None:
        self.server = server
        self.port = port
        self.office = office

    def tls(self, **options: object) -> dict[str, object]:
        return {"port": self.port, "tls": Tls(**{"ca_file": self.office.ca, **options})}


@pytest.fixture
def secure(start_mosquitto, office: Office):
    """Give ``await secure(...)``: a server whose certificate is for these names, with these lines besides."""

    async def start(*names: str, until=NOW + DAY, more: str = "") -> Secure:
        shown, port = office.issue("broker", *(names or ("127.0.0.1",)), until=until), free_port()
        lines = [f"listener {port} 127.0.0.1", f"cafile {office.ca}", f"certfile {shown.cert}"]
        lines += [f"keyfile {shown.key}", more, ""]
        return Secure(await start_mosquitto([ALICE], more="\n".join(lines)), port, office)

    return start


@pytest.fixture
def refused(external_link):
    """Give ``await refused(broker, **options)``: why a link could not be had, which leaves nothing open."""

    async def attempt(broker: Secure, **options: object) -> str:
        files, tasks = open_files(), asyncio.all_tasks()
        link = external_link(broker.server, **broker.tls(**options))
        with pytest.raises(LinkDown) as caught:
            await link.start(RecordingDoor())
        await link.close()
        assert open_files() == files
        assert asyncio.all_tasks() == tasks
        return str(caught.value)

    return attempt


async def test_requests_and_answers_go_under_tls(secure, begin, connect):
    broker = await secure()
    link = await begin(broker.server, EchoDoor(), **broker.tls())
    device = await connect(broker.server, f"{UPDATE}/accepted", TOPICS.notify(ALICE))
    for size in (0, 10, 16_384, 16_385, 200_000):
        await device.publish(UPDATE, b"x" * size)
        assert (await device.next()).payload == b"x" * size
    await asyncio.gather(*(link.publish(TOPICS.notify(ALICE), b"%d" % number) for number in range(1_000)))
    assert [int((await device.next()).payload) for _ in range(1_000)] == list(range(1_000))


async def test_many_large_answers_at_once_arrive_whole_and_so_do_those_before_closing(secure, begin, connect):
    broker = await secure()
    door = RecordingDoor()
    link = await begin(broker.server, door, **broker.tls())
    device = await connect(broker.server, f"{UPDATE}/accepted")
    await device.publish(UPDATE, b"{}")
    request = await door.request()
    for number in range(100):
        request.answer(f"{UPDATE}/accepted", bytes([number]) * 200_000)
    await link.close()
    for number in range(100):
        assert (await device.next()).payload == bytes([number]) * 200_000


async def test_it_comes_back_after_a_restart(secure, begin):
    broker = await secure()
    door = RecordingDoor()
    link = await begin(broker.server, door, **broker.tls())
    await door.loss()
    await broker.server.stop()
    await broker.server.start()
    await when_connected(link)
    assert door.losses.empty()


async def test_a_broker_whose_authority_is_another_is_refused(secure, refused, tmp_path):
    reason = await refused(await secure(), ca_file=Office(tmp_path / "papers", "other").ca)
    assert "broker_tls_ca_file" in reason
    assert "certificate is not accepted" in reason


async def test_without_a_file_the_authorities_of_the_machine_count(secure, refused):
    assert "broker_tls_ca_file" in await refused(await secure(), ca_file=None)


async def test_a_broker_of_another_name_is_refused_unless_names_are_not_looked_at(secure, refused, begin):
    broker = await secure("127.0.0.2")
    assert "127.0.0.1" in await refused(broker)
    await begin(broker.server, RecordingDoor(), **broker.tls(checks_name=False))


async def test_a_broker_whose_certificate_has_expired_is_refused(secure, refused):
    assert "expired" in await refused(await secure(until=NOW - DAY))


@pytest.mark.parametrize("version", ["", "tls_version tlsv1.2"])
async def test_a_broker_that_wants_a_certificate_of_ours(secure, refused, begin, version, tmp_path):
    broker = await secure(more=f"require_certificate true\n{version}")
    assert "broker_tls_cert_file" in await refused(broker)
    stranger = Office(tmp_path / "strange", "strange").issue("dispatcher")
    assert "broker_tls_cert_file" in await refused(broker, cert_file=stranger.cert, key_file=stranger.key)
    late = broker.office.issue("late", until=NOW - DAY)
    assert "has expired" in await refused(broker, cert_file=late.cert, key_file=late.key)
    good = broker.office.issue("dispatcher")
    await begin(broker.server, RecordingDoor(), **broker.tls(cert_file=good.cert, key_file=good.key))


async def test_files_that_cannot_be_used_are_named(secure, refused, office, tmp_path):
    broker, mine, other = await secure(), office.issue("mine"), office.issue("other")
    missing, nonsense = tmp_path / "missing", tmp_path / "nonsense"
    nonsense.write_text("nonsense")
    assert f"broker_tls_ca_file={missing}: No such file" in await refused(broker, ca_file=missing)
    assert f"broker_tls_ca_file={nonsense}" in await refused(broker, ca_file=nonsense)
    assert f"broker_tls_cert_file={missing}: No such file" in await refused(
        broker, cert_file=missing, key_file=mine.key
    )
    assert f"broker_tls_key_file={missing}: No such file" in await refused(
        broker, cert_file=mine.cert, key_file=missing
    )
    assert "key values mismatch" in await refused(broker, cert_file=mine.cert, key_file=other.key)
    assert f"broker_tls_cert_file={nonsense}" in await refused(broker, cert_file=nonsense, key_file=mine.key)


async def test_tls_where_there_is_none_and_none_where_there_is(secure, refused, external_link):
    broker = await secure()
    plain = Secure(broker.server, broker.server.port, broker.office)
    reason = await refused(plain)
    assert "TLS" in reason
    link = external_link(broker.server, port=broker.port)
    with pytest.raises(LinkDown):
        await link.start(RecordingDoor())
