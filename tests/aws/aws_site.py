"""A server with keys for its AWS planes, and boto3 clients that sign with them."""

from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from http_door import Door, opened

REGION = "us-east-1"
ACCOUNT = "123456789012"


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
        return boto3.session.Session().client(
            service,
            endpoint_url=url or self.url + plane,
            region_name=REGION,
            aws_access_key_id=signing.key_id,
            aws_secret_access_key=signing.secret,
            config=Config(retries={"total_max_attempts": 1}, **config),
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

    def close(self) -> None:
        for name in ("iot", "jobs_data"):
            if name in self.__dict__:
                self.__dict__[name].close()


@contextmanager
def opened_site(data_dir: Path, **options: Any):
    with opened(data_dir, insecure=True, **options) as door:
        site = Site(door, Keys("AKIATEST", "secret"))
        try:
            yield site
        finally:
            site.close()
