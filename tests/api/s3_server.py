"""A small server that speaks as much S3 as we use, and checks every signature (SigV4) by computing it anew.

It is no S3: it knows whole objects, multipart uploads, ranges and deletion, in memory, for one key pair.
"""

import hashlib
import hmac
import re
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from xml.sax.saxutils import escape, unescape

ACCESS_KEY = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
UNSIGNED = "UNSIGNED-PAYLOAD"


def signature(method, path, query, headers, payload, *, date, scope, secret=SECRET):
    """Return the SigV4 signature of a request; ``query`` is its pairs in any order, without the signature."""
    pairs = sorted((quote(n, safe="-_.~"), quote(v, safe="-_.~")) for n, v in query)
    names = sorted(headers)
    canonical = "\n".join(
        [
            method,
            path,
            "&".join(f"{name}={value}" for name, value in pairs),
            *(f"{name}:{' '.join(headers[name].split())}" for name in names),
            "",
            ";".join(names),
            payload,
        ]
    )
    said = "\n".join(["AWS4-HMAC-SHA256", date, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, said.encode(), "sha256").hex()


class S3Server(ThreadingHTTPServer):
    """``objects`` is what is there, by bucket/key; ``broken`` makes it answer 500."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.objects: dict[str, bytes] = {}
        self.parts: dict[str, dict[int, bytes]] = {}
        self.refused: list[str] = []
        self.broken = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: S3Server

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except ConnectionError:
            self.close_connection = True

    def _do(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        split = urlsplit(self.path)
        query = parse_qsl(split.query, keep_blank_values=True)
        if self.server.broken:
            self._say(500, b"<Error><Code>InternalError</Code></Error>")
            return
        why = self._refusal(split.path, query, body)
        if why is not None:
            self.server.refused.append(why)
            self._say(403, f"<Error><Code>{why}</Code></Error>".encode())
            return
        getattr(self, f"_{self.command.lower()}")(unquote(split.path).lstrip("/"), dict(query), body)

    def do_GET(self) -> None:
        self._do()

    def do_PUT(self) -> None:
        self._do()

    def do_POST(self) -> None:
        self._do()

    def do_HEAD(self) -> None:
        self._do()

    def _refusal(self, path, query, body):
        """Return the code of what is wrong with the signature, or None."""
        told = dict(query)
        if "X-Amz-Signature" in told:
            scope = told["X-Amz-Credential"].partition("/")[2]
            access_key, date = told["X-Amz-Credential"].partition("/")[0], told["X-Amz-Date"]
            signed, given = told["X-Amz-SignedHeaders"], told["X-Amz-Signature"]
            rest, payload = [pair for pair in query if pair[0] != "X-Amz-Signature"], UNSIGNED
            ends = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
            if datetime.now(UTC) > ends + timedelta(seconds=int(told["X-Amz-Expires"])):
                return "RequestExpired"
        else:
            found = re.fullmatch(
                r"AWS4-HMAC-SHA256 Credential=([^/]+)/([^,]+), ?SignedHeaders=([^,]+), ?Signature=(\w+)",
                self.headers["Authorization"] or "",
            )
            if found is None:
                return "AccessDenied"
            access_key, scope, signed, given = found.groups()
            rest, date, payload = query, self.headers["x-amz-date"], self.headers["x-amz-content-sha256"]
            if payload not in (UNSIGNED, hashlib.sha256(body).hexdigest()):
                return "XAmzContentSHA256Mismatch"
        headers = {name: self.headers[name] for name in signed.split(";")}
        ours = signature(self.command, path, rest, headers, payload, date=date, scope=scope)
        if access_key != ACCESS_KEY or not hmac.compare_digest(ours, given):
            return "SignatureDoesNotMatch"
        return None

    def _say(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _put(self, name, query, body):
        if "uploadId" in query:
            self.server.parts[query["uploadId"]][int(query["partNumber"])] = body
        else:
            self.server.objects[name] = body
        self._say(200, ETag=f'"{hashlib.md5(body).hexdigest()}"')

    def _post(self, name, query, body):
        if "delete" in query:
            keys = [unescape(key) for key in re.findall("<Key>(.*?)</Key>", body.decode())]
            for key in keys:
                self.server.objects.pop(f"{name.rstrip('/')}/{key}", None)
            gone = "".join(f"<Deleted><Key>{escape(key)}</Key></Deleted>" for key in keys)
            self._say(200, f"<DeleteResult>{gone}</DeleteResult>".encode())
            return
        if "uploads" in query:
            upload = f"upload-{len(self.server.parts)}"
            self.server.parts[upload] = {}
            said = f"<UploadId>{upload}</UploadId>"
            result = "InitiateMultipartUploadResult"
            self._say(200, f"<{result}>{said}</{result}>".encode())
            return
        parts = self.server.parts.pop(query["uploadId"])
        self.server.objects[name] = b"".join(parts[number] for number in sorted(parts))
        self._say(200, b'<CompleteMultipartUploadResult><ETag>"x"</ETag></CompleteMultipartUploadResult>')

    def _get(self, name, _query, _body):
        content = self.server.objects.get(name)
        if content is None:
            self._say(404, b"<Error><Code>NoSuchKey</Code></Error>")
            return
        more = {"Last_Modified": "Mon, 10 Jun 2024 06:13:20 GMT", "ETag": '"x"'}
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers["Range"] or "")
        if asked is None:
            self._say(200, content, **more)
            return
        first, last = int(asked[1]), min(int(asked[2] or len(content)), len(content) - 1)
        more["Content_Range"] = f"bytes {first}-{last}/{len(content)}"
        self._say(206, content[first : last + 1], **more)

    _head = _get


@contextmanager
def s3_server():
    server = S3Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()
