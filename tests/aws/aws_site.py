"""A server with keys for its AWS planes, and boto3 clients that sign with them."""

import http.client
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from http_door import Door, opened
from signing import botocore_clock, signed

from domain.roles import Role
from storage import access_keys

REGION = "us-east-1"
ACCOUNT = "123456789012"
#: One for all, with nothing of its own: each reads the models of the services anew, ten times a test's cost.
SESSION = boto3.session.Session()


def arn(resource: str) -> str:
    return f"arn:aws:iot:{REGION}:{ACCOUNT}:{resource}"


@dataclass(frozen=True)
class Keys:
    key_id: str
    secret: str


@dataclass
class Site:
    """``iot`` and ``jobs_data`` are boto3's clients; ``client`` makes another with other keys or settings."""

    door: Door
    keys: Keys

    @property
    def url(self) -> str:
        return f"http://{self.door.host}:{self.door.port}"

    def client(self, service: str, *, keys: Keys | None = None, url: str | None = None, **config: Any) -> Any:
        signing = keys or self.keys
        plane = {"iot": "/aws/iot", "iot-jobs-data": "/aws/iot-jobs-data"}[service]
        return SESSION.client(
            service,
            endpoint_url=url or self.url + plane,
            region_name=REGION,
            aws_access_key_id=signing.key_id,
            aws_secret_access_key=signing.secret,
            config=Config(**{"retries": {"total_max_attempts": 1}, **config}),
        )

    @cached_property
    def iot(self) -> Any:
        return self.client("iot")

    @cached_property
    def jobs_data(self) -> Any:
        return self.client("iot-jobs-data")

    def things(self, *names: str) -> list[str]:
        """Register things; return their ARNs."""
        for name in names:
            self.iot.create_thing(thingName=name)
        return [arn(f"thing/{name}") for name in names]

    def new_keys(self, role: Role, **more: Any) -> Keys:
        return issued(self.door, role, **more)

    def exchange(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        keys: Keys | None = None,
        service: str | None = None,
    ) -> tuple[int, dict[str, str], bytes]:
        """Send a request that no client would make, signed all the same; header names come in lower case."""
        used, body = keys or self.keys, body or b""
        plane = "iot-jobs-data" if path.startswith("/aws/iot-jobs-data") else "iot"
        request = signed(
            f"{self.url}{path}",
            method=method,
            body=body,
            headers=(headers or {}).items(),
            at=self.door.at,
            keys=(used.key_id, used.secret),
            service=service or plane,
        )
        said = {name: value for name, value in request.headers if name != "Host"}
        return self.send(method, request.target, body, said)

    def send(
        self, method: str, target: str, body: bytes, headers: Mapping[str, str]
    ) -> tuple[int, dict[str, str], bytes]:
        """Send a request as it is."""
        connection = http.client.HTTPConnection(self.door.host, self.door.port, timeout=30)
        try:
            connection.request(method, target, body or None, dict(headers))
            answer = connection.getresponse()
            got = {name.lower(): value for name, value in answer.headers.items()}
            return answer.status, got, answer.read()
        finally:
            connection.close()

    def close(self) -> None:
        for name in ("iot", "jobs_data"):
            if name in self.__dict__:
                self.__dict__[name].close()


@contextmanager
def opened_site(data_dir: Path, **options: Any):
    """Open a server that checks every signature; clients sign by its clock."""
    with opened(data_dir, **options) as door, botocore_clock(lambda: door.at):
        site = Site(door, issued(door))
        try:
            yield site
        finally:
            site.close()


def issued(door: Door, role: Role = Role.ADMIN, **more: Any) -> Keys:
    issue = door.store.write(access_keys.create, door.store.vault, role, at=door.at, **more)
    found = door.run(issue)
    return Keys(found.key.key_id, found.secret)
