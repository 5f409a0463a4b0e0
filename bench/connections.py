"""Measures g and h: many things coming in at once with their tokens, and what each costs in memory."""

from contextlib import AsyncExitStack

from bench.cpu import Watch, spoken
from bench.options import Bench
from bench.processes import Child, quiet, rss_kib
from bench.rows import Goal, Row, Skipped
from bench.seed import seed
from bench.servers import thingjobs
from domain.topics import DEFAULT_ROOT, Topics

#: Things that are on their way in at the same time, once there are more of them.
WINDOW = 500


async def measure(bench: Bench) -> list[Row | Skipped]:
    data = bench.folder / "things"
    tokens = await seed(data, max(bench.sizes.connects), with_tokens=True)
    rows: list[Row | Skipped] = []
    for count in bench.sizes.connects:
        rows += await _connect(bench, dict(list(tokens.items())[:count]))
    return rows


async def _connect(bench: Bench, tokens: dict[str, str]) -> list[Row | Skipped]:
    count, topics = len(tokens), Topics(DEFAULT_ROOT)
    filters = [topics.notify_next("{}"), topics.notify("{}")]
    seconds, memory, shares, load = [], [], [], []
    for _ in range(bench.sizes.creation_rounds):
        async with AsyncExitStack() as stack:
            server = await thingjobs(stack, bench.folder / "things")
            await quiet(server.child.pid, bench.sizes.idle)
            before = rss_kib(server.child.pid)
            devices = await Child.module(stack, "load", "bench.devices")
            watch = Watch.start(server=server.child.pid)
            done = await devices.ask(
                "connect",
                port=server.mqtt_port,
                clients=tokens,
                filters=filters,
                window=count if count <= 1_000 else WINDOW,
                within=180,
            )
            shares.append(watch.stop())
            await quiet(server.child.pid, bench.sizes.idle)
            seconds.append(done["seconds"])
            load.append(done["load_cpu"])
            memory.append((rss_kib(server.child.pid) - before) / count)
    return [
        Row(
            letter="g",
            what=f"{count:,} things connect with tokens and subscribe, embedded",
            unit="s",
            rounds=seconds,
            goal=Goal("<=", 5.0) if count == 1_000 else None,
            notes=f"{count / max(seconds):,.0f} connects/s at least; {spoken(shares, load)}",
        ),
        Row(letter="h", what=f"memory per connected thing, {count:,} of them", unit="KiB", rounds=memory),
    ]
