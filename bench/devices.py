"""The load as a process: told on stdin what to do, a JSON object a line; answers on stdout the same way."""

import gc
import json
import sys
import time
from typing import Any

from bench.lanes import Lanes
from bench.load import Client, Load


class Devices:
    """Everything the measures ask of simulated devices."""

    def __init__(self) -> None:
        self._load: Load | None = None
        self._lanes: Lanes | None = None

    def connect(
        self, *, port: int, clients: dict[str, str | None], filters: list[str], window: int
    ) -> dict[str, Any]:
        """Connect these things; ``{}`` in a filter stands for the thing's name."""
        self._load = self._load or Load(port)
        made = [
            Client(name, password, tuple(each.format(name) for each in filters))
            for name, password in clients.items()
        ]
        cpu = time.process_time()
        seconds = self._load.connect(made, window=window)
        return {"seconds": seconds, "load_cpu": (time.process_time() - cpu) / seconds}

    def lanes(self, *, root: str, jobs: list[str]) -> dict[str, Any]:
        assert self._load is not None
        self._lanes = Lanes(self._load, root, jobs)
        return {}

    def drive(self, **how: Any) -> dict[str, Any]:
        assert self._lanes is not None
        return self._lanes.drive(**how)

    def begin(self, **how: Any) -> dict[str, Any]:
        assert self._lanes is not None
        return self._lanes.begin(**how)

    def accepted(self) -> dict[str, int]:
        assert self._lanes is not None
        return self._lanes.accepted()

    def hear(self, *, suffix: str, marker: str, patience: float) -> dict[str, Any]:
        """Wait until every client has heard a message with ``marker`` on a topic that ends so."""
        load = self._load
        assert load is not None
        times: dict[str, float] = {}
        ending, sign = suffix.encode(), marker.encode()

        def heard(client: Client, topic: bytes, buffer: bytes, start: int, end: int) -> None:
            if topic.endswith(ending) and buffer.find(sign, start, end) >= 0:
                times.setdefault(client.name, time.monotonic())

        load.heard = heard
        cpu, began = time.process_time(), time.monotonic()
        while len(times) < len(load.clients) and time.monotonic() < began + patience and not load.lost:
            load.turn(0.1)
        spent = time.monotonic() - began
        return {
            "heard": len(times),
            "first": min(times.values(), default=None),
            "last": max(times.values(), default=None),
            "load_cpu": (time.process_time() - cpu) / spent,
            "lost": load.lost[:3],
        }

    def ask(self, *, topic: str, payload: str, patience: float) -> dict[str, Any]:
        """Let one client after the other ask something; return how long each waited, in milliseconds."""
        load = self._load
        assert load is not None
        answered: list[float] = []
        load.heard = lambda _client, topic, *_: (
            answered.append(time.perf_counter()) if topic.endswith(b"/accepted") else None
        )
        waited = []
        for client in load.clients:
            head = topic.format(client.name).encode()
            body = len(head).to_bytes(2) + head + b"\0\1" + payload.encode()
            assert len(body) < 128
            answered.clear()
            began = time.perf_counter()
            client.out.append(b"\x32" + bytes((len(body),)) + body)
            load.flush(client)
            while not answered:
                load.turn(0.1)
                if load.lost or time.perf_counter() > began + patience:
                    raise TimeoutError(f"{client.name} got no answer {load.lost[:1]}")
            waited.append(1000 * (answered[0] - began))
        return {"ms": waited}


def main() -> None:
    devices = Devices()
    # Nothing here makes cycles; a collection would only add to the latencies it measures.
    gc.disable()
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = getattr(devices, request.pop("do"))(**request)
        except (OSError, TimeoutError) as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
