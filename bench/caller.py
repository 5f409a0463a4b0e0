"""A caller of the REST API as a process: times requests on one kept connection, as told on stdin."""

import http.client
import json
import select
import sys
import time
from typing import Any


class Caller:
    """One HTTP connection that is used again."""

    def __init__(self, host: str, port: int):
        self._http = http.client.HTTPConnection(host, port, timeout=30)

    def get(self, path: str) -> tuple[float, int, bytes]:
        """Return the milliseconds, the status and the body."""
        began = time.perf_counter()
        self._http.request("GET", path)
        answer = self._http.getresponse()
        body = answer.read()
        return 1000 * (time.perf_counter() - began), answer.status, body

    def watch(self, *, paths: list[str], pause: float) -> dict[str, Any]:
        """Ask for these in turn until another line comes on stdin; return what they took."""
        print(json.dumps({}), flush=True)
        times: dict[str, list[float]] = {path: [] for path in paths}
        faults: list[str] = []
        while True:
            for path in paths:
                took, status, _ = self.get(path)
                times[path].append(took)
                if status >= 500:
                    faults.append(f"{path}: {status}")
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
