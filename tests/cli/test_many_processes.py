"""compose.yaml as plain processes on real PostgreSQL and Mosquitto, while a dispatcher is killed."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from composed import LOOK, PATIENCE, ROOT, Composed, readiness
from mosquitto_server import BINARY, HINT, PASSWD
from ports import free_port
from postgres_server import PostgresServer

from cli.rest import Rest

FLEET = 50
DISPATCHERS = ("dispatcher-1", "dispatcher-2")


class Site:
    """All services but the databases' own, which are here under other names."""

    def __init__(self, folder: Path, postgres: PostgresServer) -> None:
        kept = ("mosquitto", "api-1", "api-2", "dispatcher-1", "dispatcher-2", "scheduler")
        self.ports = {name: free_port() for name in kept}
        names = {
            "postgres:5432": f"127.0.0.1:{postgres.port}",
            "mosquitto": "127.0.0.1",
            "0.0.0.0": "127.0.0.1",
            "http://api-1:8080": self.url("api-1"),
            "8081": "0",
        }
        self.composed = Composed(ROOT / "compose.yaml", folder, names)
        postgres.admin("CREATE ROLE thingjobs LOGIN")
        postgres.admin("CREATE DATABASE thingjobs OWNER thingjobs TEMPLATE template0")

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"

    def start(self, name: str) -> None:
        which = "THINGJOBS_HTTP_PORT" if name.startswith("api") else "THINGJOBS_HEALTH_PORT"
        broker = {"THINGJOBS_BROKER_PORT": str(self.ports["mosquitto"])}
        self.composed.start(name, **{which: str(self.ports[name])}, **broker)

    def until_ready(self, name: str) -> dict:
        return self.composed.until_ready(name, self.url(name))

    def start_broker(self) -> None:
        """Start Mosquitto on what the file's own service has made of the shipped configuration."""
        config = self.composed.folder / "broker" / "config" / "mosquitto.conf"
        lines = config.read_text()
        assert "\nlistener 1883\n" in lines
        lines = lines.replace("\nlistener 1883\n", f"\nlistener {self.ports['mosquitto']} 127.0.0.1\n")
        config.write_text(lines + ("user root\n" if os.getuid() == 0 else ""))
        self.composed.start("mosquitto")

    def operator(self, name: str) -> Rest:
        return Rest(self.url(name), self.composed.folder / "keys" / "api-key")


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory,
    postgres_server: PostgresServer,
    requirement: Callable[..., None],
) -> Iterator[Site]:
    """All of them at work, for both stories; in the end they stop as they should."""
    requirement("mosquitto with mosquitto_passwd", BINARY and PASSWD, HINT)
    site = Site(tmp_path_factory.mktemp("many"), postgres_server)
    try:
        begin(site)
        yield site
        for name in ("fleet", *DISPATCHERS, "scheduler", "api-2", "api-1"):
            assert site.composed.stop(name) == 0, site.composed.log(name)
    finally:
        site.composed.close()
        postgres_server.drop("thingjobs")
        postgres_server.admin("DROP ROLE thingjobs")


@pytest.mark.timeout(600)
def test_a_job_ends_though_a_dispatcher_is_killed(site: Site) -> None:
    active, standby = roles(site)
    create(site, "j")
    until(site, "j", lambda found: found["numberOfInProgressThings"] + found["numberOfSucceededThings"])
    site.composed.kill(active)
    until(site, "j", lambda found: found["numberOfSucceededThings"] == FLEET)
    assert site.operator("api-2").call("GET", "/jobs/j")["job"]["status"] == "COMPLETED"
    assert site.until_ready(standby)["active"]
    site.start(active)
    assert not site.until_ready(active)["active"]


@pytest.mark.timeout(600)
def test_a_dispatcher_that_stood_still_stands_by_when_it_wakes_up(site: Site) -> None:
    active, standby = roles(site)
    before = sessions(site)
    create(site, "k")
    until(site, "k", lambda found: found["numberOfInProgressThings"] + found["numberOfSucceededThings"])
    site.composed.signal(active, signal.SIGSTOP)
    until(site, "k", lambda found: found["numberOfSucceededThings"] == FLEET)
    site.composed.signal(active, signal.SIGCONT)
    assert not site.until_ready(active)["active"]
    create(site, "l")
    until(site, "l", lambda found: found["numberOfSucceededThings"] == FLEET)
    assert readiness(site.url(standby))["active"]
    assert sessions(site) == before + 1, "neither took the session from the other again"


def roles(site: Site) -> tuple[str, str]:
    """Return the dispatcher that is at work and the one that stands by."""
    active = [name for name in DISPATCHERS if readiness(site.url(name))["active"]]
    assert len(active) == 1
    return active[0], next(name for name in DISPATCHERS if name not in active)


def sessions(site: Site) -> int:
    """Return how often a dispatcher has connected."""
    return sum("as thingjobs.disp" in line for line in site.composed.log("mosquitto").splitlines())


def begin(site: Site) -> None:
    """Bring all up in the order of the file; the first dispatcher is at work."""
    for name in ("key", "database-password", "dispatcher-password", "upgrade"):
        site.composed.run(name)
    for name in ("api-1", "api-2", "scheduler"):
        site.start(name)
    for name in ("api-1", "api-2", "scheduler"):
        site.until_ready(name)
    for name in ("tokens", "broker-files"):
        site.composed.run(name)
    site.start_broker()
    for name in DISPATCHERS:
        site.start(name)
        site.until_ready(name)
    assert roles(site) == DISPATCHERS
    site.composed.start("fleet", f"--port={site.ports['mosquitto']}")


def create(site: Site, job_id: str) -> None:
    things = [f"sim-{number:04}" for number in range(1, FLEET + 1)]
    document = {"operation": "echo"}
    job = {"jobId": job_id, "targets": things, "targetSelection": "SNAPSHOT", "document": document}
    site.operator("api-1").call("POST", "/jobs", job)


def until(site: Site, job_id: str, holds: Callable[[dict], object]) -> None:
    """Ask the API that did not take the job until its counts are as wished."""
    deadline = time.monotonic() + PATIENCE
    ask = site.operator("api-2")
    while not holds(found := ask.call("GET", f"/jobs/{job_id}")["job"]["jobProcessDetails"]):
        assert time.monotonic() < deadline, found
        time.sleep(LOOK)
