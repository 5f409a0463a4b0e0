"""The shipped Mosquitto listener for certificates: a thing is who its certificate names, and nobody else."""

import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest
from certified import Papers, write_papers
from devices import Device, Gone
from doors import RecordingDoor
from mosquitto_server import BINARY, HINT, PASSWD, MosquittoServer

from domain.topics import Operation, Topics
from storage.authority import Authority

pytestmark = pytest.mark.mosquitto

TOPICS = Topics()
ALICE, MALLORY = "alice", "mallory"
ASK_ALICE = TOPICS.request(ALICE, Operation.UPDATE, "job-1")
ASK_MALLORY = TOPICS.request(MALLORY, Operation.UPDATE, "job-1")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    made = Authority.open(tmp_path / "data", at=datetime.now(UTC))
    made.for_server(["localhost", "127.0.0.1"], at=datetime.now(UTC))
    return made


@pytest.fixture
async def server(tmp_path: Path, authority: Authority, requirement):
    requirement("mosquitto with mosquitto_passwd", BINARY and PASSWD, HINT)
    server = MosquittoServer(tmp_path / "mosquitto", authority=tmp_path / "data" / "authority")
    await server.start()
    yield server
    await server.kill()


def device(server: MosquittoServer, shown: Papers) -> Device:
    """Return a device as AWS's SDKs connect: figures about themselves for a user name, any client id."""
    made = Device(server.secure_port, "?SDK=Python&Version=1.6.2", client_id="any")
    made.client.tls_set_context(shown.context())
    return made


async def test_a_thing_asks_as_whom_its_certificate_names_and_hears_its_own(
    server, authority, external_link, tmp_path
):
    door = RecordingDoor()
    link = external_link(server)
    await link.start(door)
    async with device(server, write_papers(authority, tmp_path / "alice", ALICE)) as alice:
        await alice.publish(ASK_MALLORY, b"forged")
        await alice.publish(ASK_ALICE, b"own")
        assert (await door.request()).payload == b"own"
        await alice.subscribe("#", "$aws/#", TOPICS.everything("+"))
        await link.publish(TOPICS.notify(MALLORY), b"of another")
        await link.publish(TOPICS.notify(ALICE), b"for alice")
        assert (await alice.next()).payload == b"for alice"
    assert door.requests.empty()
    await link.close()


async def test_a_certificate_of_another_authority_is_refused(server, authority, tmp_path):
    theirs = Authority.open(tmp_path / "theirs", at=datetime.now(UTC))
    shown = write_papers(theirs, tmp_path / "alice", ALICE, server=authority)
    with pytest.raises((Gone, OSError)):
        await device(server, shown).connect()
    assert "unknown ca" in server.log() or "verify failed" in server.log()


async def test_who_shows_none_is_refused_though_its_password_be_right(server, authority, tmp_path):
    shown = write_papers(authority, tmp_path / "alice", ALICE)
    bare = Device(server.secure_port, ALICE, password="any")
    bare.client.tls_set_context(ssl.create_default_context(cafile=shown.authority))
    with pytest.raises((Gone, OSError)):
        await bare.connect()
    assert "peer did not return a certificate" in server.log()
