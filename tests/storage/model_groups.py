"""A small model of groups, and of what their members, deleted things and leavers still have.

It works in pieces as the store does: a piece is ``PIECE`` things that have no more than ``PIECE`` places
between them, and a delete or leave does ``AT_ONCE`` pieces itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from model import Device, Run, Work

PIECE, AT_ONCE = 2, 2


@dataclass(eq=False)
class Circle:
    """A group; one that is being deleted lies in no other and holds nobody."""

    key: int
    name: str
    parent: Circle | None
    members: set[int] = field(default_factory=set)
    deleting: bool = False

    @property
    def around(self) -> set[int]:
        return {self.key} | (set() if self.parent is None else {self.parent.key})


class Groups:
    """Who is in which group, and who is still being seen out."""

    def __init__(self) -> None:
        self.devices: dict[str, Device] = {}
        self.jobs: dict[str, Work] = {}
        self.runs: list[Run] = []
        self.circles: dict[str, Circle] = {}
        #: Deleted things that have something left.
        self.gone: list[Device] = []

    def everybody(self) -> list[Device]:
        return [*self.devices.values(), *self.gone]

    # --- looking ---

    def named(self, names: set[str]) -> set[int]:
        return {self.circles[name].key for name in names}

    def covers(self, job: Work, device: Device) -> bool:
        return device.key in job.things or any(
            circle.around & job.groups
            for circle in self.circles.values()
            if device.key in circle.members and not circle.deleting
        )

    def followers(self, circle: Circle) -> list[Work]:
        return [
            work
            for work in self.jobs.values()
            if work.continuous and work.status == "IN_PROGRESS" and work.groups & circle.around
        ]

    def held(self, device: Device) -> list[tuple[Work, Run | None]]:
        """What a thing has of continuous jobs; None: it waits."""
        jobs = [w for w in self.jobs.values() if w.continuous and w.status == "IN_PROGRESS"]
        runs = [(r.job, r) for r in self.runs if r.thing is device and r.pending and r.job in jobs]
        return [*runs, *((job, None) for job in jobs if device.key in job.waiting)]

    def by_key(self, keys: set[int]) -> list[Device]:
        return sorted((d for d in self.devices.values() if d.key in keys), key=lambda d: d.key)

    # --- seeing out ---

    def fitting(self, devices: list[Device]) -> tuple[list[Device], int]:
        """Return who makes up the next piece, and how much they have."""
        total = seen = 0
        for device in devices[:PIECE]:
            places = len(self.held(device))
            if total and total + places > PIECE:
                break
            total, seen = total + places, seen + 1
        return devices[:seen], total

    def on_the_spot(self, devices: list[Device]) -> tuple[list[Device], list[Device]]:
        """Return who is seen out by one call, and who is not."""
        rest, pieces = devices, 0
        while rest and pieces < AT_ONCE:
            seen, places = self.fitting(rest)
            rest = rest[len(seen) :]
            pieces += bool(places)
        return devices[: len(devices) - len(rest)], rest

    def see_out(self, devices: list[Device]) -> None:
        for device in devices:
            device.leaving = False
            for job, run in self.held(device):
                if not self.covers(job, device):
                    self.end(job, run, device)

    def end(self, job: Work, run: Run | None, device: Device) -> None:
        if run is None:
            job.waiting.discard(device.key)
        else:
            run.step("REMOVED")
        self.settle(job)

    def settle(self, job: Work) -> None:
        raise NotImplementedError

    def leave(self, circle: Circle, devices: list[Device]) -> None:
        left = self.by_key(circle.members & {device.key for device in devices})
        circle.members -= {device.key for device in left}
        seen, rest = self.on_the_spot(left)
        self.see_out(seen)
        for device in rest:
            device.leaving = True

    # --- pieces ---

    def departing(self) -> list[tuple[str, int]]:
        gone = sorted(device.key for device in self.gone)
        leaving = any(device.leaving for device in self.devices.values())
        deleting = sorted(circle.key for circle in self.circles.values() if circle.deleting)
        return [
            *(("thing", key) for key in gone),
            *([("leavers", 0)] if leaving else []),
            *(("group", key) for key in deleting),
        ]

    def depart(self, kind: str, key: int) -> bool:
        """Do one piece; return whether there may be more."""
        if kind == "thing":
            return self._thing(next(device for device in self.gone if device.key == key))
        if kind == "group":
            return self._group(next(circle for circle in self.circles.values() if circle.key == key))
        leavers = [d for d in sorted(self.devices.values(), key=lambda d: d.key) if d.leaving]
        self.see_out(self.fitting(leavers)[0])
        return bool(leavers)

    def at_once(self, kind: str, key: int) -> None:
        for _ in range(AT_ONCE):
            if not self.depart(kind, key):
                return

    def _thing(self, device: Device) -> bool:
        jobs = sorted((job for job in self.jobs.values() if device.key in job.waiting), key=lambda j: j.key)
        runs = sorted(
            (run for run in self.runs if run.thing is device and run.pending),
            key=lambda r: (r.queued_at, r.key),
        )
        ending = [*((job, None) for job in jobs), *((run.job, run) for run in runs)][:PIECE]
        for job, run in ending:
            self.end(job, run, device)
        if len(ending) < PIECE:
            self.gone.remove(device)
        return len(ending) == PIECE

    def _group(self, circle: Circle) -> bool:
        if not circle.members:
            del self.circles[circle.name]
            return False
        seen, _ = self.fitting(self.by_key(circle.members))
        self.see_out(seen)
        circle.members -= {device.key for device in seen}
        return True
