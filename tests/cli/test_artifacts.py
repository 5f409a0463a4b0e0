"""``thingjobs artifacts`` against a real server: up, down, listed, deleted, and every refusal in one line."""

import asyncio
import hashlib
import os
import pty
import socket
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from stage import Stage, until
from typer.testing import CliRunner

from api.app import ApiOptions, build
from api.artifact_files import LocalContents
from api.artifact_store import ArtifactStore
from api.server import ApiServer
from cli.artifact_files import upload
from cli.keys import write_key
from cli.main import app
from domain.names import Arns
from storage.policy import Policy
from storage.store import Store

FIRMWARE = bytes(range(256)) * 2000
SHA256 = hashlib.sha256(FIRMWARE).hexdigest()


@pytest.fixture
async def server(tmp_path):
    """The real API with a key, on a free port."""
    write_key(tmp_path / "api-key")
    store = await asyncio.to_thread(Store.open, tmp_path / "data")
    folder = tmp_path / "data" / "artifacts"
    options = ApiOptions(
        arns=Arns(),
        policy=Policy(),
        api_key=(tmp_path / "api-key").read_text().strip(),
        clock=lambda: datetime.now(UTC),
        ready=dict,
        version="0",
        artifacts=ArtifactStore(LocalContents(folder), drafts=folder, max_bytes=10**9),
    )
    api = ApiServer(build(store, options), "127.0.0.1", 0)
    await api.start()
    yield api
    await api.close()
    await store.close()


@pytest.fixture
def firmware(tmp_path):
    file = tmp_path / "app.bin"
    file.write_bytes(FIRMWARE)
    return file


@pytest.fixture
def run(server, tmp_path):
    async def call(*command):
        where = ["--url", f"http://127.0.0.1:{server.port}", "--api-key-file", str(tmp_path / "api-key")]
        arguments = ["artifacts", *map(str, command), *where]
        return await asyncio.to_thread(CliRunner().invoke, app, arguments)

    return call


def refused(answer, said, code=1):
    assert answer.exit_code == code, answer.output
    assert answer.stderr.startswith("thingjobs: ")
    assert said in answer.stderr
    assert answer.stderr.count("\n") == 1


async def test_a_file_goes_up_and_comes_down_the_same(run, firmware, tmp_path):
    up = await run("put", firmware)
    assert (up.exit_code, up.stderr) == (0, "")
    assert up.stdout == f"stored app.bin  {len(FIRMWARE)} bytes  sha256 {SHA256}\n"
    down = await run("get", "app.bin", tmp_path / "copy")
    assert (down.exit_code, down.stderr) == (0, "")
    assert (tmp_path / "copy").read_bytes() == FIRMWARE
    assert sorted(path.name for path in tmp_path.iterdir()) == ["api-key", "app.bin", "copy", "data"]


async def test_another_name_can_be_given_and_all_are_listed(run, firmware):
    await run("put", firmware, "--name", "app-1.bin")
    await run("put", firmware, "--name", "app-2.bin")
    listed = (await run("list")).stdout.splitlines()
    assert [entry.split()[0] for entry in listed] == ["app-2.bin", "app-1.bin"]
    assert all(SHA256 in entry for entry in listed)


async def test_the_same_again_is_no_error_and_is_not_sent(run, firmware, monkeypatch):
    await run("put", firmware)
    monkeypatch.setattr("cli.rest.Rest.send", lambda *_: pytest.fail("it was sent again"))
    again = await run("put", firmware)
    assert (again.exit_code, again.stdout.split()[:3]) == (0, ["was", "there", "already:"])


async def test_another_content_under_the_name_is_refused(run, firmware):
    await run("put", firmware)
    firmware.write_bytes(b"other")
    refused(await run("put", firmware), f"artifact app.bin exists with other content (sha256 {SHA256})")


async def test_what_was_deleted_is_gone(run, firmware):
    await run("put", firmware)
    assert (await run("delete", "app.bin")).stdout == "deleted app.bin\n"
    refused(await run("delete", "app.bin"), "There is no artifact app.bin")
    refused(await run("get", "app.bin"), "There is no artifact app.bin")
    assert (await run("list")).stdout == ""


async def test_a_spoilt_content_does_not_replace_a_file(run, firmware, tmp_path):
    await run("put", firmware)
    (tmp_path / "data" / "artifacts" / SHA256).write_bytes(FIRMWARE[:-1] + b"!")
    (tmp_path / "copy").write_bytes(b"old")
    refused(await run("get", "app.bin", tmp_path / "copy"), "the content of app.bin has the sha256")
    assert (tmp_path / "copy").read_bytes() == b"old"
    assert not list(tmp_path.glob(".copy*"))


async def test_files_that_are_none_are_refused_in_one_line(run, tmp_path):
    refused(await run("put", tmp_path / "nothing"), "there is no file", code=2)
    refused(await run("put", tmp_path), "is a directory", code=2)
    (tmp_path / "bad name").touch()
    refused(await run("put", tmp_path / "bad name"), "artifactName 'bad name' does not match")


async def test_a_place_that_cannot_be_written_is_refused_in_one_line(run, firmware, tmp_path):
    await run("put", firmware)
    refused(await run("get", "app.bin", tmp_path / "none" / "x"), "cannot write", code=2)
    refused(await run("get", "app.bin", tmp_path), "cannot write", code=2)


def test_what_a_killed_server_was_taking_in_is_gone_when_it_is_back(tmp_path, firmware):
    folder = tmp_path / "data" / "artifacts"
    with Stage(tmp_path) as stage:
        upload(stage.rest, firmware, "whole.bin", lambda *_: None)
        with socket.create_connection(("127.0.0.1", stage.http)) as wire:
            head = "PUT /artifacts/half.bin HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999\r\n\r\n"
            wire.sendall(head.encode() + b"x" * 600_000)
            until(lambda: any(path.name != SHA256 and path.stat().st_size for path in folder.iterdir()))
            stage.server.kill()
        stage.serve()
        assert [path.name for path in folder.iterdir()] == [SHA256]
        (kept,) = stage.rest.call("GET", "/artifacts")["artifacts"]
        assert kept["artifactName"] == "whole.bin"


async def test_a_terminal_shows_how_far_it_is(server, firmware, tmp_path):
    mine, theirs = pty.openpty()
    where = ["--url", f"http://127.0.0.1:{server.port}", "--api-key-file", str(tmp_path / "api-key")]
    program = [sys.executable, "-c", "from cli.main import app; app()"]
    command = [*program, "artifacts", "put", str(firmware), *where]
    done = await asyncio.to_thread(
        subprocess.run, command, stdout=subprocess.PIPE, stderr=theirs, text=True, check=True
    )
    os.close(theirs)
    shown = b""
    try:
        while chunk := os.read(mine, 65_536):
            shown += chunk
    except OSError:
        pass
    os.close(mine)
    assert b"uploading app.bin" in shown
    assert done.stdout.startswith("stored app.bin")
