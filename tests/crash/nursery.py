"""Bears servers by the dozen: a process that has imported all there is forks ``thingjobs`` again and again.

Starting Python and importing take ten times as long as starting the server, and a sweep starts hundreds.
Each child is a server process of its own, by the same command line as from the console script. Speaks JSON
over the socket it was given: ``{"run": [word, ...], "held": false}`` with a descriptor for the output
gives ``{"pid": n}``, and a child that is held waits for SIGCONT; ``{"wait": pid}`` gives ``{"code": n}``,
negative for a signal.
"""

import ctypes
import gc
import json
import os
import signal
import socket
import sys
import traceback
from typing import NoReturn

import cli.processes
import cli.server
import cli.settings
from cli.main import app

PR_SET_PDEATHSIG, PR_SET_PTRACER = 1, 0x59616D61
ANYBODY = ctypes.c_ulong(-1)

assert cli.processes, (cli.server, cli.settings)  # imported for their weight


def become(arguments: list[str], output: int, *, held: bool) -> NoReturn:
    code = 1
    try:
        libc = ctypes.CDLL(None)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        libc.prctl(PR_SET_PTRACER, ANYBODY)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.closerange(3, 64)
        if held:
            os.kill(os.getpid(), signal.SIGSTOP)
        app(arguments, prog_name="thingjobs")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - a child must never return into the loop below
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def main(door: socket.socket) -> None:
    gc.freeze()
    door.send(b'{"ready": true}')
    while True:
        message, handles, _, _ = socket.recv_fds(door, 65536, 1)
        if not message:
            return
        asked = json.loads(message)
        if "run" in asked:
            child = os.fork()
            if child == 0:
                become(asked["run"], handles[0], held=asked["held"])
            os.close(handles[0])
            answer = {"pid": child}
        else:
            _, status = os.waitpid(asked["wait"], 0)
            answer = {"code": os.waitstatus_to_exitcode(status)}
        door.send(json.dumps(answer).encode())


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
