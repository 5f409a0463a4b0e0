"""Both brokers with a listener for passwords and one for certificates, as we ship them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from certified import papers
from site_under_test import Site
from whole import whole

from storage.authority import Authority

BROKERS = ("embedded", "mosquitto")


@asynccontextmanager
async def open_site(broker: str, directory: Path, *things: str) -> AsyncIterator[Site]:
    """Open a site with these things. Each has a certificate that names it, of the server's own authority."""
    shown, data = directory / "papers", directory / "data"
    if broker == "mosquitto":  # which has its certificate in files, and starts before the server
        at = datetime.now(UTC)
        Authority.open(data, at=at).for_server(["localhost"], at=at)
    async with whole(broker, directory, *things, authority=data / "authority") as running:
        for name in things:
            device = await papers(running.store, running.data_dir, shown / name, name)
        yield Site(running, device.authority, shown)
