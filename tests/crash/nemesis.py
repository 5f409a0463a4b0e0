"""Ends, freezes or cuts off whatever there is, one after the other, and sets it right again."""

import asyncio
import random
import signal
from collections import defaultdict
from collections.abc import Awaitable, Callable

from crowd import Crowd
from many import Many, Part

#: Longer than a lease, and longer than anybody's patience with a server that says nothing.
LEASE, PATIENCE = 11.0, 5.0

Strike = Callable[[], Awaitable[None]]


async def striking(many: Many, crowd: Crowd, chance: random.Random, seconds: float) -> None:
    """Let something fail every few seconds, most of it at once; all is well again when this returns.

    It says what has happened, and how long it took from when all was there again to the next answer.
    """
    nemesis = Nemesis(many, crowd, chance)
    end = asyncio.get_running_loop().time() + seconds
    async with asyncio.TaskGroup() as tasks:
        while asyncio.get_running_loop().time() < end:
            await asyncio.sleep(chance.uniform(1, 4))
            tasks.create_task(nemesis.strike())
    for name, waits in sorted(nemesis.waits.items()):
        print(f"{name}: {len(waits)} times, answers again after at most {max(waits):.1f} s")


class Nemesis:
    """Each ``strike`` has somebody fail who does not do so already."""

    def __init__(self, many: Many, crowd: Crowd, chance: random.Random) -> None:
        self.waits: dict[str, list[float]] = defaultdict(list)
        self._many, self._crowd, self._chance = many, crowd, chance
        self._failing: set[object] = set()

    async def strike(self) -> None:
        parts, broker, server, wire = self._many.parts, *self._others()
        whole = [each for each in (*parts, *parts, broker, server, wire) if each not in self._failing]
        victim = self._chance.choice(whole)
        self._failing.add(victim)
        name, strike = self._chance.choice(self._strikes(victim))
        await strike()
        self._failing.discard(victim)
        began = asyncio.get_running_loop().time()
        await self._crowd.answered(1)
        self.waits[name].append(asyncio.get_running_loop().time() - began)

    def _others(self) -> tuple[object, object, object]:
        return self._many.broker, self._many.database.server, self._many.wire

    def _strikes(self, victim: object) -> tuple[tuple[str, Strike], ...]:
        """Return what may happen to it, the likely several times."""
        broker, server, wire = self._many.broker, self._many.database.server, self._many.wire
        if victim is broker:
            killed = ("mosquitto is killed", self._then(broker.kill, broker.start))
            stopped = ("mosquitto is restarted", self._then(broker.stop, broker.start))
            return killed, stopped, ("mosquitto is frozen", self._frozen(broker.pause, broker.resume))
        if victim is server:
            crashed = ("postgres crashes", self._then(*map(_threaded, (server.stop, server.start))))
            return crashed, ("postgres is frozen", self._frozen(server.freeze, server.thaw))
        if victim is wire:
            return (("postgres is cut off", self._then(wire.cut, wire.mend)),)
        assert isinstance(victim, Part)
        killed = (f"{victim.command} is killed", self._then(lambda: _down(victim, signal.SIGKILL), victim.up))
        stopped = (
            f"{victim.command} is stopped",
            self._then(lambda: _down(victim, signal.SIGTERM), victim.up),
        )
        still = (f"{victim.command} stands still", self._still(victim))
        return killed, killed, killed, killed, stopped, still

    def _then(self, fail: Strike, mend: Strike) -> Strike:
        pause = self._chance.random()

        async def strike() -> None:
            await fail()
            await asyncio.sleep(pause)
            await mend()

        return strike

    def _frozen(self, freeze: Callable[[], None], thaw: Callable[[], None]) -> Strike:
        async def strike() -> None:
            freeze()
            try:
                await asyncio.sleep(PATIENCE)
            finally:
                thaw()

        return strike

    def _still(self, part: Part) -> Strike:
        """Have a process stand still until another one has its duty."""

        async def strike() -> None:
            part.signal(signal.SIGSTOP)
            try:
                await asyncio.sleep(LEASE)
            finally:
                part.signal(signal.SIGCONT)

        return strike


async def _down(part: Part, how: signal.Signals) -> None:
    code = await part.down(how)
    assert code == (0 if how is signal.SIGTERM else -how), "".join(part.said)


def _threaded(call: Callable[[], None]) -> Strike:
    return lambda: asyncio.to_thread(call)
