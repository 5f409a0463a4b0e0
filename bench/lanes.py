"""Lanes: one execution each, whose next update is sent when the last one has been answered."""

import time
from array import array
from collections import deque

from bench.load import Client, Load

#: What a device says of its progress; with topic and token a packet of some 300 bytes.
_PAYLOAD = (
    b'{"status":"IN_PROGRESS","expectedVersion":%d,"clientToken":"%s","statusDetails":{"action":"install",'
    b'"progress":"%d","package":"firmware-2026.11","step":"write partition","speed":"1250 KiB/s"}}'
)


#: How long it waits for any answer, in seconds, when something is due and every lane is taken.
FULL = 0.005


class Lane:
    """One execution of one thing."""

    __slots__ = ("accepted", "base", "client", "head", "name", "sent_at", "token", "version")

    def __init__(self, client: Client, topic: bytes, number: int, name: bytes):
        self.client = client
        self.name = name
        self.head = len(topic).to_bytes(2) + topic
        self.base = 2 * number + 1
        self.version = 1
        self.accepted = 0
        self.token = b""
        self.sent_at = 0.0

    def send(self) -> None:
        version = self.version
        self.token = b"%s-%d" % (self.name, version)
        payload = _PAYLOAD % (version, self.token, version % 101)
        length = len(self.head) + 2 + len(payload)
        # Two numbers in turn: an answer may come before the PUBACK of its request.
        number = self.base + (version & 1)
        self.client.out += (
            bytes((0x32, length & 0x7F | 0x80, length >> 7)),
            self.head,
            number.to_bytes(2),
            payload,
        )
        self.sent_at = time.perf_counter()


class Lanes:
    """All lanes of one load; ``drive`` lets them run for a while."""

    def __init__(self, load: Load, root: str, jobs: list[str]):
        self._load = load
        self._accepted: dict[bytes, Lane] = {}
        self._rejected: dict[bytes, Lane] = {}
        self._latencies = array("d")
        self._faults: list[str] = []
        self._open = 0
        #: Those with nothing on its way; who has waited longest goes first.
        self._free: deque[Lane] = deque()
        self._goes_on = False
        load.heard = self._heard
        for client in load.clients:
            for number, job in enumerate(jobs):
                topic = f"{root}/{client.name}/jobs/{job}/update".encode()
                lane = Lane(client, topic, number, f"{client.name}.{job}".encode())
                self._accepted[topic + b"/accepted"] = lane
                self._rejected[topic + b"/rejected"] = lane
                self._free.append(lane)

    def drive(
        self,
        seconds: float,
        warm: float,
        patience: float = 20.0,
        *,
        window: int | None = None,
        pace: float | None = None,
    ) -> dict[str, object]:
        """Run lanes; what is answered within ``seconds`` after ``warm`` counts. Ends with none open.

        With as many updates on their way as there are lanes, or as ``window`` says: an answer sends the next.
        Or with ``pace`` of them a second, answers or not; each is as old as the time at which it was due.
        """
        before = sum(lane.accepted for lane in self._accepted.values())
        began = time.perf_counter()
        self._goes_on = pace is None
        if pace is None:
            for _ in range(min(window or len(self._free), len(self._free))):
                self._send_next()
            for client in self._load.clients:
                if client.out:
                    self._load.flush(client)
        run = self._turn_until if pace is None else Pace(self, self._load, pace, began).run_until
        run(began + warm)
        self._latencies = array("d")
        counted_from, cpu_from = time.perf_counter(), time.process_time()
        run(began + warm + seconds)
        counted, latencies = time.perf_counter() - counted_from, self._latencies
        cpu = time.process_time() - cpu_from
        self._goes_on = False
        deadline = time.perf_counter() + patience
        while self._open and not self._faults and time.perf_counter() < deadline:
            self._load.turn(0.1)
        ranked = sorted(latencies)
        return {
            "rate": len(ranked) / counted,
            "p50_ms": 1000 * ranked[len(ranked) // 2] if ranked else None,
            "p99_ms": 1000 * ranked[len(ranked) * 99 // 100] if ranked else None,
            "load_cpu": cpu / counted,
            "answered": sum(lane.accepted for lane in self._accepted.values()) - before,
            "unanswered": self._open,
            "faults": [*self._faults, *self._load.lost][:3],
        }

    def begin(self, window: int, patience: float = 120.0) -> dict[str, object]:
        """Have every lane answered once: the first update of an execution begins it, which costs more."""
        waiting, self._goes_on = len(self._free), False
        deadline = time.perf_counter() + patience
        while (waiting or self._open) and not self._faults and time.perf_counter() < deadline:
            while waiting and self._open < window:
                self._load.flush(self._send_next().client)
                waiting -= 1
            self._load.turn(0.1)
        return {"unanswered": waiting + self._open, "faults": [*self._faults, *self._load.lost][:3]}

    def accepted(self) -> dict[str, int]:
        """Return by lane how many updates were accepted since the beginning, of those that were used."""
        return {lane.name.decode(): lane.accepted for lane in self._accepted.values() if lane.accepted}

    def send_due(self, at: float) -> Client | None:
        """Send one that was due at this time, if a lane is free; return whose it is."""
        if not self._free:
            return None
        lane = self._send_next()
        lane.sent_at = at
        return lane.client

    def _send_next(self) -> Lane:
        lane = self._free.popleft()
        lane.send()
        self._open += 1
        return lane

    def _turn_until(self, deadline: float) -> None:
        while (left := deadline - time.perf_counter()) > 0 and not self._load.lost:
            self._load.turn(left)

    def _heard(self, client: Client, topic: bytes, buffer: bytes, start: int, end: int) -> None:
        lane = self._accepted.get(topic)
        if lane is None:
            lane = self._rejected.get(topic)
            if lane is not None:
                self._faults.append(f"rejected: {buffer[start:end].decode()}")
            return
        if buffer.find(lane.token, start, end) < 0:
            self._faults.append(f"an answer to something else: {buffer[start:end].decode()}")
            return
        self._latencies.append(time.perf_counter() - lane.sent_at)
        lane.accepted += 1
        lane.version += 1
        self._open -= 1
        self._free.append(lane)
        if self._goes_on:
            following = self._send_next().client
            if following is not client:
                self._load.flush(following)


class Pace:
    """Sends so many a second, whatever becomes of them: who asks does not wait for others' answers."""

    def __init__(self, lanes: Lanes, load: Load, rate: float, began: float):
        self._lanes = lanes
        self._load = load
        self._pause = 1 / rate
        self._due = began

    def run_until(self, deadline: float) -> None:
        """Send what is due and hear what comes; what finds no free lane waits, and its clock runs."""
        while (now := time.perf_counter()) < deadline and not self._load.lost:
            touched: set[Client] = set()
            while self._due <= now and (client := self._lanes.send_due(self._due)) is not None:
                touched.add(client)
                self._due += self._pause
            for client in touched:
                self._load.flush(client)
            pause = min(self._due, deadline) - time.perf_counter()
            self._load.turn(pause if pause > 0 else FULL)
