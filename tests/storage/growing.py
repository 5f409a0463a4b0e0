"""A store in which there is so much of everything that a verb which reads too much takes too long."""

import json
from collections.abc import Callable
from typing import Any

from sites import Site
from sync_store import SyncStore, names

from storage import billing_groups, lifecycle, templates, thing_types, things, tokens


class Crowd(SyncStore):
    """A wide job, a job per ten things, a busy thing, groups, tokens; ``size`` of each."""

    def __init__(self, site: Site, size: int) -> None:
        super().__init__(site)
        self.size = size
        many = list(names("t", size))
        self.group("all", *many)
        self.group("few", "busy", "t7", "t8", "t9")
        self.create("wide", "thinggroup/all")
        self.finish_rollout("wide")
        self.create("following", "thinggroup/few", continuous=True)
        self.group("half", *many[: size // 2])
        self.create("ended", "thinggroup/half")
        for thing in many[: size // 2]:
            self.ask(thing, "ended/update", {"status": "SUCCEEDED"})
        for number in range(size // 10):
            space = "edge" if number < 15 else None
            document = json.dumps({"n": number})
            self.create(f"j{number}", f"other{number}", document=document, namespace_id=space)
            self.do(templates.create, template_id=f"x{number}", document="{}", description="", at=self.now)
            self.group(f"g{number}", f"other{number}")
        self.do(thing_types.create, "pump", at=self.now)
        self.do(billing_groups.create, "plant", at=self.now)
        for thing in many[10:25]:
            self.do(things.update, thing, thing_type="pump", at=self.now)
            self.do(billing_groups.put, thing, "plant")
        self.group("inside", parent="few")
        self.tell_all()
        self.token = self.do(tokens.issue, "t5", at=self.now)
        self.ask("t1", "wide/update", {"status": "IN_PROGRESS", "stepTimeoutInMinutes": 5})

    def tell_all(self) -> None:
        while self.tell():
            pass

    def publish(self) -> None:
        """Publish a few lifecycle events out of the middle of the log."""
        due = self.do(lifecycle.due, after=self.size * 17 // 10, limit=20)
        assert due.items
        self.do(lifecycle.settle, due.items, due.position)

    def middle(self, verb: Callable, *args: Any, **filters: Any) -> None:
        """Read the first page and the one after it."""
        token = self.do(verb, *args, max_results=10, **filters).next_token
        if token is not None:
            self.do(verb, *args, max_results=10, next_token=token, **filters)
