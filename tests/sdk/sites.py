"""Both brokers with a listener for passwords and one for certificates."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from certified import papers
from mosquitto_server import free_port
from site_under_test import Site
from throwaway_ca import ThrowawayCa
from whole import whole


@asynccontextmanager
async def open_site(broker: str, directory: Path, *things: str) -> AsyncIterator[Site]:
    opening = _embedded if broker == "embedded" else _mosquitto
    async with opening(directory, *things) as site:
        yield site


@asynccontextmanager
async def _embedded(directory: Path, *things: str) -> AsyncIterator[Site]:
    folder = directory / "papers"
    async with whole("embedded", directory, *things) as running:
        for name in things:
            device = await papers(running.store, running.data_dir, folder / name, name)
        yield Site(running, running.secure_port, device.authority, folder)


@asynccontextmanager
async def _mosquitto(directory: Path, *things: str) -> AsyncIterator[Site]:
    """The CA is whoever's it is: Mosquitto takes the name in the certificate for the user."""
    ca, port = ThrowawayCa(directory / "ca"), free_port()
    for name in ("localhost", *things):
        ca.issue(name)
    listener = [
        f"listener {port} 127.0.0.1",
        f"cafile {ca.ca}",
        f"certfile {ca.folder}/localhost/certificate.pem",
        f"keyfile {ca.folder}/localhost/private.key",
        "require_certificate true",
        "use_identity_as_username true",
    ]
    async with whole("mosquitto", directory, *things, more=listener) as running:
        yield Site(running, port, ca.ca, ca.folder)
