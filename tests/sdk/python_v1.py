"""A device written with AWSIoTPythonSDK: the older SDK, its threads, and one subscription for everything."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from AWSIoTPythonSDK.MQTTLib import AWSIoTMQTTThingJobsClient
from crt import PATIENCE
from site_under_test import Site


class OldDevice:
    """One thing, with everything it hears in order, as topic below ``jobs/`` and body."""

    def __init__(self, site: Site, thing: str, client_id: str, qos: int) -> None:
        self.heard: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        self.topics: list[str] = []
        self._loop = asyncio.get_running_loop()
        self._prefix = f"$aws/things/{thing}/jobs/"
        certificate, key = site.certificate(thing)
        self.jobs = AWSIoTMQTTThingJobsClient(client_id, thing, QoS=qos)
        self.jobs.configureEndpoint("localhost", site.mtls_port)
        self.jobs.configureCredentials(str(site.ca), key, certificate)
        self.jobs.configureMQTTOperationTimeout(PATIENCE)

    async def open(self) -> None:
        assert await asyncio.to_thread(self.jobs.connect)
        assert await asyncio.to_thread(self.jobs.createJobSubscription, self._hear)

    async def close(self) -> None:
        assert await asyncio.to_thread(self.jobs.disconnect)

    async def ask(self, send: Callable[..., bool], *given: Any, **named: Any) -> tuple[str, Any]:
        """Send by one of the SDK's verbs and return the next answer, with its topic below ``jobs/``."""
        assert await asyncio.to_thread(send, *given, **named)
        return await self.hear(lambda topic: topic.endswith(("/accepted", "/rejected")))

    async def hear(self, wanted: Callable[[str], bool]) -> tuple[str, Any]:
        async with asyncio.timeout(PATIENCE):
            while True:
                topic, body = await self.heard.get()
                self.topics.append(topic)
                if wanted(topic):
                    return topic, body

    def _hear(self, _client: object, _userdata: object, message: Any) -> None:
        said = message.topic.removeprefix(self._prefix), json.loads(message.payload)
        self._loop.call_soon_threadsafe(self.heard.put_nowait, said)
