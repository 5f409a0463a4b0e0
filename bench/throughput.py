"""Measures a, b, c: bare echoes, versioned updates through the whole path, and their ratio, in turns."""

from collections.abc import Mapping
from contextlib import AsyncExitStack

from mosquitto_server import DISPATCHER, secret

from agent.fleet import thing_names
from bench.contenders import Contender, contend, lanes_of
from bench.footings import EMBEDDED, MOSQUITTO, POSTGRESQL, Footing
from bench.options import NO_MOSQUITTO, Bench
from bench.processes import Child
from bench.rows import Goal, Row, Skipped
from bench.seed import job_id
from bench.servers import mosquitto
from domain.topics import DEFAULT_ROOT

#: Stock amqtt loses what is published below ``$``.
PLAIN_ROOT = "things"

ECHOES = {
    "stock": "echo: stock amqtt, plain paho",
    "embedded": "echo: our embedded broker",
    "paho": "echo: Mosquitto, plain paho",
    "link": "echo: Mosquitto, our link",
}
OVER_MOSQUITTO = ("paho", "link")

#: Whose updates are held against which echo, and what is wanted of that.
RATIOS: list[tuple[str, Footing, str, Goal | None]] = [
    ("embedded updates / stock amqtt's own echo", EMBEDDED, "stock", Goal(">=", 2.0)),
    ("embedded updates / embedded echo", EMBEDDED, "embedded", None),
    ("Mosquitto + SQLite updates / echo of plain paho", MOSQUITTO, "paho", Goal(">=", 0.7)),
    ("Mosquitto + PostgreSQL updates / echo of plain paho", POSTGRESQL, "paho", Goal(">=", 0.7)),
    ("Mosquitto + SQLite updates / echo of our link", MOSQUITTO, "link", None),
    ("Mosquitto + PostgreSQL updates / echo of our link", POSTGRESQL, "link", None),
]
#: Each stands beside what it is compared with, so that what else the machine does hits them alike.
ORDER: list[str | Footing] = ["stock", EMBEDDED, "embedded", MOSQUITTO, "paho", POSTGRESQL, "link"]


async def measure(bench: Bench) -> list[Row | Skipped]:
    sizes = bench.sizes
    rows: list[Row | Skipped] = []
    async with AsyncExitStack() as stack:
        contenders: dict[str | Footing, Contender] = {}
        for key in ORDER:
            reason, (letter, what) = _missing(key, bench), _named(key)
            if reason is not None:
                rows.append(Skipped(letter, what, reason))
            elif isinstance(key, Footing):
                contenders[key] = await contend(stack, bench, key, letter, what)
            else:
                contenders[key] = await _echo(stack, bench, key, letter, what)
        for _ in range(sizes.rounds):
            for contender in contenders.values():
                await contender.drive(sizes.seconds, sizes.warm)
        for contender in sorted(contenders.values(), key=lambda each: each.letter):
            lost = "" if contender.stand is None else await contender.none_lost()
            rows.append(contender.row(notes=lost))
    return rows + ratios(contenders, bench)


def ratios(contenders: Mapping[str | Footing, Contender], bench: Bench) -> list[Row | Skipped]:
    """Return what the rates make of each other, round by round."""
    rows: list[Row | Skipped] = []
    for what, footing, echo, goal in RATIOS:
        if footing in contenders and echo in contenders:
            rows.append(_ratio(what, contenders[footing], contenders[echo], goal))
        else:
            reason = _missing(footing, bench) or _missing(echo, bench)
            rows.append(Skipped("c", what, reason or "not measured"))
    return rows


def _ratio(what: str, top: Contender, bottom: Contender, goal: Goal | None) -> Row:
    pairs = zip(top.rates, bottom.rates, strict=True)
    notes = ""
    if top.costs and bottom.costs:
        notes = f"by processor time of all but the load {bottom.serving / top.serving:.2f}"
        if "responder" in bottom.each and "broker" in top.each:
            notes += f", of who answers {bottom.each['responder'] / top.each['server']:.2f}"
    return Row(letter="c", what=what, unit="x", rounds=[a / b for a, b in pairs], goal=goal, notes=notes)


def _named(key: str | Footing) -> tuple[str, str]:
    return ("b", f"updates: {key}") if isinstance(key, Footing) else ("a", ECHOES[key])


def _missing(key: str | Footing, bench: Bench) -> str | None:
    if isinstance(key, Footing):
        return key.missing(bench)
    return NO_MOSQUITTO if key in OVER_MOSQUITTO and not bench.mosquitto else None


async def _echo(stack: AsyncExitStack, bench: Bench, kind: str, letter: str, what: str) -> Contender:
    """Start a broker, and something that answers at once and stores nothing."""
    names = thing_names("t", bench.sizes.clients)
    passwords: dict[str, str] | dict[str, None] = dict.fromkeys(names)
    root = DEFAULT_ROOT
    if kind == "embedded":
        answering, port = await _responder(stack, kind, 0, root)
        pids = {"broker": answering.pid}
    elif kind == "stock":
        root = PLAIN_ROOT
        broker = await Child.module(stack, "stock amqtt", "bench.stock_broker")
        port = (await broker.line())["port"]
        answering, _ = await _responder(stack, "paho", port, root)
        pids = {"broker": broker.pid, "responder": answering.pid}
    else:
        passwords = {name: secret(name) for name in names}
        there = await mosquitto(stack, bench.folder / f"mosquitto-{kind}", names)
        port = there.port
        answering, _ = await _responder(stack, kind, port, root, DISPATCHER, secret(DISPATCHER))
        pids = {"broker": there.pid, "responder": answering.pid}
    jobs = [job_id(number) for number in range(bench.sizes.lanes)]
    return Contender(letter, what, await lanes_of(stack, port, passwords, root, jobs), pids)


async def _responder(
    stack: AsyncExitStack, kind: str, port: int, root: str, *login: str
) -> tuple[Child, int]:
    child = await Child.module(stack, f"echo by {kind}", "bench.echo", kind, str(port), root, *login)
    return child, (await child.line())["port"]
