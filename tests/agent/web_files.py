"""A real web server on the loopback that serves one file, well or badly, and notes what it was asked."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CONTENT = bytes(range(256)) * 1200


class WebFiles(ThreadingHTTPServer):
    """``asked`` holds path and Range of every request; ``cuts`` counts down answers that end halfway."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.asked: list[tuple[str, str | None]] = []
        self.content = CONTENT
        self.cuts = 0
        self.errors: list[int] = []
        self.released = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Devices hang up; that is what many of these tests are about."""


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: WebFiles

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        name, _, more = self.path.partition("?")[0].lstrip("/").partition("/")
        self.server.asked.append((self.path, self.headers["Range"]))
        getattr(self, f"_{name.replace('.', '_')}", self._missing)(more)

    def _missing(self, _more: str) -> None:
        self._plain(404, b"there is nothing")

    def _plain(self, code: int, body: bytes, **headers: str) -> None:
        self.send_response(code)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def _app_bin(self, _more: str) -> None:
        """Serve ranges; cut the answer in the middle or answer with an error if told so."""
        if self.server.errors:
            self._plain(self.server.errors.pop(0), b"")
            return
        content, start = self.server.content, 0
        if asked := self.headers["Range"]:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            if start >= len(content):
                self._plain(416, b"", Content_Range=f"bytes */{len(content)}")
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        body = content[start:]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.server.cuts:
            self.server.cuts -= 1
            body, self.close_connection = body[: len(body) // 2], True
        self.wfile.write(body)

    def _whole(self, _more: str) -> None:
        """Know no ranges, and cut the first answer."""
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.content)))
        self.end_headers()
        body = self.server.content
        if self.server.cuts:
            self.server.cuts -= 1
            body, self.close_connection = body[: len(body) // 2], True
        self.wfile.write(body)

    def _unsized(self, _more: str) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        body = self.server.content
        self.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))

    def _liar(self, _more: str) -> None:
        """Answer any range with the beginning of the file."""
        if not self.headers["Range"]:
            self.server.cuts = 1
            self._whole("")
            return
        self._plain(206, self.server.content[:10], Content_Range=f"bytes 0-9/{len(self.server.content)}")

    def _redirect(self, count: str) -> None:
        there = "/app.bin" if count == "0" else f"/redirect/{int(count) - 1}"
        self._plain(302, b"", Location=there)

    def _loop(self, _more: str) -> None:
        self._plain(302, b"", Location="/loop")

    def _elsewhere(self, _more: str) -> None:
        self._plain(302, b"", Location="file:///etc/passwd")

    def _endless(self, _more: str) -> None:
        """Send a little now and then, until released."""
        self.send_response(200)
        self.send_header("Content-Length", "1000000000")
        self.end_headers()
        while not self.server.released.is_set():
            self.wfile.write(b"x" * 1000)
            time.sleep(0.01)


@contextmanager
def web_files() -> Iterator[WebFiles]:
    with WebFiles() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="web files")
        thread.start()
        try:
            yield server
        finally:
            server.released.set()
            server.shutdown()
            thread.join()
