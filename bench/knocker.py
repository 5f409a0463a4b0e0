"""Who asks the API the same few questions as fast as it answers: a process with many kept connections."""

import gc
import json
import selectors
import socket
import sys
import time
from array import array
from itertools import cycle
from typing import Any

_END = b"\r\n\r\n"


class Knocker:
    """Keeps one request on its way on each connection."""

    def __init__(self, port: int):
        self._port = port

    def ask(
        self,
        *,
        path: str,
        bodies: list[dict[str, Any]],
        expected: str,
        connections: int,
        seconds: float,
        warm: float,
    ) -> dict[str, Any]:
        """Ask for so long; an answer without ``expected`` in it is an error."""
        requests = cycle([_request(path, body) for body in bodies])
        selector = selectors.DefaultSelector()
        sent: dict[socket.socket, float] = {}
        rest: dict[socket.socket, bytes] = {}
        for _ in range(connections):
            sock = socket.create_connection(("127.0.0.1", self._port))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(sock, selectors.EVENT_READ)
            sent[sock], rest[sock] = time.perf_counter(), b""
            sock.sendall(next(requests))
        took, began, sign = array("d"), time.perf_counter(), expected.encode()
        cpu = time.process_time()
        while (now := time.perf_counter()) < began + warm + seconds:
            for key, _ in selector.select(0.1):
                sock: Any = key.fileobj
                answer = rest[sock] = rest[sock] + sock.recv(65_536)
                if not _is_whole(answer):
                    continue
                if sign not in answer:
                    raise OSError(f"{path} answers {answer!r}")
                now = time.perf_counter()
                if now >= began + warm:
                    took.append(now - sent[sock])
                rest[sock], sent[sock] = b"", now
                sock.sendall(next(requests))
        counted = now - began - warm
        for sock in sent:
            sock.close()
        ranked = sorted(took)
        return {
            "rate": len(ranked) / counted,
            "p50_ms": 1000 * ranked[len(ranked) // 2],
            "p99_ms": 1000 * ranked[len(ranked) * 99 // 100],
            "load_cpu": (time.process_time() - cpu) / (counted + warm),
        }


def _request(path: str, body: dict[str, Any]) -> bytes:
    content = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


def _is_whole(answer: bytes) -> bool:
    head, end, body = answer.partition(_END)
    if not end:
        return False
    lines = head.lower().split(b"\r\n")
    length = next(line for line in lines if line.startswith(b"content-length:"))
    return len(body) >= int(length.partition(b":")[2])


def main() -> None:
    knocker = Knocker(int(sys.argv[1]))
    gc.disable()
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = getattr(knocker, request.pop("do"))(**request)
        except OSError as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
