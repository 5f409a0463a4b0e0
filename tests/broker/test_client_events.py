"""What brokers say of their clients, and what that means for things."""

import json

import pytest

from broker.client_events import ClientEvents


def event(client: object, user: object = None, **more: object) -> bytes:
    return json.dumps({"clientid": client, "username": user, "ts": 1718000000123, **more}).encode()


SYSTEM = "$SYS/brokers/emqx@10.0.0.1/clients/t1/{what}"
TOPICS = (SYSTEM, "$events/client_{what}", "$event/client_{what}")


@pytest.mark.parametrize("topic", TOPICS)
def test_a_client_that_comes_and_goes_is_its_thing(topic: str) -> None:
    events = ClientEvents()
    assert events.read(topic.format(what="connected"), event("t1")) == ("t1", True)
    assert events.read(topic.format(what="disconnected"), event("t1")) == ("t1", False)


@pytest.mark.parametrize(
    ("client", "user", "thing"),
    [
        ("c-1", "t1", "t1"),
        ("t1", "", "t1"),
        ("t1", None, "t1"),
        ("t1", "undefined", "t1"),
        ("a:b", None, "a:b"),
    ],
)
def test_the_user_name_is_the_thing_else_the_client_id_is(client: str, user: str | None, thing: str) -> None:
    assert ClientEvents().read("$events/client_connected", event(client, user)) == (thing, True)


def test_a_thing_with_two_clients_is_gone_when_the_last_one_is() -> None:
    events = ClientEvents()
    came, left = "$events/client_connected", "$events/client_disconnected"
    assert events.read(came, event("one", "t1")) == ("t1", True)
    assert events.read(came, event("two", "t1")) == ("t1", True)
    assert events.read(left, event("one", "t1")) is None
    assert events.read(left, event("two", "t1")) == ("t1", False)
    assert events.read(left, event("unheard of", "t1")) == ("t1", False)


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        ("$events/client_connected", b""),
        ("$events/client_connected", b"{"),
        ("$events/client_connected", b"[]"),
        ("$events/client_connected", b"{}"),
        ("$events/client_connected", event(None)),
        ("$events/client_connected", event(7)),
        ("$events/client_connected", event(["t1"], "t1")),
        ("$events/client_connected", event("thingjobs.dispatcher")),
        ("$events/client_connected", event("t1", "no/thing")),
        ("$events/client_subscribed", event("t1")),
        ("$SYS/brokers/x/clients/a/b/connected", event("t1")),
        ("$SYS/brokers/x/clients/t1/connected/more", event("t1")),
        ("$aws/things/t1/jobs/get/accepted", event("t1")),
    ],
)
def test_what_is_no_event_of_a_thing_says_nothing(topic: str, payload: bytes) -> None:
    assert ClientEvents().read(topic, payload) is None
