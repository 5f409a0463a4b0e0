"""A device and an operator that repeat themselves until they are answered, and write down what they hear."""

import asyncio
import http.client
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from devices import Device, Gone, Refused
from history import Asked, History, Said
from servers import Place

#: Answers that say "not now": the same request is to be sent again.
PASSING = frozenset({"InternalError", "RequestThrottled"})
PAUSE = 0.02


class Hushed(Gone):
    """A request was acknowledged and never answered."""


class Worker:
    """One thing. ``connect`` anew after each crash; ``ask`` raises ``Gone`` when the server dies.

    With ``silence`` there is a broker in between: its acknowledgement says nothing of a server, and who has
    heard nothing for so many seconds takes the server for dead.
    """

    def __init__(
        self,
        thing: str,
        history: History,
        password: str | None = None,
        *,
        root: str = "$aws/things",
        silence: float | None = None,
    ) -> None:
        self.thing = thing
        self._password = password
        self._topics = f"{root}/{thing}/jobs"
        self._silence = silence
        self.history = history
        #: The execution that notify-next named last; None if it named none or has not come yet.
        self.next: dict[str, Any] | None = None
        self.told = asyncio.Event()
        self._device: Device | None = None
        self._answers: dict[str, asyncio.Future[tuple[bool, bytes]]] = {}
        self._ear: asyncio.Task[None] | None = None

    async def connect(self, place: Place) -> None:
        """Connect and listen. Raises ``Gone`` if there is nobody."""
        await self.leave()
        self.told.clear()
        self.next = None
        self._device = Device(place.mqtt, self.thing, password=self._password)
        try:
            await self._device.connect()
            await self._device.subscribe(f"{self._topics}/#")
        except (OSError, Refused, TimeoutError) as error:
            raise Gone(str(error)) from error
        self._ear = asyncio.create_task(self._listen(self._device), name=f"ear of {self.thing}")

    async def leave(self) -> None:
        if self._ear is not None:
            self._ear.cancel()
            with suppress(asyncio.CancelledError):
                await self._ear
            self._ear = None
        if self._device is not None:
            await self._device.close()
            self._device = None

    async def ask(self, request: str, body: Mapping[str, Any]) -> tuple[bool, bytes]:
        """Return whether it was accepted, and the answer. Raises ``Gone``."""
        device = self._device
        if device is None or device.closed.is_set():
            raise Gone("not connected")
        token = str(body["clientToken"])
        answer = self._answers[token] = asyncio.get_running_loop().create_future()
        sending = asyncio.create_task(device.publish(f"{self._topics}/{request}", json.dumps(body).encode()))
        ended = asyncio.create_task(device.closed.wait())
        try:
            async with asyncio.timeout(self._silence or 30):
                await asyncio.wait({answer, ended}, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            if self._silence is None:
                raise
            raise Gone("nothing was heard") from None
        finally:
            del self._answers[token]
            ended.cancel()
            sending.add_done_callback(lambda done: done.cancelled() or done.exception())
        if answer.done():
            return answer.result()
        if self._silence is None and sending.done() and sending.exception() is None:
            raise Hushed("acknowledged, and the connection ended without an answer")
        raise Gone("the connection ended before the answer")

    async def say(self, said: Said, payload: Mapping[str, Any]) -> bool:
        """Send an update once and note the answer; return whether it is settled. Raises ``Gone``."""
        try:
            accepted, raw = await self.ask(f"{said.job}/update", payload)
        except Hushed:
            said.hushed += 1
            raise
        body = json.loads(raw)
        if accepted:
            said.replies.append(raw)
            said.versions.append(body["executionState"]["versionNumber"])
            said.ended = said.ended or self.history.tick()
        elif body["code"] not in PASSING:
            said.refused = f"{body['code']}: {body['message']}"
        return accepted or said.refused is not None

    async def insist(self, said: Said, payload: Mapping[str, Any], again: Callable[[], Any]) -> None:
        """Send an update until it is settled; ``again`` brings the connection back after it was lost."""
        settled = False
        while not settled:
            try:
                settled = await self.say(said, payload)
                if not settled:
                    await asyncio.sleep(PAUSE)
            except Gone:
                await again()

    async def _listen(self, device: Device) -> None:
        while True:
            heard = await device.messages.get()
            body = json.loads(heard.payload)
            kind = heard.topic.rpartition("/")[2]
            if kind == "notify-next":
                self.next = body.get("execution")
                self.told.set()
            waiter = self._answers.get(str(body.get("clientToken")))
            if kind in ("accepted", "rejected") and waiter is not None and not waiter.done():
                waiter.set_result((kind == "accepted", heard.payload))


def update(
    history: History,
    thing: str,
    job: str,
    status: str,
    *,
    mark: str,
    expected: int | None = None,
    number: int = 1,
) -> tuple[Said, dict[str, Any]]:
    """Return an update that is about to be said, written down, and its payload."""
    said = Said(thing, job, mark, status, history.tick(), number=number)
    history.said.append(said)
    payload = {
        "status": status,
        "statusDetails": {"mark": mark},
        "clientToken": mark,
        "includeJobExecutionState": True,
    }
    if number > 1:
        payload["executionNumber"] = number
    return said, payload if expected is None else {**payload, "expectedVersion": expected}


class Operator:
    """Calls the REST API; one connection per call."""

    def __init__(self, history: History) -> None:
        self.history = history

    async def call(self, place: Place, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Return status and body. Raises ``Gone`` if there was no whole answer."""
        return await asyncio.to_thread(_call, place.http, method, path, body)

    def creation(self, job: str, targets: list[str], **more: Any) -> tuple[Asked, dict[str, Any]]:
        """Return a creation that is about to be asked for, written down, and its body."""
        asked = Asked(job, frozenset(targets))
        self.history.created.append(asked)
        return asked, {
            "jobId": job,
            "clientToken": f"create-{job}",
            "targets": targets,
            "targetSelection": "SNAPSHOT",
            "document": {"job": job},
            **more,
        }

    async def create(self, place: Place, job: str, targets: list[str]) -> Asked:
        asked, body = self.creation(job, targets)
        status, answer = await self.call(place, "POST", "/jobs", body)
        assert status == 200, answer
        asked.done = True
        return asked


def _call(port: int, method: str, path: str, body: object) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {} if body is None else {"Content-Type": "application/json"}
    try:
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    except (OSError, http.client.HTTPException) as error:
        raise Gone(f"{method} {path}: {error!r}") from error
    finally:
        connection.close()
