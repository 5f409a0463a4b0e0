"""A process with our embedded broker and few file descriptors; tells its port on stdout."""

import asyncio
import resource
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from stands import PLAIN, Hardened


async def main() -> None:
    stand = Hardened(PLAIN)
    await stand.start()
    print(stand.port, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await stand.stack.aclose()


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[2])))
    asyncio.run(main())
