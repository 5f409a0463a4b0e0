"""A content to put and fetch in the tests of artifacts, and a look at what lies on the disk."""

import hashlib
import threading
import time

FIRMWARE = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(FIRMWARE).hexdigest()


def put(door, name="app.bin", content=FIRMWARE, query="", **headers):
    return door("PUT", f"/artifacts/{name}{query}", raw=content, headers=headers)


def on_disk(door):
    folder = door.site.folder / "artifacts"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)
