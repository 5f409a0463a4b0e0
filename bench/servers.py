"""The servers that are measured, each a process with a directory of its own on free ports."""

import asyncio
import re
import sys
from collections.abc import Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from mosquitto_server import DISPATCHER, MosquittoServer, secret

from bench.processes import Child, Failed
from cli.rest import Rest, RestError

THINGJOBS = str(Path(sys.executable).with_name("thingjobs"))


@dataclass(frozen=True, slots=True)
class Broker:
    """Where devices connect, and which process is busy with them."""

    port: int
    pid: int


@dataclass(frozen=True, slots=True)
class Server:
    """A running ``thingjobs serve``; its MQTT port is its own or the broker's."""

    child: Child
    http_port: int
    mqtt_port: int
    log: Path

    @property
    def rest(self) -> Rest:
        return Rest(f"http://127.0.0.1:{self.http_port}")

    async def call(self, method: str, path: str, body: object = None) -> dict:
        try:
            return await asyncio.to_thread(self.rest.call, method, path, body)
        except RestError as error:
            raise Failed(f"{method} {path}: {error}; the log ends with: {_read(self.log)[-1500:]}") from error


async def mosquitto(stack: AsyncExitStack, folder: Path, users: Iterable[str]) -> Broker:
    """Start Mosquitto with the configuration we ship."""
    pid = folder / "pid"
    server = MosquittoServer(folder, users=users, settings={"pid_file": str(pid)})
    await server.start()
    stack.push_async_callback(server.stop)
    return Broker(server.port, int(_read(pid)))


async def thingjobs(
    stack: AsyncExitStack,
    data: Path,
    *,
    name: str = "thingjobs",
    broker: Broker | None = None,
    database: str | None = None,
    insecure: bool = False,
) -> Server:
    """Start a server on a data directory, with its embedded broker or on another one."""
    env = {"THINGJOBS_LOG_LEVEL": "warning"}
    if database is not None:
        env["THINGJOBS_DATABASE_URL"] = database
    if broker is not None:
        env |= {
            "THINGJOBS_BROKER": "external",
            "THINGJOBS_BROKER_HOST": "127.0.0.1",
            "THINGJOBS_BROKER_PORT": str(broker.port),
            "THINGJOBS_BROKER_USERNAME": DISPATCHER,
            "THINGJOBS_BROKER_PASSWORD": secret(DISPATCHER),
        }
    log = data.with_suffix(".log")
    command = (THINGJOBS, "serve", "--data-dir", str(data), "--http-port", "0", "--mqtt-port", "0")
    command += ("--insecure-devices",) * insecure
    child = await Child.start(stack, name, *command, env=env, log=log)
    http, mqtt = await _addresses(child, log)
    return Server(child, http, mqtt, log)


async def _addresses(child: Child, log: Path, patience: float = 60.0) -> tuple[int, int]:
    """Return the ports a server says it listens on."""
    deadline = asyncio.get_running_loop().time() + patience
    while child.alive and asyncio.get_running_loop().time() < deadline:
        said = _read(log)
        http = re.search(r"REST API +http://127\.0\.0\.1:(\d+)", said)
        mqtt = re.search(r"MQTT +127\.0\.0\.1:(\d+)", said)
        if http and mqtt:
            return int(http[1]), int(mqtt[1])
        await asyncio.sleep(0.05)
    raise Failed(f"{child.name} did not start: {_read(log)[-500:]}")


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")
