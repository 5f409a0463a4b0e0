"""A small fleet for the tests of jobs: things and groups in the store, devices on boto3, a clock to set."""

import itertools
from dataclasses import dataclass, field
from typing import Any

from asking import body
from aws_site import Site, arn

from storage import agenda, departures, groups, things, turns
from storage.policy import Policy

_numbers = itertools.count(1)
DOCUMENT = '{ "op": "update", "µ": [1.50] }'


def tick(connection, *, at) -> None:
    """Do what the clock does at a moment, until nothing is due."""
    while due := departures.due(connection):
        for departure in due:
            departures.go_on(connection, departure, at=at)
    while items := agenda.due(connection, at=at):
        turns.work_off(connection, items, policy=Policy(), enough=lambda: False, at=at)


@dataclass
class Fleet:
    """Names that no other test of the module has, and what they stand for."""

    site: Site
    number: int = field(default_factory=lambda: next(_numbers))

    @property
    def iot(self) -> Any:
        return self.site.iot

    def do(self, verb, *args, **more):
        return self.site.door.run(self.site.door.store.write(verb, *args, **more, at=self.site.door.at))

    def name(self, word: str) -> str:
        return f"{word}-{self.number}"

    def things(self, *words: str) -> list[str]:
        """Register things; return their ARNs."""
        for word in words:
            self.do(things.create, self.name(word))
        return [arn(f"thing/{self.name(word)}") for word in words]

    def group(self, word: str, *members: str, parent: str | None = None) -> str:
        """Make a group of things that are there; return its ARN."""
        above = None if parent is None else self.name(parent)
        self.do(groups.create, self.name(word), parent_name=above)
        self.join(word, *members)
        return arn(f"thinggroup/{self.name(word)}")

    def join(self, word: str, *members: str) -> None:
        if members:
            names = [self.name(member) for member in members]
            self.do(groups.add, self.name(word), names, policy=Policy())
            self.tick()

    def leave(self, word: str, *members: str) -> None:
        self.do(groups.remove, self.name(word), [self.name(member) for member in members])
        self.tick()

    def job(self, word: str, *targets: str, **more: Any) -> str:
        """Create a job; return its id."""
        said = {"jobId": self.name(word), "targets": list(targets), "document": DOCUMENT, **more}
        self.iot.create_job(**said)
        return said["jobId"]

    def described(self, job: str) -> dict[str, Any]:
        return self.iot.describe_job(jobId=job)["job"]

    def counts(self, job: str) -> dict[str, int]:
        """Return how many things stand where, those places with none left out."""
        details = self.described(job)["jobProcessDetails"]
        return {
            name.removeprefix("numberOf").removesuffix("Things"): count
            for name, count in details.items()
            if name != "processingTargets" and count
        }

    def execution(self, job: str, word: str, **more: Any) -> dict[str, Any]:
        found = self.iot.describe_job_execution(jobId=job, thingName=self.name(word), **more)
        return body(found)["execution"]

    def report(self, job: str, word: str, status: str, **more: Any) -> None:
        """Let a device say how it stands with a job."""
        self.site.jobs_data.update_job_execution(jobId=job, thingName=self.name(word), status=status, **more)

    def tick(self, **later: float) -> None:
        self.site.door.later(**later)
        self.do(tick)
