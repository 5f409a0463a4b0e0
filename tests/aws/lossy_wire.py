"""A way to the server that loses answers: what was asked has been done, and the asker does not hear of it."""

import socket
import threading
from contextlib import contextmanager


class LossyWire:
    """Carries one request per connection and drops the first ``losses`` answers."""

    def __init__(self, port, losses):
        self.losses, self.lost, self._to = losses, 0, port
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = self._door.getsockname()[1]
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        while True:
            try:
                asker, _ = self._door.accept()
            except OSError:
                return
            with asker, socket.create_connection(("127.0.0.1", self._to)) as server:
                server.sendall(_whole(asker))
                answer = _whole(server)
                if self.lost < self.losses:
                    self.lost += 1
                else:
                    asker.sendall(answer)

    def close(self):
        self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        self._thread.join(30)


def _whole(wire):
    """Read one message with its body."""
    got = b""
    while b"\r\n\r\n" not in got:
        got += _more(wire)
    head, _, body = got.partition(b"\r\n\r\n")
    lines = [line.partition(b":") for line in head.split(b"\r\n")]
    length = next((int(value) for name, _, value in lines if name.lower() == b"content-length"), 0)
    while len(body) < length:
        body += _more(wire)
    return head + b"\r\n\r\n" + body


def _more(wire):
    got = wire.recv(65_536)
    if not got:
        raise AssertionError("the message ended too early")
    return got


@contextmanager
def lossy(port, losses=1):
    wire = LossyWire(port, losses)
    try:
        yield wire
    finally:
        wire.close()
