"""A real Mosquitto with the shipped configuration, on a free port, in a directory of its own."""

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from ports import free_port

SHIPPED = Path(__file__).parents[2] / "deploy" / "mosquitto"
PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
BINARY = shutil.which("mosquitto", path=PATH)
PASSWD = shutil.which("mosquitto_passwd", path=PATH)
HINT = "apt-get install mosquitto"

DISPATCHER = "thingjobs.dispatcher"
MONITOR = "thingjobs.monitor"


def shipped_acl() -> str:
    return (SHIPPED / "acl").read_text()


def secret(user: str) -> str:
    return f"secret-of-{user}"


class MosquittoServer:
    """Start, stop, kill and restart one broker; the port and what it stored stay the same over restarts."""

    def __init__(
        self,
        directory: Path,
        *,
        users: Iterable[str] = (),
        settings: Mapping[str, str] | None = None,
        acl: str | None = None,
        authority: Path | None = None,
        more: str = "",
    ) -> None:
        """With ``authority``, the folder of one, it also listens for certificates, on ``secure_port``.

        A setting that is empty is left out. ``more`` is added to the configuration, with its own paths.
        """
        self.port = free_port()
        self.secure_port = None if authority is None else free_port()
        self._directory = directory
        self._process: asyncio.subprocess.Process | None = None
        (directory / "data").mkdir(parents=True, exist_ok=True)
        self._config = self._directory / "mosquitto.conf"
        self._config.write_text(self._configuration(settings or {}))
        (directory / "acl").write_text(acl or shipped_acl())
        (directory / "acl").chmod(0o600)
        self._write_passwords([DISPATCHER, MONITOR, *users])
        if authority is not None:
            self._certificates(authority)
        with self._config.open("a") as config:
            config.write(more.replace("/mosquitto/data", str(directory / "data")))

    @property
    def data(self) -> Path:
        return self._directory / "data" / "mosquitto.db"

    async def start(self) -> None:
        """Return once it takes connections."""
        with (self._directory / "mosquitto.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                str(BINARY), "-c", str(self._config), stderr=log, stdout=log
            )
        async with asyncio.timeout(20):
            while not await self._answers():
                if self._process.returncode is not None:
                    raise RuntimeError(f"mosquitto did not start:\n{self.log()}")
                await asyncio.sleep(0.02)

    async def stop(self) -> None:
        """End it the polite way: it writes what it holds."""
        await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        """End it as a crash would: what it held in memory is gone."""
        await self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Let it hang: connections stay open and nothing is answered."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def forget(self) -> None:
        """Remove what it has stored (while it is down): the next start knows no session."""
        self.data.unlink(missing_ok=True)

    def log(self) -> str:
        return (self._directory / "mosquitto.log").read_text()

    def _signal(self, which: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(which)

    async def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.send_signal(how)
        async with asyncio.timeout(20):
            await process.wait()

    async def _answers(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        return True

    def _configuration(self, settings: Mapping[str, str]) -> str:
        """Return the shipped lines with only the port, the paths and the asked-for settings changed."""
        changes = {"listener": f"{self.port} 127.0.0.1", **settings}
        lines = []
        for line in (SHIPPED / "mosquitto.conf").read_text().splitlines():
            key = line.split(" ", 1)[0]
            value = changes.pop(key, None)
            lines += [line] if value is None else [f"{key} {value}"] if value else []
        lines += [f"{key} {value}" for key, value in changes.items()]
        if os.getuid() == 0:
            lines.append("user root")
        text = "\n".join(lines) + "\n"
        return text.replace("/mosquitto/config", str(self._directory)).replace(
            "/mosquitto/data", str(self._directory / "data")
        )

    def _certificates(self, authority: Path) -> None:
        for name in ("ca.pem", "server.pem", "server.key"):
            shutil.copy(authority / name, self._directory)
        shipped = (SHIPPED / "certificates.conf").read_text()
        lines = shipped.replace("listener 8883", f"listener {self.secure_port} 127.0.0.1")
        with self._config.open("a") as config:
            config.write(lines.replace("/mosquitto/config", str(self._directory)))

    def _write_passwords(self, users: Iterable[str]) -> None:
        passwords = self._directory / "passwords"
        passwords.write_text("".join(f"{user}:{secret(user)}\n" for user in users))
        passwords.chmod(0o600)
        subprocess.run([str(PASSWD), "-U", str(passwords)], check=True, capture_output=True)
