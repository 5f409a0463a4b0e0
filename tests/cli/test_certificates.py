"""``thingjobs certificates``: what it writes lets a device in over TLS, until it is revoked."""

import asyncio
import stat

import pytest
from certified import Papers, knock
from migrated import lay_in
from typer.testing import CliRunner

from cli.main import app
from cli.server import serving
from cli.settings import Settings

BAD_CREDENTIALS = 4


@pytest.fixture
async def server(tmp_path):
    settings = Settings(data_dir=lay_in(tmp_path / "data"), http_port=0, mqtt_port=0)
    async with serving(settings) as running:
        yield running


async def run(server, *arguments, code=0):
    """Return what the command prints."""
    env = {"THINGJOBS_URL": server.http_url}
    answer = await asyncio.to_thread(CliRunner().invoke, app, ["certificates", *arguments], env=env)
    assert answer.exit_code == code, answer.output
    return answer.stderr if code else answer.stdout


async def test_a_device_comes_in_with_what_is_written_until_it_is_revoked(server, tmp_path):
    folder = tmp_path / "deep" / "papers"
    said = (await run(server, "create", str(folder), "--thing", "lamp:1")).splitlines()
    names = ["private.key", "certificate.pem", "ca.pem"]
    assert said[1:] == [str(folder / name) for name in names]
    assert stat.S_IMODE((folder / "private.key").stat().st_mode) == 0o600
    shown = Papers(folder / names[1], folder / names[0], folder / names[2], said[0].split()[1])
    client, code = await knock(server.link.secure_port, shown)
    assert code == 0
    assert list(server.link.connected_things()) == ["lamp:1"]
    assert await run(server, "revoke", "lamp:1") == "1 certificates of lamp:1 revoked\n"
    assert await client.closed(patience=5)
    again, code = await knock(server.link.secure_port, shown)
    assert code == BAD_CREDENTIALS
    await client.close()
    await again.close()


async def test_a_private_key_is_not_written_over(server, tmp_path):
    await run(server, "create", str(tmp_path / "papers"), "--thing", "lamp")
    before = (tmp_path / "papers" / "private.key").read_bytes()
    said = await run(server, "create", str(tmp_path / "papers"), "--thing", "lamp", code=2)
    assert "private.key is there already" in said
    assert (tmp_path / "papers" / "private.key").read_bytes() == before


async def test_a_thing_that_cannot_be_is_told_in_the_servers_words(server, tmp_path):
    said = await run(server, "create", str(tmp_path / "papers"), "--thing", "a b", code=1)
    assert "'a b' does not match" in said
    assert not (tmp_path / "papers").exists()
    assert "There is no thing nobody" in await run(server, "revoke", "nobody", code=1)
