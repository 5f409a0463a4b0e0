"""A caller of the REST API as a process: times requests on one kept connection, as told on stdin."""

import http.client
import json
import select
import sys
import time
from itertools import count
from typing import Any


class Caller:
    """One HTTP connection that is used again."""

    def __init__(self, host: str, port: int):
        self._http = http.client.HTTPConnection(host, port, timeout=30)

    def get(self, path: str) -> tuple[float, int, bytes]:
        """Return the milliseconds, the status and the body."""
        return self.call("GET", path)

    def call(self, method: str, path: str, body: str | None = None) -> tuple[float, int, bytes]:
        """Return the same of a call with a body of JSON."""
        headers = {} if body is None else {"Content-Type": "application/json"}
        began = time.perf_counter()
        self._http.request(method, path, body, headers)
        answer = self._http.getresponse()
        said = answer.read()
        return 1000 * (time.perf_counter() - began), answer.status, said

    def watch(self, *, calls: list[list[str | None]], pause: float) -> dict[str, Any]:
        """Make these calls in turn until another line comes on stdin; return what they took, by name.

        Each is a name, a method, a path and a body; ``#`` in those stands for the number of the turn.
        """
        print(json.dumps({}), flush=True)
        times: dict[str, list[float]] = {str(name): [] for name, *_ in calls}
        faults: list[str] = []
        for turn in count(1):
            for name, *call in calls:
                took, status, said = self.call(*(part and part.replace("#", str(turn)) for part in call))
                times[str(name)].append(took)
                # What is asked for may not be there yet.
                if status >= 300 and status != 404:
                    faults.append(f"{name}: {status} {said[:200].decode()}")
            if select.select([sys.stdin], [], [], pause)[0]:
                break
        sys.stdin.readline()
        return {"ms": times, "faults": faults[:3]}

    def times(self, *, paths: list[str]) -> dict[str, Any]:
        """Ask for each once; a status other than 200 is an error."""
        took = []
        for path in paths:
            ms, status, body = self.get(path)
            if status != 200:
                raise OSError(f"{path}: {status} {body[:200].decode()}")
            took.append(ms)
        return {"ms": took}


def main() -> None:
    caller = Caller(sys.argv[1], int(sys.argv[2]))
    # Unbuffered by line: `select` must see a line that has come.
    while line := sys.stdin.readline():
        request = json.loads(line)
        try:
            answer = getattr(caller, request.pop("do"))(**request)
        except OSError as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
