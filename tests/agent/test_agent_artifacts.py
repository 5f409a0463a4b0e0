"""Firmware from end to end: put by REST, named by a job, linked over MQTT, fetched by the ready handler."""

import asyncio
import hashlib
from contextlib import asynccontextmanager

import pytest
from live_server import Live
from scripted_link import running

from agent import mqtt_agent
from agent.backoff import Backoff
from agent.handlers.download import Download
from cli.artifact_files import upload
from cli.rest import Rest, RestError
from cli.server import serving
from cli.settings import load

FIRMWARE = hashlib.shake_256(b"firmware").digest(3_000_000)
SHA256 = hashlib.sha256(FIRMWARE).hexdigest()
DOCUMENT = {
    "operation": "download",
    "url": "${thingjobs:artifact:app-1.2.bin}",
    "sha256": "${thingjobs:artifact-sha256:app-1.2.bin}",
    "file": "firmware/app.bin",
}


class Wire:
    """A way to the server that is cut after so many bytes of answer, as often as ``cuts`` says."""

    def __init__(self, *cuts: int) -> None:
        self.cuts = list(cuts)
        self.asked: list[bytes] = []
        self.port = 0
        self.to = 0

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = None, None
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            self.asked.append(head)
            there, back = await asyncio.open_connection("127.0.0.1", self.to)
            back.write(head)
            left = self.cuts.pop(0) if self.cuts else 2**60
            while left > 0 and (chunk := await there.read(min(65_536, left))):
                writer.write(chunk)
                await writer.drain()
                left -= len(chunk)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            for stream in (writer, back):
                if stream is not None:
                    stream.transport.abort()

    @property
    def ranges(self) -> list[int]:
        """From which byte on each request asked."""
        found = [line for head in self.asked for line in head.split(b"\r\n") if line.startswith(b"Range:")]
        return [int(line.partition(b"=")[2].rstrip(b"-")) for line in found]


@asynccontextmanager
async def wired(folder, *cuts, **settings):
    """A server whose links lead over a wire."""
    wire = Wire(*cuts)
    listener = await asyncio.start_server(wire.carry, "127.0.0.1", 0)
    async with listener:
        wire.port = listener.sockets[0].getsockname()[1]
        chosen = load(
            data_dir=folder / "data",
            http_port=0,
            mqtt_port=0,
            log_level="warning",
            artifact_url=f"http://127.0.0.1:{wire.port}",
            **settings,
        )
        async with serving(chosen) as server:
            wire.to = server.http_port
            yield Live(int(server.mqtt_address.rsplit(":", 1)[1]), Rest(server.http_url)), wire


async def put(live, folder, name="app-1.2.bin", content=FIRMWARE):
    (folder / "upload").write_bytes(content)
    await asyncio.to_thread(upload, live.rest, folder / "upload", name, lambda *_: None)


@asynccontextmanager
async def device(live, folder, thing="lamp-1"):
    agent = mqtt_agent(thing, port=live.port, token=await live.token(thing))
    agent.register("download", Download(directory=folder / thing, backoff=lambda: Backoff(base=0.01)))
    async with running(agent.run()):
        yield


async def test_an_agent_fetches_what_the_job_names_and_checks_it(tmp_path):
    async with wired(tmp_path) as (live, wire):
        await put(live, tmp_path)
        await live.create("update", DOCUMENT, "lamp-1", "lamp-2")
        for thing in ("lamp-1", "lamp-2"):
            async with device(live, tmp_path, thing):
                execution = await live.ended("update", thing)
            assert execution["status"] == "SUCCEEDED", execution
            assert execution["statusDetails"]["detailsMap"]["sha256"] == SHA256
            assert (tmp_path / thing / "firmware" / "app.bin").read_bytes() == FIRMWARE
        assert (await live.call("GET", "/jobs/update"))["job"]["status"] == "COMPLETED"
        shown = (await live.call("GET", "/jobs/update/document"))["document"]
        assert "${thingjobs:artifact:app-1.2.bin}" in shown
    first, second = (head.split(b" ")[1] for head in wire.asked)
    assert first.startswith(b"/artifacts/app-1.2.bin/content?")
    assert (b"thing=lamp-1" in first, b"thing=lamp-2" in second) == (True, True)


async def test_a_download_that_is_cut_goes_on_where_it_was(tmp_path):
    async with wired(tmp_path, 1_000_000, 500_000) as (live, wire):
        await put(live, tmp_path)
        await live.create("update", DOCUMENT, "lamp-1")
        async with device(live, tmp_path):
            assert (await live.ended("update", "lamp-1"))["status"] == "SUCCEEDED"
        assert (tmp_path / "lamp-1" / "firmware" / "app.bin").read_bytes() == FIRMWARE
    one, two = wire.ranges
    assert 900_000 < one < 1_000_000
    assert one + 400_000 < two < one + 500_000


async def test_a_content_that_is_spoilt_on_its_way_never_takes_its_place(tmp_path):
    async with wired(tmp_path) as (live, _):
        await put(live, tmp_path)
        (tmp_path / "data" / "artifacts" / SHA256).write_bytes(FIRMWARE[:-1] + b"!")
        await live.create("update", DOCUMENT, "lamp-1")
        async with device(live, tmp_path):
            execution = await live.ended("update", "lamp-1")
        assert execution["status"] == "FAILED"
        assert "does not have the sha256" in execution["statusDetails"]["detailsMap"]["reason"]
        assert not (tmp_path / "lamp-1" / "firmware" / "app.bin").exists()


async def test_a_job_or_template_that_names_what_is_not_there_is_refused(tmp_path):
    async with wired(tmp_path) as (live, _):
        body = {"targets": ["t"], "targetSelection": "SNAPSHOT", "document": DOCUMENT}
        template = {"document": DOCUMENT, "description": "d"}
        for path, asked in (("/jobs", body), ("/job-templates", template)):
            with pytest.raises(
                RestError, match=r"the artifact app-1\.2\.bin, which does not exist"
            ) as refused:
                await live.call("POST", path, asked)
            assert refused.value.status == 422
        await put(live, tmp_path)
        await live.call("POST", "/jobs", body)
        await live.call("POST", "/job-templates", template)


async def test_what_an_open_job_names_is_not_deleted_unless_forced_and_then_the_thing_is_told_why(tmp_path):
    async with wired(tmp_path) as (live, _):
        await put(live, tmp_path)
        await live.create("update", DOCUMENT, "lamp-1")
        with pytest.raises(RestError, match="The document of job update names artifact"):
            await live.call("DELETE", "/artifacts/app-1.2.bin")
        await live.call("DELETE", "/artifacts/app-1.2.bin?force=true")
        async with device(live, tmp_path):
            execution = await live.ended("update", "lamp-1")
    assert execution["status"] == "REJECTED"
    assert "app-1.2.bin" in execution["statusDetails"]["detailsMap"]["reason"]


async def test_the_job_says_how_long_its_links_are_good_for_and_shows_it(tmp_path):
    async with wired(tmp_path, artifact_link_seconds=600) as (live, _):
        await put(live, tmp_path)
        for job, config in (("a", None), ("b", {"expiresInSec": 90})):
            body = {"jobId": job, "targets": ["lamp-1"], "targetSelection": "SNAPSHOT", "document": DOCUMENT}
            body |= {} if config is None else {"presignedUrlConfig": config}
            await live.call("POST", "/jobs", body)
            shown = (await live.call("GET", f"/jobs/{job}"))["job"]["presignedUrlConfig"]
            assert shown == (config or {})
        async with device(live, tmp_path):
            for job in ("a", "b"):
                assert (await live.ended(job, "lamp-1"))["status"] == "SUCCEEDED"
