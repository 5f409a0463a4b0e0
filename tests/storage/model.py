"""A small model of jobs on things, written from the contract and not from the code.

It works in pieces as the store does: a piece of a sweep is ``SWEEP`` executions, a piece of a release
``RELEASE`` things, and a cancel or delete does ``AT_ONCE`` pieces itself.
"""

from dataclasses import dataclass, field
from itertools import count

from model_groups import Groups

SWEEP, RELEASE, AT_ONCE, EVENTS = 1, 2, 4, 5
PENDING = {"QUEUED", "IN_PROGRESS"}
RING = 8


@dataclass
class Run:
    key: int
    job: "Work"
    thing: "Device"
    number: int
    queued_at: int
    status: str = "QUEUED"
    version: int = 1
    details: dict = field(default_factory=dict)
    job_timer: int | None = None
    step_timer: int | None = None
    forced: bool = False
    ring: list = field(default_factory=list)

    @property
    def pending(self) -> bool:
        return self.status in PENDING

    @property
    def deadline(self) -> int | None:
        return min((t for t in (self.job_timer, self.step_timer) if t is not None), default=None)

    def step(self, to: str) -> None:
        assert self.pending, "a terminal state is absorbing"
        self.status, self.version = to, self.version + 1
        self.job.events += 1
        if not self.pending:
            self.job_timer = self.step_timer = None

    def cancel(self, *, forced: bool) -> None:
        self.step("CANCELED")
        self.forced = self.forced or forced

    @property
    def hidden(self) -> bool:
        """Whether a cancel or delete has been said that has not come by yet."""
        sweep = self.job.sweep
        return sweep in ("DELETE", "FORCE_CANCEL") or (sweep == "CANCEL" and self.status == "QUEUED")


@dataclass
class Device:
    key: int
    name: str
    told: tuple = ((), None)
    leaving: bool = False


@dataclass
class Work:
    key: int
    name: str
    continuous: bool
    things: set
    groups: set
    minutes: int | None
    priority: int = 0
    exclusive: str | None = None
    status: str = "IN_PROGRESS"
    sweep: str = ""
    waiting: set = field(default_factory=set)
    events: int = 0


class Model(Groups):
    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.keys = count(1)

    # --- looking ---

    def of(self, job: Work, device: Device | None = None) -> list[Run]:
        return [r for r in self.runs if r.job is job and device in (None, r.thing)]

    def latest(self, job: str, thing: str) -> Run | None:
        if job not in self.jobs or thing not in self.devices:
            return None
        found = self.of(self.jobs[job], self.devices[thing])
        return max(found, key=lambda r: r.number, default=None)

    def visible(self, device: Device) -> list[Run]:
        found = [r for r in self.runs if r.thing is device and r.pending and not r.hidden]
        free = [r for r in found if r.status == "IN_PROGRESS" or not self.excluded(r)]
        return sorted(free, key=lambda r: (r.status == "QUEUED", -r.job.priority, r.queued_at, r.key))

    def excluded(self, run: Run) -> bool:
        """Whether another job of the same exclusive group is at work on the thing."""
        return run.job.exclusive is not None and any(
            r.job.exclusive == run.job.exclusive and r.status == "IN_PROGRESS" and not r.hidden
            for r in self.runs
            if r.thing is run.thing
        )

    # --- what happens by itself ---

    def settle(self, job: Work) -> None:
        done = not job.waiting and not any(r.pending for r in self.of(job))
        if done and not job.continuous and job.status == "IN_PROGRESS":
            job.status = "COMPLETED"

    def release(self, job: Work) -> None:
        for key in sorted(job.waiting)[:RELEASE]:
            device = next(d for d in self.everybody() if d.key == key)
            number = max((r.number for r in self.of(job, device)), default=0) + 1
            self.runs.append(Run(next(self.keys), job, device, number, self.now))
            job.waiting.discard(key)
            job.events += 1
        self.settle(job)

    def sweep(self, job: Work) -> bool:
        """Do one piece; return whether there may be more."""
        if job.sweep == "DELETE":
            return self._delete(job)
        wanted = ["QUEUED"] + ["IN_PROGRESS"] * (job.sweep == "FORCE_CANCEL")
        for status in wanted if job.sweep else ():
            for run in [r for r in self.of(job) if r.status == status][:SWEEP]:
                run.cancel(forced=job.sweep == "FORCE_CANCEL")
                return True
        job.sweep = ""
        return False

    def _delete(self, job: Work) -> bool:
        runs = self.of(job)
        if runs:
            self.runs.remove(runs[0])
        elif job.events:
            job.events = max(0, job.events - EVENTS)
        else:
            del self.jobs[job.name]
            return False
        return True

    def begin(self, job: Work, sweep: str) -> None:
        job.sweep = sweep
        job.waiting.clear()
        for _ in range(AT_ONCE):
            if not self.sweep(job):
                return

    def due(self, run: Run) -> bool:
        return run.status == "IN_PROGRESS" and run.deadline is not None and run.deadline <= self.now

    def tick(self) -> bool:
        """Do one piece of everything; return whether there was something."""
        busy = False
        for job in sorted(self.jobs.values(), key=lambda j: j.key):
            due = [r for r in self.of(job) if self.due(r)]
            busy = busy or bool(due or job.sweep or job.waiting)
            if job.sweep:
                self.sweep(job)
            for run in due:
                if run in self.runs and run.pending:
                    run.step("TIMED_OUT")
            if due:
                self.settle(job)
            # Time-outs go alone: what they change is looked at again.
            if job.status == "IN_PROGRESS" and job.waiting and not due:
                self.release(job)
        return busy

    # --- a device at the door ---

    def refresh(self, run: Run) -> None:
        """What is due already is done before a device gets its answer."""
        if self.due(run):
            run.step("TIMED_OUT")
        if run.pending and run.hidden:
            run.cancel(forced=run.job.sweep == "FORCE_CANCEL")

    def queue(self, device: Device) -> list[Run]:
        for run in self.visible(device):
            self.refresh(run)
        return self.visible(device)

    def start(self, run: Run, to: str, details: dict | None, minutes: int | None) -> None:
        first = run.status == "QUEUED"
        run.step(to)
        if details is not None:
            run.details = details
        if first and run.pending and run.job.minutes is not None:
            run.job_timer = self.now + run.job.minutes
        self.arm(run, minutes)

    def arm(self, run: Run, minutes: int | None) -> None:
        if minutes is not None and run.status == "IN_PROGRESS":
            run.step_timer = None if minutes == -1 else self.now + minutes

    def remember(self, run: Run, token: str, payload: str, state: object) -> None:
        run.ring = [*run.ring[-(RING - 1) :], (token, payload, run.version, state)]
