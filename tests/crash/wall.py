"""A wall clock that a test sets under a running server, by libfaketime; what measures time stays true."""

from pathlib import Path

HINT = "apt-get install faketime"


def library() -> Path | None:
    """Return where the library is that is loaded into the server."""
    return next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))), None)


class Wall:
    """Set by a file that every look at the clock reads."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._file = folder / "wall"
        self.set(0)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(library()),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    def set(self, seconds: int) -> None:
        """Let it say so many seconds more than this machine's; at once, and never half written."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        new.replace(self._file)
