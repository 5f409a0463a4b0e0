"""Bare echoes as a process: what a broker and a client library can do when nothing is stored.

``paho``: plain paho on asyncio, the way its own example does it, but with TCP_NODELAY.
``link``: our external link with a door that answers at once. ``embedded``: our broker with that door.
"""

import asyncio
import json
import socket
import sys
from contextlib import suppress
from typing import Any

from doors import EchoDoor
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from broker.embedded.link import EmbeddedLink
from broker.identity import Credentials, Identity
from broker.mqtt import ExternalLink
from domain.topics import Operation, Topics


async def paho(port: int, topics: Topics, username: str | None, password: str | None) -> None:
    loop = asyncio.get_running_loop()
    subscribed = loop.create_future()
    client = Client(CallbackAPIVersion.VERSION2, client_id="echo", clean_session=True)
    client.max_inflight_messages_set(0)
    client.max_queued_messages_set(0)
    client.username_pw_set(username, password)

    def opened(_client: Client, _userdata: Any, sock: socket.socket) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        loop.add_reader(sock, client.loop_read)

    client.on_socket_open = opened
    client.on_socket_close = lambda _client, _userdata, sock: loop.remove_reader(sock)
    client.on_socket_register_write = lambda _client, _userdata, sock: loop.add_writer(
        sock, client.loop_write
    )
    client.on_socket_unregister_write = lambda _client, _userdata, sock: loop.remove_writer(sock)
    wanted = topics.request("+", Operation.UPDATE, "+")
    client.on_connect = lambda *_: client.subscribe(wanted, 1)
    client.on_subscribe = lambda *_: subscribed.set_result(None)
    client.on_message = lambda _client, _userdata, message: client.publish(
        f"{message.topic}/accepted", message.payload, 1
    )
    client.connect("127.0.0.1", port, 600)
    await subscribed
    tell(port)
    while True:
        client.loop_misc()
        await asyncio.sleep(1)


async def link(port: int, topics: Topics, username: str | None, password: str | None) -> None:
    made = ExternalLink(host="127.0.0.1", port=port, topics=topics, username=username, password=password)
    await made.start(EchoDoor())
    tell(port)
    await asyncio.Event().wait()


async def embedded(_port: int, topics: Topics, _username: str | None, _password: str | None) -> None:
    made = EmbeddedLink(host="127.0.0.1", port=0, topics=topics, authenticate=_anybody)
    await made.start(EchoDoor())
    tell(made.port)
    await asyncio.Event().wait()


async def _anybody(credentials: Credentials) -> Identity:
    return Identity(credentials.client_id)


def tell(port: int) -> None:
    print(json.dumps({"port": port}), flush=True)


KINDS = {"paho": paho, "link": link, "embedded": embedded}


def main(kind: str, port: str, root: str, *login: str) -> None:
    username, password = login or (None, None)
    with suppress(KeyboardInterrupt):
        asyncio.run(KINDS[kind](int(port), Topics(root), username, password))


if __name__ == "__main__":
    main(*sys.argv[1:])
