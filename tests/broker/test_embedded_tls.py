"""The listener for certificates: who comes in there and as whom, and that nobody holds it up."""

import sqlite3
import ssl
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from certified import Papers, dial, knock, papers, turned_away
from raw import CONNACK, PUBLISH, SUBACK, Raw, connect, publish, subscribe
from structlog.testing import capture_logs
from whole import Whole, whole

from domain.certificates import CertificateStatus
from storage import certificates, principals, things
from storage.authority import Authority

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
GET = "$aws/things/t1/jobs/get"
BAD_CREDENTIALS, BAD_CLIENT_ID = 4, 2


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Whole]:
    async with whole("embedded", tmp_path, "t1", "t2", "t1:sub") as running:
        yield running


@pytest.fixture
async def device(server: Whole, tmp_path: Path) -> Papers:
    return await papers(server.store, server.data_dir, tmp_path / "papers", "t1")


async def issued(server: Whole, folder: Path, *names: str, **options: object) -> Papers:
    return await papers(server.store, server.data_dir, folder, *names, **options)


async def asks(client: Raw, topic: str = GET) -> bytes:
    """Return the answer to a request for a thing's jobs."""
    client.send(publish(topic, b'{"clientToken":"c"}'))
    return (await client.expect(PUBLISH)).payload


@pytest.mark.parametrize("latest", VERSIONS)
async def test_a_certificate_is_all_a_device_shows(server: Whole, device: Papers, latest: ssl.TLSVersion):
    client, code = await knock(server.secure_port, device, latest=latest)
    assert code == 0
    assert b'"clientToken":"c"' in await asks(client)
    await client.close()


async def test_what_is_said_with_the_last_of_the_handshake_is_heard(server: Whole, device: Papers):
    client = await dial(server.secure_port, device.context())
    client.send(connect("any"), subscribe(f"{GET}/accepted"), publish(GET, b""))
    for kind in (CONNACK, SUBACK, PUBLISH):
        await client.expect(kind)
    await client.close()


async def test_it_may_do_what_its_thing_may_and_no_more(server: Whole, device: Papers):
    client, _ = await knock(server.secure_port, device)
    client.send(publish("$aws/things/t2/jobs/get", b""))
    assert await client.closed()
    await client.close()


def why(said: list[dict], papers: Papers) -> list[str]:
    """Return what the log gives as reasons that this certificate was refused."""
    return [each["reason"] for each in said if each.get("certificate") == papers.certificate_id]


@pytest.mark.parametrize("status", [CertificateStatus.INACTIVE, CertificateStatus.REVOKED])
async def test_one_that_is_off_lets_nobody_in(server: Whole, tmp_path: Path, status: CertificateStatus):
    off = await issued(server, tmp_path / "off", "t1", status=status)
    with capture_logs() as said:
        client, code = await knock(server.secure_port, off, "t1")
    assert code == BAD_CREDENTIALS
    assert why(said, off) == [f"it is {status}"]
    await client.close()


async def test_one_that_is_for_no_thing_lets_nobody_in(server: Whole, tmp_path: Path):
    spare = await issued(server, tmp_path / "spare")
    with capture_logs() as said:
        client, code = await knock(server.secure_port, spare, "t1")
    assert code == BAD_CREDENTIALS
    assert any(spare.certificate_id in each.get("reason", "") for each in said)
    assert why(said, spare) == ["it is attached to no thing"]
    await client.close()


async def test_one_that_our_authority_signed_and_nobody_registered_lets_nobody_in(
    server: Whole, tmp_path: Path
):
    forged = await issued(server, tmp_path / "forged", "t1", known=False)
    with capture_logs() as said:
        client, code = await knock(server.secure_port, forged, "t1")
    assert code == BAD_CREDENTIALS
    assert why(said, forged) == ["it is not registered"]
    await client.close()


async def test_a_token_is_worth_nothing_beside_it(server: Whole, tmp_path: Path):
    spare = await issued(server, tmp_path / "spare")
    client = await dial(server.secure_port, spare.context())
    client.send(connect("t1", "t1", server.secrets["t1"]))
    assert (await client.expect(CONNACK)).body[1] == BAD_CREDENTIALS
    await client.close()


@pytest.mark.parametrize("latest", VERSIONS)
async def test_one_of_another_authority_comes_in_once_it_is_registered(
    server: Whole, tmp_path: Path, latest: ssl.TLSVersion
):
    issuer = Authority.open(tmp_path / "theirs", at=datetime.now(UTC))
    stranger = await issued(server, tmp_path / "a", "t1", issuer=issuer, known=False)
    assert await turned_away(server.secure_port, stranger.context(latest=latest))
    theirs = await issued(server, tmp_path / "b", "t1", issuer=issuer)
    client, code = await knock(server.secure_port, theirs, latest=latest)
    assert code == 0
    await client.close()


async def test_a_client_without_a_certificate_is_refused_by_tls(server: Whole, device: Papers):
    assert await turned_away(server.secure_port, ssl.create_default_context(cafile=device.authority))


async def test_old_versions_of_tls_are_refused(server: Whole, device: Papers):
    context = device.context()
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with capture_logs() as said:
        assert await turned_away(server.secure_port, context)
    assert said[0]["reason"] == "UNSUPPORTED_PROTOCOL"


async def test_of_several_things_the_client_id_says_which(server: Whole, tmp_path: Path):
    shared = await issued(server, tmp_path / "shared", "t1", "t2", "t1:sub")
    for client_id, name in (("t1", "t1"), ("t2:x", "t2"), ("t1:x", "t1"), ("t1:sub", "t1:sub")):
        client, code = await knock(server.secure_port, shared, client_id)
        assert code == 0
        assert await asks(client, f"$aws/things/{name}/jobs/get")
        await client.close()
    for client_id in ("other", ""):
        with capture_logs() as said:
            client, code = await knock(server.secure_port, shared, client_id)
        assert code == BAD_CREDENTIALS
        assert why(said, shared) == [f"the client id {client_id!r} is of none of its 3 things"]
        await client.close()


async def test_a_client_id_of_another_thing_takes_nothing_from_it(
    server: Whole, device: Papers, tmp_path: Path
):
    second = await issued(server, tmp_path / "second", "t2")
    owner, _ = await knock(server.secure_port, second, "t2", clean=False)
    owner.send(subscribe("$aws/things/t2/jobs/#"))
    await owner.expect(SUBACK)
    other, code = await knock(server.secure_port, device, "t2", clean=False)
    assert code == 0
    await server.job("j", "t2")
    assert b'"j"' in (await owner.expect(PUBLISH)).payload
    assert await other.quiet() == []
    await owner.close()
    await other.close()


async def _deactivated(server: Whole, certificate_id: str) -> None:
    await server.write(certificates.set_status, certificate_id, CertificateStatus.INACTIVE)


async def _detached(server: Whole, certificate_id: str) -> None:
    await server.write(principals.detach, certificate_id, "t1")


async def _deleted(server: Whole, _certificate_id: str) -> None:
    await server.write(things.delete, "t1")


async def _deactivated_elsewhere(server: Whole, certificate_id: str) -> None:
    """As another process does it, of which this one hears only by looking."""
    with closing(sqlite3.connect(server.data_dir / "thingjobs.sqlite3")) as other, other:
        other.execute(
            "UPDATE certificates SET status = 'INACTIVE', rights_ended_at = ? WHERE certificate_id = ?",
            [int(datetime.now(UTC).timestamp() * 1000), certificate_id],
        )


@pytest.mark.parametrize("how", [_deactivated, _detached, _deleted, _deactivated_elsewhere])
async def test_who_loses_its_certificate_loses_its_connection_within_five_seconds(
    server: Whole, device: Papers, tmp_path: Path, how
):
    others = await issued(server, tmp_path / "other", "t2")
    neighbour, _ = await knock(server.secure_port, others)
    victim, _ = await knock(server.secure_port, device)
    await how(server, device.certificate_id)
    assert await victim.closed(patience=5)
    again, code = await knock(server.secure_port, device)
    assert code == BAD_CREDENTIALS
    assert await asks(neighbour, "$aws/things/t2/jobs/get")
    for client in (victim, again, neighbour):
        await client.close()


async def test_one_attachment_that_ends_leaves_the_others_connected(server: Whole, tmp_path: Path):
    shared = await issued(server, tmp_path / "shared", "t1", "t2")
    first, _ = await knock(server.secure_port, shared, "t1")
    second, _ = await knock(server.secure_port, shared, "t2")
    await _detached(server, shared.certificate_id)
    assert await first.closed(patience=5)
    assert await asks(second, "$aws/things/t2/jobs/get")
    await first.close()
    await second.close()


async def test_a_token_of_the_thing_keeps_its_connection_when_a_certificate_ends(
    server: Whole, device: Papers
):
    by_token = await server.thing("t1", client_id="t1:token")
    victim, _ = await knock(server.secure_port, device)
    await _deactivated(server, device.certificate_id)
    assert await victim.closed(patience=5)
    assert (await by_token.ask("get"))[0] == "accepted"
    await victim.close()


async def test_garbage_and_silence_hold_nobody_up(server: Whole, device: Papers):
    silent = [await Raw.open(server.secure_port) for _ in range(20)]
    loud = await Raw.open(server.secure_port)
    loud.send(connect("t1", "t1", server.secrets["t1"]))
    assert await loud.closed(), "plain MQTT where TLS is spoken"
    client, code = await knock(server.secure_port, device)
    assert code == 0
    assert await asks(client)
    for each in (*silent, loud, client):
        await each.close()
