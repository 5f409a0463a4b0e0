"""Ports for what cannot be told to take any free one."""

import secrets
import socket


def free_port() -> int:
    """Return a port that nobody has, of those that no connection gets by itself while others run beside."""
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
