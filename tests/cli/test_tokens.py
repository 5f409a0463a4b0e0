"""A fleet's tokens come from a real server, land in a private file, and stay when they are there."""

import asyncio
import json
import stat
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner

from api.app import ApiOptions, build
from api.server import ApiServer
from cli.errors import UsageRefused
from cli.fleet import read_tokens as read_by_the_fleet
from cli.keys import write_key
from cli.main import app
from cli.tokens import add_tokens
from domain.names import Arns
from storage.policy import Policy
from storage.store import Store


@pytest.fixture
async def server(tmp_path):
    """The real API with a key, on a free port."""
    write_key(tmp_path / "api-key")
    store = await asyncio.to_thread(Store.open, tmp_path / "data")
    options = ApiOptions(
        arns=Arns(),
        policy=Policy(),
        api_key=(tmp_path / "api-key").read_text().strip(),
        clock=lambda: datetime.now(UTC),
        ready=dict,
        version="0",
    )
    api = ApiServer(build(store, options), "127.0.0.1", 0)
    await api.start()
    yield api
    await api.close()
    await store.close()


async def tokens_of(server, tmp_path, count, key="api-key"):
    flags = ["--count", str(count), "--url", f"http://127.0.0.1:{server.port}"]
    flags += ["--api-key-file", str(tmp_path / key)]
    command = ["things", "tokens", str(tmp_path / "tokens.json"), *flags]
    return await asyncio.to_thread(CliRunner().invoke, app, command)


async def test_each_thing_of_a_fleet_gets_a_token_of_its_own(server, tmp_path):
    answer = await tokens_of(server, tmp_path, 3)
    assert (answer.exit_code, answer.stderr) == (0, "")
    tokens = read_by_the_fleet(tmp_path / "tokens.json", ["sim-0001", "sim-0002", "sim-0003"])
    assert len(set(tokens.values())) == 3
    assert not any(token in answer.output for token in tokens.values())
    assert stat.S_IMODE((tmp_path / "tokens.json").stat().st_mode) == 0o600


async def test_a_larger_fleet_keeps_the_tokens_it_has(server, tmp_path):
    await tokens_of(server, tmp_path, 2)
    before = json.loads((tmp_path / "tokens.json").read_text())
    answer = await tokens_of(server, tmp_path, 3)
    after = json.loads((tmp_path / "tokens.json").read_text())
    assert answer.stdout.startswith("1 new tokens")
    assert before.items() < after.items()
    assert (await tokens_of(server, tmp_path, 3)).stdout.startswith("0 new tokens")


async def test_a_wrong_key_is_one_line_and_leaves_no_file(server, tmp_path):
    write_key(tmp_path / "wrong")
    answer = await tokens_of(server, tmp_path, 2, key="wrong")
    assert answer.exit_code == 1
    assert answer.stderr.startswith("thingjobs: ")
    assert answer.stderr.count("\n") == 1
    assert not (tmp_path / "tokens.json").exists()


@pytest.mark.parametrize("content", ["not json", "[]", "\udcff"])
def test_a_file_of_something_else_is_never_overwritten(tmp_path, content):
    file = tmp_path / "tokens.json"
    file.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(UsageRefused, match=r"tokens\.json"):
        add_tokens(file, ["sim-0001"], str.upper)
    assert file.read_bytes() == content.encode(errors="surrogateescape")
