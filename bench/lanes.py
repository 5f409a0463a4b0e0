"""Lanes: one execution each, whose next update is sent when the last one has been answered."""

import time
from array import array

from bench.load import Client, Load

#: What a device says of its progress; with topic and token a packet of some 300 bytes.
_PAYLOAD = (
    b'{"status":"IN_PROGRESS","expectedVersion":%d,"clientToken":"%s","statusDetails":{"action":"install",'
    b'"progress":"%d","package":"firmware-2026.11","step":"write partition","speed":"1250 KiB/s"}}'
)


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
        self._stops = False
        load.heard = self._heard
        for client in load.clients:
            for number, job in enumerate(jobs):
                topic = f"{root}/{client.name}/jobs/{job}/update".encode()
                lane = Lane(client, topic, number, f"{client.name}.{job}".encode())
                self._accepted[topic + b"/accepted"] = lane
                self._rejected[topic + b"/rejected"] = lane

    def drive(self, seconds: float, warm: float, patience: float = 20.0) -> dict[str, object]:
        """Run all lanes; what is answered within ``seconds`` after ``warm`` counts. Ends with none open."""
        self._stops = False
        before = sum(lane.accepted for lane in self._accepted.values())
        began = time.perf_counter()
        for lane in self._accepted.values():
            lane.send()
            self._open += 1
        for client in self._load.clients:
            self._load.flush(client)
        self._turn_until(began + warm)
        self._latencies = array("d")
        counted_from, cpu_from = time.perf_counter(), time.process_time()
        self._turn_until(began + warm + seconds)
        counted, latencies = time.perf_counter() - counted_from, self._latencies
        cpu = time.process_time() - cpu_from
        self._stops = True
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

    def accepted(self) -> dict[str, int]:
        """Return by lane how many updates were accepted since the beginning."""
        return {lane.name.decode(): lane.accepted for lane in self._accepted.values()}

    def _turn_until(self, deadline: float) -> None:
        while (left := deadline - time.perf_counter()) > 0 and not self._load.lost:
            self._load.turn(left)

    def _heard(self, client: Client, topic: bytes, buffer: bytes, start: int, end: int) -> None:
        del client
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
        if self._stops:
            self._open -= 1
        else:
            lane.send()
