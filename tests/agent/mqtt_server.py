"""A real Mosquitto, and the contract's server as one of its clients."""

import asyncio
import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from contract_server import ContractServer
from devices import Device
from mosquitto_server import BINARY
from ports import free_port


@contextlib.contextmanager
def broker_process(directory: Path) -> Iterator[int]:
    """Run Mosquitto on a free port of the loopback for the length of the block."""
    port = free_port()
    lines = [
        f"listener {port} 127.0.0.1",
        "allow_anonymous true",
        "set_tcp_nodelay true",
        "max_queued_messages 0",
    ]
    if os.getuid() == 0:
        lines.append("user root")
    config = directory / "mosquitto.conf"
    config.write_text("\n".join(lines) + "\n")
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen([str(BINARY), "-c", str(config)], stdout=log, stderr=log)
    try:
        _until_open(port, process)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def _until_open(port: int, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 20
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.01)
    raise RuntimeError("mosquitto did not start")


@contextlib.asynccontextmanager
async def serving(port: int, server: ContractServer):
    """Connect ``server`` to the broker; its answers go out in the order it gave them."""
    device = Device(port, None, client_id=f"dispatcher-{id(server)}")
    await device.connect()
    await device.subscribe(*server.topics.request_filters())
    server.send = lambda topic, payload: device.client.publish(topic, payload, qos=1)

    async def pump() -> None:
        while True:
            heard = await device.messages.get()
            server.handle(heard.topic, heard.payload)

    task = asyncio.create_task(pump())
    try:
        yield server
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await device.close()
