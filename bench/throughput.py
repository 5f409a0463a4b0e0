"""Measures a, b, c: bare echoes, versioned updates through the whole path, and their ratio, in turns."""

from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from mosquitto_server import DISPATCHER, secret
from postgres_server import BINARIES, HINT, PostgresServer

from agent.fleet import thing_names
from bench.cpu import Shares, Watch, spoken
from bench.options import NO_MOSQUITTO, Bench
from bench.processes import Child, Failed
from bench.rows import Goal, Row, Skipped
from bench.seed import job_id, register, seed
from bench.servers import Server, mosquitto, thingjobs
from domain.topics import DEFAULT_ROOT
from storage.store import Store

#: Stock amqtt loses what is published below ``$``.
PLAIN_ROOT = "things"

#: Key -> letter and name of the rows that need Mosquitto.
OVER_MOSQUITTO = {
    "paho": ("a", "echo: Mosquitto, plain paho"),
    "link": ("a", "echo: Mosquitto, our link"),
    "external": ("b", "updates: Mosquitto + SQLite"),
    "postgres": ("b", "updates: Mosquitto + PostgreSQL"),
}


@dataclass
class Contender:
    """A broker with something behind it that answers updates, and the load that belongs to it."""

    key: str
    letter: str
    what: str
    devices: Child
    pids: dict[str, int]
    server: Server | None = None
    rates: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    load: list[float] = field(default_factory=list)
    shares: list[Shares] = field(default_factory=list)
    #: Microseconds of processor time for each answer, by process.
    costs: list[dict[str, float]] = field(default_factory=list)

    async def drive(self, bench: Bench) -> None:
        watch = Watch.start(load=self.devices.pid, **self.pids)
        done = await self.devices.ask("drive", seconds=bench.sizes.seconds, warm=bench.sizes.warm)
        self.shares.append(watch.stop())
        if done["faults"] or done["unanswered"]:
            raise Failed(f"{self.what}: {done['unanswered']} unanswered, {done['faults']}")
        self.costs.append(
            {
                name: 1e6 * share * self.shares[-1].seconds / done["answered"]
                for name, share in self.shares[-1].cores.items()
            }
        )
        self.rates.append(done["rate"])
        self.p50.append(done["p50_ms"])
        self.p99.append(done["p99_ms"])
        self.load.append(done["load_cpu"])

    def row(self, *, notes: str = "") -> Row:
        cost = {name: median(each[name] for each in self.costs) for name in self.costs[0]}
        text = (
            f"p50 {median(self.p50):.0f} ms, p99 {median(self.p99):.0f} ms; "
            f"{', '.join(f'{name} {micros:.0f} us' for name, micros in cost.items())} each; "
            f"{spoken(self.shares, self.load)}"
        )
        return Row(
            letter=self.letter,
            what=self.what,
            unit="1/s",
            rounds=self.rates,
            notes=text + notes,
            details={
                "p50_ms": self.p50,
                "p99_ms": self.p99,
                "load_cpu": self.load,
                "cpu_us_each": self.costs,
            },
        )


async def measure(bench: Bench) -> list[Row | Skipped]:
    async with AsyncExitStack() as stack:
        contenders = {}
        # Each between the two it is compared with, so that what else the machine does hits them alike.
        for make in (_stock, _embedded, _embedded_echo):
            contender = await make(stack, bench)
            contenders[contender.key] = contender
        if bench.mosquitto:
            databases = (_external, _postgres) if BINARIES else (_external,)
            for make in (_paho, *databases, _link):
                contender = await make(stack, bench)
                contenders[contender.key] = contender
        for _ in range(bench.sizes.rounds):
            for contender in contenders.values():
                await contender.drive(bench)
        rows: list[Row | Skipped] = []
        for contender in sorted(contenders.values(), key=lambda each: each.letter):
            counted = await _count(contender)
            rows.append(contender.row(notes=f"; {counted} versions counted, none lost" if counted else ""))
        if not bench.mosquitto:
            rows += [Skipped(letter, what, NO_MOSQUITTO) for letter, what in OVER_MOSQUITTO.values()]
    return rows + _ratios(bench, contenders)


def _ratios(bench: Bench, by_key: dict[str, Contender]) -> list[Row | Skipped]:
    def ratio(what: str, top: str, bottom: str, goal: Goal | None = None) -> Row | Skipped:
        if top not in by_key or bottom not in by_key:
            return Skipped("c", what, HINT if bench.mosquitto else NO_MOSQUITTO)
        pairs = zip(by_key[top].rates, by_key[bottom].rates, strict=True)
        return Row(letter="c", what=what, unit="x", rounds=[a / b for a, b in pairs], goal=goal)

    return [
        ratio("embedded updates / stock amqtt's own echo", "embedded", "stock", Goal(">=", 1.5)),
        ratio("embedded updates / embedded echo", "embedded", "embedded echo"),
        ratio("Mosquitto updates / echo of our link", "external", "link"),
        ratio("Mosquitto updates / echo of plain paho", "external", "paho", Goal(">=", 0.7)),
        ratio("Mosquitto + PostgreSQL updates / echo of plain paho", "postgres", "paho", Goal(">=", 0.7)),
    ]


async def _count(contender: Contender) -> int:
    """Compare every execution's version with what its lane was told; return how many versions there are."""
    if contender.server is None:
        return 0
    total = 0
    for lane, accepted in (await contender.devices.ask("accepted")).items():
        thing, job = lane.split(".")
        found = await contender.server.call("GET", f"/jobs/{job}/things/{thing}")
        version = found["execution"]["versionNumber"]
        if version != accepted + 1:
            raise Failed(f"{lane} has version {version} after {accepted} accepted updates")
        total += accepted
    return total


async def _devices(
    stack: AsyncExitStack, bench: Bench, port: int, passwords: dict[str, str | None], root: str
) -> Child:
    """Return a load whose clients are connected and whose lanes are ready."""
    devices = await Child.module(stack, "load", "bench.devices")
    filters = [f"{root}/{{}}/jobs/+/update/accepted", f"{root}/{{}}/jobs/+/update/rejected"]
    await devices.ask("connect", port=port, clients=passwords, filters=filters, window=50)
    await devices.ask("lanes", root=root, jobs=_jobs(bench))
    return devices


def _names(bench: Bench) -> list[str]:
    return thing_names("t", bench.sizes.clients)


def _jobs(bench: Bench) -> list[str]:
    return [job_id(number) for number in range(bench.sizes.lanes)]


async def _echo(stack: AsyncExitStack, kind: str, port: int, root: str, *login: str) -> tuple[Child, int]:
    child = await Child.module(stack, f"echo by {kind}", "bench.echo", kind, str(port), root, *login)
    return child, (await child.line())["port"]


async def _stock(stack: AsyncExitStack, bench: Bench) -> Contender:
    broker = await Child.module(stack, "stock amqtt", "bench.stock_broker")
    port = (await broker.line())["port"]
    echo, _ = await _echo(stack, "paho", port, PLAIN_ROOT)
    devices = await _devices(stack, bench, port, dict.fromkeys(_names(bench)), PLAIN_ROOT)
    pids = {"broker": broker.pid, "responder": echo.pid}
    return Contender("stock", "a", "echo: stock amqtt, plain paho", devices, pids)


async def _embedded_echo(stack: AsyncExitStack, bench: Bench) -> Contender:
    echo, port = await _echo(stack, "embedded", 0, DEFAULT_ROOT)
    devices = await _devices(stack, bench, port, dict.fromkeys(_names(bench)), DEFAULT_ROOT)
    return Contender("embedded echo", "a", "echo: our embedded broker", devices, {"broker": echo.pid})


async def _embedded(stack: AsyncExitStack, bench: Bench) -> Contender:
    data = bench.folder / "embedded"
    tokens = await seed(data, bench.sizes.clients, with_tokens=True)
    server = await thingjobs(stack, data)
    await _create_jobs(bench, server)
    devices = await _devices(stack, bench, server.mqtt_port, dict(tokens), DEFAULT_ROOT)
    pids = {"server": server.child.pid}
    return Contender("embedded", "b", "updates: embedded + SQLite", devices, pids, server)


async def _paho(stack: AsyncExitStack, bench: Bench) -> Contender:
    return await _mosquitto_echo(stack, bench, "paho")


async def _link(stack: AsyncExitStack, bench: Bench) -> Contender:
    return await _mosquitto_echo(stack, bench, "link")


async def _mosquitto_echo(stack: AsyncExitStack, bench: Bench, kind: str) -> Contender:
    names = _names(bench)
    broker = await mosquitto(stack, bench.folder / f"mosquitto-{kind}", names)
    echo, _ = await _echo(stack, kind, broker.port, DEFAULT_ROOT, DISPATCHER, secret(DISPATCHER))
    passwords = {name: secret(name) for name in names}
    devices = await _devices(stack, bench, broker.port, passwords, DEFAULT_ROOT)
    return Contender(kind, *OVER_MOSQUITTO[kind], devices, {"broker": broker.pid, "responder": echo.pid})


async def _external(stack: AsyncExitStack, bench: Bench) -> Contender:
    data = bench.folder / "external"
    await seed(data, bench.sizes.clients)
    return await _on_mosquitto(stack, bench, "external", data)


async def _postgres(stack: AsyncExitStack, bench: Bench) -> Contender:
    data = bench.folder / "postgres"
    database = PostgresServer(durable=True)
    stack.callback(database.close)
    url = database.url(database.new_database())
    store = Store.connect(url, data_dir=data)
    try:
        await register(store, bench.sizes.clients)
    finally:
        await store.close()
    return await _on_mosquitto(stack, bench, "postgres", data, url)


async def _on_mosquitto(
    stack: AsyncExitStack, bench: Bench, key: str, data: Path, database: str | None = None
) -> Contender:
    names = _names(bench)
    broker = await mosquitto(stack, bench.folder / f"mosquitto-{key}", names)
    server = await thingjobs(stack, data, broker=broker, database=database)
    await _create_jobs(bench, server)
    passwords = {name: secret(name) for name in names}
    devices = await _devices(stack, bench, broker.port, passwords, DEFAULT_ROOT)
    pids = {"broker": broker.pid, "server": server.child.pid}
    return Contender(key, *OVER_MOSQUITTO[key], devices, pids, server)


async def _create_jobs(bench: Bench, server: Server) -> None:
    for job in _jobs(bench):
        body = {
            "jobId": job,
            "targets": _names(bench),
            "targetSelection": "SNAPSHOT",
            "document": {"operation": "echo"},
            "description": "bench",
        }
        await server.call("POST", "/jobs", body)
