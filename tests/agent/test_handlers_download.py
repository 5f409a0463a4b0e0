"""Downloads from a real web server: whole and checked or not at all, gone on with, and never outside."""

import asyncio
import hashlib
import resource
import socket
from contextlib import contextmanager
from functools import partial

import pytest
from scripted_link import running
from web_files import CONTENT, web_files
from workloads import nothing

from agent.backoff import Backoff
from agent.handlers.download import Download
from domain.execution import Cause, Status

SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def web():
    with web_files() as server:
        yield server


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "downloads"


@pytest.fixture
def download(make_agent, server, folder):
    """Download into ``folder``; the members given are laid over a sound document."""

    async def work(url, *, tries=4, **members):
        agent = make_agent()
        handler = Download(directory=folder, tries=tries, backoff=partial(Backoff, 0.001, 0.001))
        agent.register("download", handler, resume=True)
        server.create("one", {"operation": "download", "url": url, "sha256": SHA256} | members)
        async with running(agent.run()):
            return await server.ended("one")

    return work


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def reason(execution, status=Status.FAILED):
    assert execution.status is status
    return execution.status_details["reason"]


async def test_a_file_arrives_whole_and_is_told_of(download, web, folder):
    execution = await download(f"{web.url}/app.bin")
    assert execution.status is Status.SUCCEEDED
    assert (folder / "app.bin").read_bytes() == CONTENT
    assert files(folder) == ["app.bin"]
    told = {"file": "app.bin", "sha256": SHA256, "bytes": str(len(CONTENT))}
    assert execution.status_details == told | {"action": "download", "progress": "100%"}


async def test_it_goes_where_the_document_says_below_the_folder(download, web, folder):
    execution = await download(f"{web.url}/app.bin?signature=x%2Fy", file="firmware/v2/app.bin")
    assert execution.status_details["file"] == "firmware/v2/app.bin"
    assert files(folder) == ["firmware/v2/app.bin"]


async def test_a_cut_connection_is_gone_on_with_where_it_stopped(download, web, folder):
    web.cuts = 3
    assert (await download(f"{web.url}/app.bin")).status is Status.SUCCEEDED
    half = len(CONTENT) // 2
    asked = [f"bytes={start}-" for start in (half, half + half // 2, half + half // 2 + half // 4)]
    assert [wanted for _, wanted in web.asked] == [None, *asked]
    assert (folder / "app.bin").read_bytes() == CONTENT


async def test_a_server_without_ranges_is_asked_for_all_of_it_again(download, web, folder):
    web.cuts = 1
    assert (await download(f"{web.url}/whole", file="app.bin")).status is Status.SUCCEEDED
    assert len(web.asked) == 2
    assert (folder / "app.bin").read_bytes() == CONTENT


async def test_a_file_without_a_length_arrives_too(download, web, folder):
    assert (await download(f"{web.url}/unsized", file="app.bin")).status is Status.SUCCEEDED


async def test_a_part_left_by_an_earlier_life_is_gone_on_with(download, web, folder):
    folder.mkdir()
    (folder / f".{SHA256[:32]}.part").write_bytes(CONTENT[:1000])
    assert (await download(f"{web.url}/app.bin")).status is Status.SUCCEEDED
    assert [wanted for _, wanted in web.asked] == ["bytes=1000-"]


async def test_a_part_that_is_complete_already_is_put_in_place(download, web, folder):
    folder.mkdir()
    (folder / f".{SHA256[:32]}.part").write_bytes(CONTENT)
    assert (await download(f"{web.url}/app.bin")).status is Status.SUCCEEDED
    assert files(folder) == ["app.bin"]


async def test_a_file_that_is_there_already_is_not_fetched(download, web, folder):
    folder.mkdir()
    (folder / "app.bin").write_bytes(CONTENT)
    assert (await download(f"{web.url}/app.bin")).status is Status.SUCCEEDED
    assert web.asked == []


async def test_an_older_file_stands_until_the_new_one_is_whole(download, web, folder):
    folder.mkdir()
    (folder / "app.bin").write_bytes(b"old")
    web.content = CONTENT[:-1] + b"!"
    said = reason(await download(f"{web.url}/app.bin"))
    assert said == "the content does not have the sha256 that was asked for"
    assert (folder / "app.bin").read_bytes() == b"old"
    assert files(folder) == ["app.bin"]


async def test_a_wrong_content_tells_what_was_found(download, web, folder):
    execution = await download(f"{web.url}/app.bin", sha256="0" * 64)
    assert execution.status_details["expected"] == "0" * 64
    assert execution.status_details["found"] == SHA256
    assert files(folder) == []


async def test_a_server_in_trouble_is_asked_again_and_given_up_in_the_end(download, web):
    web.errors = [503, 500, 429]
    assert (await download(f"{web.url}/app.bin")).status is Status.SUCCEEDED


async def test_a_server_that_stays_in_trouble_is_given_up(download, web):
    web.errors = [503] * 99
    assert reason(await download(f"{web.url}/app.bin", tries=3)) == (
        "download interrupted 3 times in a row: the server answered 503"
    )
    assert len(web.asked) == 3


async def test_where_nobody_listens_the_download_is_given_up(download):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/app.bin"
        assert "Connection refused" in reason(await download(url, tries=2))


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("nothing", "cannot download: the server answered 404"),
        ("loop", "cannot download: the server answered 302"),
        ("redirect/11", "cannot download: the server answered 302"),
        ("elsewhere", "cannot download: the server answered 302"),
        ("liar", "cannot download: the server answered with a part that was not asked for"),
    ],
)
async def test_what_another_try_would_not_cure_is_not_tried_again(download, web, folder, path, said):
    assert reason(await download(f"{web.url}/{path}", file="app.bin")) == said
    assert files(folder) == []
    assert len(web.asked) <= 11


@pytest.mark.parametrize("code", [401, 403, 410])
async def test_a_link_that_has_ended_fails_the_job_and_the_next_one_goes_on_from_there(
    download, web, folder, code
):
    folder.mkdir()
    (folder / f".{SHA256[:32]}.part").write_bytes(CONTENT[:1000])
    web.errors = [code]
    assert reason(await download(f"{web.url}/app.bin")) == f"cannot download: the server answered {code}"
    assert files(folder) == [f".{SHA256[:32]}.part"]


async def test_a_new_link_goes_on_where_an_ended_one_left_off(download, web, folder):
    folder.mkdir()
    (folder / f".{SHA256[:32]}.part").write_bytes(CONTENT[:1000])
    assert (await download(f"{web.url}/app.bin?another")).status is Status.SUCCEEDED
    assert web.asked == [("/app.bin?another", "bytes=1000-")]
    assert (folder / "app.bin").read_bytes() == CONTENT


async def test_redirects_are_followed(download, web):
    assert (await download(f"{web.url}/redirect/3", file="app.bin")).status is Status.SUCCEEDED


@pytest.mark.parametrize("path", ["app.bin", "unsized"])
async def test_a_file_above_the_limit_is_not_stored(download, web, folder, path):
    said = reason(await download(f"{web.url}/{path}", file="app.bin", maxBytes=1000))
    assert "1000" in said
    assert files(folder) == []


@contextmanager
def a_small_disk(most):
    """No file may grow above ``most`` bytes: the nearest to a full disk that every system has."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_disk_that_takes_no_more_fails_the_job_at_once_and_gets_its_space_back(download, web, folder):
    web.content = b"x" * 3_000_000
    with a_small_disk(2_000_000):
        said = reason(await download(f"{web.url}/app.bin"))
    assert said == "cannot download: cannot write it here: File too large"
    assert len(web.asked) == 1
    assert files(folder) == []


@pytest.mark.parametrize(
    ("there", "file", "said"),
    [
        ("firmware", "firmware/app.bin", "cannot write firmware/app.bin: File exists"),
        ("app.bin/x", "app.bin", "cannot write app.bin: Is a directory"),
    ],
)
async def test_a_path_that_cannot_be_written_fails_the_job(download, folder, there, file, said):
    (folder / there).parent.mkdir(parents=True)
    (folder / there).write_bytes(b"")
    with web_files() as web:
        assert reason(await download(f"{web.url}/app.bin", file=file)) == said


OUTSIDE = [
    "../a",
    "/etc/a",
    "a/../../b",
    "a//b",
    ".hidden",
    "a/.",
    "..",
    "",
    "a\\b",
    "c:d",
    "x\ny",
    "deep/" * 200 + "a",
]


@pytest.mark.parametrize("file", OUTSIDE)
async def test_nothing_is_written_outside_the_folder(download, web, folder, file):
    said = reason(await download(f"{web.url}/app.bin", file=file), Status.REJECTED)
    assert said == "file must be a plain relative path such as app.bin or firmware/app.bin"
    assert web.asked == []


@pytest.mark.parametrize("name", ["%2e%2e", "%2fetc%2fpasswd", "a%2f..%2fb", ""])
async def test_a_name_out_of_the_url_is_looked_at_as_closely(download, web, name):
    reason(await download(f"{web.url}/files/{name}"), Status.REJECTED)
    assert web.asked == []


@pytest.mark.parametrize("file", ["inside/app.bin", "app.bin"])
async def test_links_do_not_lead_out_of_the_folder(download, web, folder, tmp_path, file):
    (tmp_path / "outside").mkdir()
    folder.mkdir()
    (folder / "inside").symlink_to(tmp_path / "outside")
    (folder / "app.bin").symlink_to(tmp_path / "outside" / "app.bin")
    said = reason(await download(f"{web.url}/app.bin", file=file), Status.REJECTED)
    assert said == "file leads out of the download directory"
    assert files(tmp_path / "outside") == []


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"url": "ftp://host/x"}, "url must be an http or https URL"),
        ({"url": "file:///etc/passwd"}, "url must be an http or https URL"),
        ({"url": "http:///x"}, "url must be an http or https URL"),
        ({"url": "http://host:port/x"}, "url must be an http or https URL"),
        ({"url": "http://[::1/x"}, "url must be an http or https URL"),
        ({"url": "http://host/x y"}, "url must be an http or https URL"),
        ({"url": "http://host/x\r\nHost: other"}, "url must be an http or https URL"),
        ({"url": "http://me:secret@host/x"}, "url must not carry a user name or password"),
        ({"url": 5}, "url must be a non-empty string"),
        ({"sha256": "abc"}, "sha256 must be 64 hexadecimal digits"),
        ({"sha256": None}, "sha256 must be a non-empty string"),
        ({"file": ["a"]}, "file must be a non-empty string"),
        ({"maxBytes": 0}, "maxBytes must be a number from 1 to 4294967296"),
    ],
)
async def test_a_document_that_makes_no_sense_is_rejected(download, members, said):
    members = {"url": "http://127.0.0.1:1/app.bin"} | members
    assert reason(await download(members.pop("url"), **members), Status.REJECTED) == said


async def test_a_cancel_in_mid_transfer_stops_it_and_keeps_the_part(make_agent, server, web, folder):
    agent = make_agent()
    agent.register("download", Download(directory=folder))
    agent.register("echo", nothing)
    url = f"{web.url}/endless"
    server.create("one", {"operation": "download", "url": url, "sha256": SHA256, "file": "app.bin"})
    async with running(agent.run()):
        async with asyncio.timeout(10):
            while not (folder.is_dir() and files(folder)):  # noqa: ASYNC110 - another thread writes it
                await asyncio.sleep(0.01)
        server.end("one", Cause.FORCED_CANCEL)
        server.create("two", {"operation": "echo"})
        assert (await server.ended("two")).status is Status.SUCCEEDED
    assert files(folder) == [f".{SHA256[:32]}.part"]
