"""A file that tells a server process to stand on a database and a broker of the tests."""

from pathlib import Path

from mosquitto_server import DISPATCHER, MosquittoServer, secret
from sites import Site


def told(file: Path, site: Site, broker: MosquittoServer | None) -> str:
    """Write it, and return the flag that names it. Without a broker the server has its own."""
    settings: dict[str, object] = {}
    url = site.settings().get("database_url")
    if url is not None:
        settings["database_url"] = url.get_secret_value()
    if broker is not None:
        settings |= {
            "broker": "external",
            "broker_host": "127.0.0.1",
            "broker_port": broker.port,
            "broker_username": DISPATCHER,
            "broker_password": secret(DISPATCHER),
        }
    file.touch(0o600)
    file.write_text("".join(f"{name} = {value!r}\n" for name, value in settings.items()))
    return f"--config={file}"
