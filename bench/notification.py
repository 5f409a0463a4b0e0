"""Measure e: from creating a job to the last of many connected things hearing of it."""

import time
from contextlib import AsyncExitStack

from mosquitto_server import secret

from agent.fleet import thing_names
from bench.cpu import Shares, Watch, spoken
from bench.options import NO_MOSQUITTO, Bench
from bench.processes import Child, Failed, quiet
from bench.rows import Row, Skipped
from bench.seed import GROUP, seed
from bench.servers import Broker, mosquitto, thingjobs
from domain.topics import DEFAULT_ROOT, Topics

PATIENCE = 60.0


async def measure(bench: Bench) -> list[Row | Skipped]:
    rows: list[Row | Skipped] = [await _embedded(bench)]
    what = _what(bench, "Mosquitto")
    rows.append(await _external(bench) if bench.mosquitto else Skipped("e", what, NO_MOSQUITTO))
    return rows


def _what(bench: Bench, broker: str) -> str:
    return f"create to last notified, {bench.sizes.listeners:,} things, {broker}"


async def _embedded(bench: Bench) -> Row:
    data = bench.folder / "embedded"
    tokens = await seed(data, bench.sizes.listeners, with_tokens=True)
    async with AsyncExitStack() as stack:
        return await _rounds(stack, bench, "embedded", tokens, None)


async def _external(bench: Bench) -> Row:
    data = bench.folder / "external"
    await seed(data, bench.sizes.listeners)
    passwords = {name: secret(name) for name in thing_names("t", bench.sizes.listeners)}
    async with AsyncExitStack() as stack:
        broker = await mosquitto(stack, bench.folder / "mosquitto", passwords)
        return await _rounds(stack, bench, "external", passwords, broker)


async def _rounds(
    stack: AsyncExitStack, bench: Bench, name: str, passwords: dict[str, str], broker: Broker | None
) -> Row:
    server = await thingjobs(stack, bench.folder / name, broker=broker)
    devices = await Child.module(stack, "load", "bench.devices")
    topics = Topics(DEFAULT_ROOT)
    port = server.mqtt_port if broker is None else broker.port
    filters = [topics.notify("{}"), topics.notify_next("{}")]
    await devices.ask("connect", port=port, clients=passwords, filters=filters, window=100, within=180)
    seconds, load = [], []
    shares: list[Shares] = []
    for number in range(bench.sizes.rounds):
        await quiet(server.child.pid, bench.sizes.idle)
        job = f"notify-{number}"
        pids = {"server": server.child.pid} | ({} if broker is None else {"broker": broker.pid})
        watch = Watch.start(load=devices.pid, **pids)
        await devices.tell(do="hear", suffix="/notify", marker=f'"{job}"', patience=PATIENCE)
        began = time.monotonic()
        body = {
            "jobId": job,
            "targets": [f"thinggroup/{GROUP}"],
            "targetSelection": "SNAPSHOT",
            "document": {"operation": "echo"},
            "description": "bench",
        }
        await server.call("POST", "/jobs", body)
        heard = await devices.line(PATIENCE + 10)
        shares.append(watch.stop())
        if heard["heard"] != bench.sizes.listeners:
            raise Failed(
                f"{heard['heard']} of {bench.sizes.listeners} things heard of {job}; {heard['lost']}"
            )
        seconds.append(heard["last"] - began)
        load.append(heard["load_cpu"])
    what = _what(bench, "embedded" if broker is None else "Mosquitto")
    return Row(letter="e", what=what, unit="s", rounds=seconds, notes=spoken(shares, load))
