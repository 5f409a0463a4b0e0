"""A process with stock amqtt in it, told what to publish on stdin, telling what it received on stdout.

It has authentication and a whitelist as plugins, the way amqtt's documents advise, so that what a probe finds
is not for want of configuration.
"""

import asyncio
import json
import logging
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

sys.path.insert(0, str(Path(__file__).parents[2]))

from amqtt.broker import Broker
from amqtt.contexts import Action
from amqtt.plugins.base import BaseAuthPlugin, BasePlugin, BaseTopicPlugin

from domain.permissions import may_publish, may_subscribe
from domain.topics import Topics

OPTIONS = json.loads(sys.argv[1]) if __name__ == "__main__" else {}
PLUGINS: dict[str, dict[str, Any]] = {
    "whitelist": {"__main__.Auth": {}, "__main__.Whitelist": {}, "__main__.Tap": {}},
    "own acl": {
        "__main__.Auth": {},
        "amqtt.plugins.topic_checking.TopicAccessControlListPlugin": {"acl": {"alice": ["things/alice/+"]}},
    },
}


class Auth(BaseAuthPlugin):
    @dataclass
    class Config:
        """No options."""

    async def authenticate(self, *, session: Any) -> bool:
        return session.username is not None and session.password == f"secret-of-{session.username}"


class Whitelist(BaseTopicPlugin):
    topics: ClassVar[Topics] = Topics(OPTIONS.get("root", "things"))

    @dataclass
    class Config:
        """No options."""

    async def topic_filtering(
        self, *, session: Any = None, topic: str | None = None, action: Action | None = None
    ) -> bool:
        if action is Action.RECEIVE:
            await asyncio.sleep(OPTIONS["lookup"])
        rule = may_publish if action is Action.PUBLISH else may_subscribe
        return session is None or rule(self.topics, session.username, topic or "")


class Tap(BasePlugin[Any]):
    @dataclass
    class Config:
        """No options."""

    async def on_broker_message_received(self, *, client_id: str, message: Any) -> None:
        del client_id
        tell([message.topic, bytes(message.data).decode(errors="replace")])


def tell(what: Any) -> None:
    print(json.dumps(what), flush=True)


async def main() -> None:
    listener = {"type": "tcp", "bind": "127.0.0.1:0", **OPTIONS["listener"]}
    config: dict[str, Any] = {"listeners": {"default": listener}}
    if OPTIONS["plugins"] in PLUGINS:
        config["plugins"] = PLUGINS[OPTIONS["plugins"]]
    broker = Broker(config)
    await broker.start()
    tell({"port": broker._servers["default"].instance.sockets[0].getsockname()[1]})
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    while line := await reader.readline():
        topic, payload = json.loads(line)
        await broker.internal_message_broadcast(topic, payload.encode(), 1)


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    asyncio.run(main())
