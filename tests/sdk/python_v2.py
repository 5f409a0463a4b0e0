"""Devices written with awsiotsdk's two jobs clients, behind one face so that each story is told once."""

import asyncio
from abc import abstractmethod
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any
from uuid import uuid4

from awscrt.mqtt import QoS
from awscrt.mqtt_request_response import ClientOptions, SubscriptionStatusEventType
from awsiot import ServiceStreamOptions, V2ServiceException, iotjobs
from crt import PATIENCE, Wire


class Rejected(Exception):
    """What the SDK made of an answer on ``/rejected``."""

    def __init__(self, said: Any) -> None:
        super().__init__(f"{said.code}: {said.message}")
        self.code = said.code
        self.said = said


class Device:
    """One thing. Answers and notifications are the SDK's own objects; ``Rejected`` is raised."""

    def __init__(self, wire: Wire, thing: str) -> None:
        self.wire = wire
        self.thing = thing
        self.notified: asyncio.Queue[Any] = asyncio.Queue()
        self.next_changed: asyncio.Queue[Any] = asyncio.Queue()

    @abstractmethod
    async def listen(self) -> None:
        """Hear of jobs from now on."""

    async def pending(self) -> Any:
        request = iotjobs.GetPendingJobExecutionsRequest(thing_name=self.thing)
        return await self._ask("get_pending_job_executions", request)

    async def start_next(self, **members: Any) -> Any:
        request = iotjobs.StartNextPendingJobExecutionRequest(thing_name=self.thing, **members)
        return await self._ask("start_next_pending_job_execution", request)

    async def describe(self, job_id: str, **members: Any) -> Any:
        request = iotjobs.DescribeJobExecutionRequest(thing_name=self.thing, job_id=job_id, **members)
        return await self._ask("describe_job_execution", request)

    async def update(self, job_id: str, status: str, **members: Any) -> Any:
        request = iotjobs.UpdateJobExecutionRequest(
            thing_name=self.thing, job_id=job_id, status=status, **members
        )
        return await self._ask("update_job_execution", request)

    @abstractmethod
    async def _ask(self, operation: str, request: Any) -> Any: ...


async def soon(future: "Future[Any]") -> Any:
    async with asyncio.timeout(PATIENCE):
        return await asyncio.wrap_future(future)


async def heard(queue: "asyncio.Queue[Any]") -> Any:
    """Return what came next; None would be the SDK's way to say that it could not read it."""
    async with asyncio.timeout(PATIENCE):
        told = await queue.get()
    assert told is not None, "the SDK could not read it"
    return told


class DeviceV1(Device):
    """``IotJobsClient``: subscribes to each answer by name, waits for the SUBACK, then publishes."""

    def __init__(self, wire: Wire, thing: str) -> None:
        super().__init__(wire, thing)
        self.jobs = iotjobs.IotJobsClient(wire.client)
        self._answers: asyncio.Queue[Any] = asyncio.Queue()
        self._heard: set[tuple[str, str | None]] = set()

    async def listen(self) -> None:
        for kind, queue in (("job_executions", self.notified), ("next_job_execution", self.next_changed)):
            words = kind.title().replace("_", "")
            await self._subscribe(
                f"{kind}_changed_events",
                f"{words}ChangedSubscriptionRequest",
                lambda event, q=queue: (q, event),
            )

    async def hear(self, operation: str, job_id: str | None = None) -> None:
        """Subscribe to both answers of an operation, once."""
        if (operation, job_id) in self._heard:
            return
        self._heard.add((operation, job_id))
        shape, answers = f"{operation.title().replace('_', '')}SubscriptionRequest", self._answers
        members = {} if job_id is None else {"job_id": job_id}
        for verdict in ("accepted", "rejected"):
            await self._subscribe(
                f"{operation}_{verdict}",
                shape,
                lambda event, verdict=verdict: (answers, (verdict, event)),
                **members,
            )

    async def answer(self, token: str | None) -> Any:
        """Return the next answer with this token: an earlier one may come again after a cut."""
        while True:
            verdict, said = await heard(self._answers)
            assert said is not None, "the SDK could not read the answer"
            if said.client_token != token:
                continue
            if verdict == "rejected":
                raise Rejected(said)
            return said

    async def _subscribe(self, verb: str, shape: str, route: Any, **members: Any) -> None:
        request = getattr(iotjobs, shape)(thing_name=self.thing, **members)
        tell = self.wire.tell
        granted, _ = getattr(self.jobs, f"subscribe_to_{verb}")(
            request, QoS.AT_LEAST_ONCE, lambda event: tell(*route(event))
        )
        assert await soon(granted) == QoS.AT_LEAST_ONCE

    async def _ask(self, operation: str, request: Any) -> Any:
        await self.hear(operation, getattr(request, "job_id", None))
        request.client_token = str(uuid4())
        await soon(getattr(self.jobs, f"publish_{operation}")(request, QoS.AT_LEAST_ONCE))
        return await self.answer(request.client_token)


class DeviceV2(Device):
    """``IotJobsClientV2``: subscribes by itself, finds answers by the client token, offers streams."""

    def __init__(self, wire: Wire, thing: str) -> None:
        super().__init__(wire, thing)
        options = ClientOptions(
            max_request_response_subscriptions=4,
            max_streaming_subscriptions=2,
            operation_timeout_in_seconds=PATIENCE,
        )
        self.jobs = iotjobs.IotJobsClientV2(wire.client, options)
        self._streams: list[Any] = []

    async def listen(self) -> None:
        await self._stream("job_executions_changed", "JobExecutionsChanged", self.notified)
        await self._stream("next_job_execution_changed", "NextJobExecutionChanged", self.next_changed)

    async def _stream(self, verb: str, shape: str, queue: "asyncio.Queue[Any]") -> None:
        status: asyncio.Queue[Any] = asyncio.Queue()
        tell = self.wire.tell
        options = ServiceStreamOptions(
            incoming_event_listener=lambda event: tell(queue, event),
            subscription_status_listener=lambda event: tell(status, event),
            deserialization_failure_listener=lambda _: tell(queue, None),
        )
        request = getattr(iotjobs, f"{shape}SubscriptionRequest")(thing_name=self.thing)
        stream = getattr(self.jobs, f"create_{verb}_stream")(request, options)
        stream.open()
        self._streams.append(stream)
        assert (await heard(status)).type == SubscriptionStatusEventType.SUBSCRIPTION_ESTABLISHED

    async def _ask(self, operation: str, request: Any) -> Any:
        try:
            return await soon(getattr(self.jobs, operation)(request))
        except V2ServiceException as failure:
            if failure.modeled_error is None:
                raise
            raise Rejected(failure.modeled_error) from failure


CLIENTS = {"v1": DeviceV1, "v2": DeviceV2}
NewDevice = Callable[..., Awaitable[Device]]
