"""Measure q: how often a broker that asks us (EMQX) may ask who comes in, and what for, in a second."""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from statistics import median
from typing import Any

from bench.cpu import Shares, Watch, spoken
from bench.footings import EMBEDDED, POSTGRESQL, Footing, Stand, on_each, stand
from bench.options import Bench
from bench.processes import Child, quiet
from bench.rows import Row, Skipped
from bench.seed import issue, register
from domain.topics import Operation, Topics
from storage.store import Store

CONNECTIONS = 16


async def measure(bench: Bench) -> list[Row | Skipped]:
    return await on_each(bench, "q", "what a broker asks", _measured, (EMBEDDED, POSTGRESQL))


async def _measured(bench: Bench, footing: Footing) -> list[Row | Skipped]:
    tokens: dict[str, str] = {}

    async def fill(store: Store) -> Sequence[str]:
        names = await register(store, bench.sizes.connects[0])
        tokens.update(await store.write(issue, names))
        return names

    topics = Topics(footing.root)
    async with AsyncExitStack() as stack:
        there = await stand(stack, bench, footing, footing.database, fill)
        admit = [{"clientid": name, "username": name, "password": token} for name, token in tokens.items()]
        permit = [
            {
                "name": name,
                "action": "publish",
                "topic": topics.request(name, Operation.START_NEXT),
                "qos": "1",
                "retain": "false",
            }
            for name in tokens
        ]
        knocker = await Child.module(stack, "caller", "bench.knocker", str(there.server.http_port))
        await quiet(there.server.child.pid, bench.sizes.idle)
        return [
            await _row(bench, there, knocker, "who a client is, its token", ("/internal/mqtt/auth", admit)),
            await _row(bench, there, knocker, "whether it may publish there", ("/internal/mqtt/acl", permit)),
        ]


async def _row(
    bench: Bench, there: Stand, knocker: Child, what: str, asked: tuple[str, list[Mapping[str, Any]]]
) -> Row:
    path, bodies = asked
    rates, slow, load = [], [], []
    shares: list[Shares] = []
    for _ in range(bench.sizes.few):
        watch = Watch.start(caller=knocker.pid, **there.pids)
        done = await knocker.ask(
            "ask",
            path=path,
            bodies=bodies,
            expected='"allow"',
            connections=CONNECTIONS,
            seconds=bench.sizes.seconds,
            warm=bench.sizes.warm,
        )
        shares.append(watch.stop())
        rates.append(done["rate"])
        slow.append(done["p99_ms"])
        load.append(done["load_cpu"])
    return Row(
        letter="q",
        what=f"{what}, {there.footing.database}",
        unit="1/s",
        rounds=rates,
        notes=f"p99 {median(slow):.1f} ms with {CONNECTIONS} on their way; {spoken(shares, load)}",
        details={"p99_ms": slow},
    )
