"""The servers that are measured, each a process with a directory of its own on free ports."""

import asyncio
import re
import sys
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from mosquitto_server import DISPATCHER, MosquittoServer, secret, shipped_acl

from bench.processes import Child, Failed
from cli.rest import Rest, RestError
from domain.topics import DEFAULT_ROOT, Topics

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


async def mosquitto(
    stack: AsyncExitStack,
    folder: Path,
    users: Iterable[str],
    *,
    root: str = DEFAULT_ROOT,
    shared: bool = False,
) -> Broker:
    """Start Mosquitto with the configuration we ship, for things below ``root``.

    With ``shared`` several dispatchers under one name are several clients, not one that comes again.
    """
    pid = folder / "pid"
    acl = shipped_acl().replace(DEFAULT_ROOT, root).replace(Topics(DEFAULT_ROOT).events, Topics(root).events)
    settings = {"pid_file": str(pid), **({"use_username_as_clientid": "false"} if shared else {})}
    server = MosquittoServer(folder, users=users, settings=settings, acl=acl)
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
    env: Mapping[str, str] | None = None,
) -> Server:
    """Start a server on a data directory, with its embedded broker or on another one."""
    log = data.with_suffix(".log")
    command = (THINGJOBS, "serve", "--data-dir", str(data), "--http-port", "0", "--mqtt-port", "0")
    command += ("--insecure-devices",) * insecure
    child = await Child.start(stack, name, *command, env=_env(broker, database) | (env or {}), log=log)
    found = await _said(child, log, r"REST API +http://127\.0\.0\.1:(\d+)", r"MQTT +127\.0\.0\.1:(\d+)")
    return Server(child, int(found[0]), int(found[1]), log)


async def dispatcher(
    stack: AsyncExitStack, data: Path, *, broker: Broker, database: str, env: Mapping[str, str], log: Path
) -> Child:
    """Start one more dispatcher, which works or stands by as ``env`` says."""
    where = {"broker": broker, "database": database, "env": env, "log": log}
    return (await part(stack, "dispatcher", data, "--health-port", "0", **where))[0]


async def part(
    stack: AsyncExitStack,
    command: str,
    data: Path,
    *options: str,
    broker: Broker,
    database: str,
    env: Mapping[str, str],
    log: Path,
) -> tuple[Child, str]:
    """Start one of the processes that a server can be taken apart into; return it and where it listens."""
    words = (THINGJOBS, command, "--data-dir", str(data), *options)
    child = await Child.start(stack, command, *words, env=_env(broker, database) | env, log=log)
    (where,) = await _said(child, log, r"(?m)^(?:REST API|MQTT|clock) +(\S+)")
    return child, where


def _env(broker: Broker | None, database: str | None) -> dict[str, str]:
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
    return env


async def _said(child: Child, log: Path, *patterns: str, patience: float = 180.0) -> list[str]:
    """Return what a process says of each of these while it starts: where it listens, say."""
    deadline = asyncio.get_running_loop().time() + patience
    while child.alive and asyncio.get_running_loop().time() < deadline:
        found = [match[1] for pattern in patterns if (match := re.search(pattern, _read(log)))]
        if len(found) == len(patterns):
            return found
        await asyncio.sleep(0.05)
    raise Failed(f"{child.name} did not start: {_read(log)[-500:]}")


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")
