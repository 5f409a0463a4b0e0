"""What EMQX asks, in the bodies that ``deploy/emqx`` has it send, and what it is told: a yes or a no.

No EMQX runs here. The bodies are rendered as its documents and its source say: text for everything, and
nothing for what a client has not said.
"""

import re
from pathlib import Path

import pytest
from http_door import opened

from api.call import DispatcherLogin
from domain.errors import Unavailable
from domain.topics import Topics
from storage import access_keys, admittance

AUTH, ACL = "/internal/mqtt/auth", "/internal/mqtt/acl"
CONFIG = (Path(__file__).parents[2] / "deploy" / "emqx" / "emqx.conf").read_text(encoding="utf-8")
KEY = "correct-horse-battery-staple"
JOBS = "$aws/things/lamp/jobs"


def template(url):
    """Return the body that the configuration has EMQX send to this address."""
    block = CONFIG[CONFIG.index(f'{url}"') :]
    body = re.search(r"body \{\n(.*?)\n *\}", block, re.DOTALL)
    return dict(re.findall(r'^ *(\w+) = "\$\{([\w.]+)\}"$', body[1], re.MULTILINE))


def ask(door, url, **known):
    """Ask as EMQX would that knows this of a client."""
    body = {member: known.pop(variable, "") for member, variable in template(url).items()}
    assert not known, "the configuration sends nothing of that"
    return door.ok("POST", url, body)


def connect(door, **known):
    answer = ask(door, AUTH, **known)
    assert answer["result"] in ("allow", "deny")
    return answer


def may(door, name, action, topic, *, qos="1", retain="false"):
    known = {"client_attrs.name": name, "action": action, "topic": topic, "qos": qos, "retain": retain}
    [(said, result)] = ask(door, ACL, **known).items()
    assert said == "result"
    assert result in ("allow", "deny")
    return result == "allow"


@pytest.fixture(scope="module")
def door(tmp_path_factory):
    dispatcher = DispatcherLogin("thingjobs.dispatcher", KEY)
    with opened(tmp_path_factory.mktemp("emqx") / "data", dispatcher=dispatcher) as found:
        found.ok("POST", "/things", {"thingName": "lamp"})
        found.ok("POST", "/things", {"thingName": "door"})
        yield found


@pytest.fixture(scope="module")
def token(door):
    return door.ok("POST", "/things/lamp/tokens", {})["token"]


REFUSED = {"result": "deny", "is_superuser": False, "client_attrs": {}}
LAMP = {"result": "allow", "is_superuser": False, "client_attrs": {"name": "lamp"}}


@pytest.mark.parametrize("username", ["lamp", "", "lamp?SDK=Python&Version=1.0", "?SDK=JavaV2"])
@pytest.mark.parametrize("clientid", ["lamp", "lamp:2"])
def test_a_thing_comes_in_with_its_token_and_is_told_who_it_is(door, token, username, clientid):
    assert connect(door, clientid=clientid, username=username, password=token) == LAMP


@pytest.mark.parametrize(
    ("username", "clientid", "changed"),
    [
        ("door", "lamp", None),
        ("lamp", "door", None),
        ("lamp", "lamp-2", None),
        ("lamp", "", None),
        ("lamp", "lamp", ""),
        ("lamp", "lamp", "x"),
        ("lamp", "lamp", "tj_000000000000_" + "A" * 43),
        ("", "", ""),
        ("thingjobs.dispatcher", "lamp", None),
    ],
)
def test_nobody_else_comes_in(door, token, username, clientid, changed):
    password = token if changed is None else changed
    assert connect(door, clientid=clientid, username=username, password=password) == REFUSED


def test_a_revoked_token_opens_nothing(door):
    token = door.ok("POST", "/things/door/tokens", {})["token"]
    asked = {"clientid": "door", "username": "door", "password": token}
    assert connect(door, **asked)["result"] == "allow"
    door.ok("DELETE", "/things/door/tokens")
    assert connect(door, **asked) == REFUSED


def test_a_dispatcher_comes_in_by_its_password_and_may_do_everything(door):
    known = {"clientid": "d-1", "username": "thingjobs.dispatcher"}
    assert connect(door, **known, password=KEY) == {
        "result": "allow",
        "is_superuser": True,
        "client_attrs": {},
    }
    assert connect(door, **known, password=f"{KEY}x") == REFUSED
    assert connect(door, **known, password="") == REFUSED


def test_without_a_dispatcher_that_name_opens_nothing(tmp_path):
    with opened(tmp_path / "data") as bare:
        assert connect(bare, clientid="d", username="thingjobs.dispatcher", password=KEY) == REFUSED


def test_a_monitor_comes_in_with_its_key_and_hears_events_alone(door):
    made = door.ok("POST", "/access-keys", {"role": "VIEWER"})
    known = {"username": made["accessKeyId"], "password": made["secretAccessKey"], "clientid": "screen-7"}
    admitted = connect(door, **known)
    assert (admitted["result"], admitted["is_superuser"]) == ("allow", False)
    name = admitted["client_attrs"]["name"]
    assert may(door, name, "subscribe", "$aws/events/#")
    assert not may(door, name, "subscribe", f"{JOBS}/#")
    assert not may(door, name, "publish", f"{JOBS}/get")
    assert not may(door, name, "publish", "$aws/events/job/j/completed")
    used = door.run(door.store.read(access_keys.get, made["accessKeyId"])).last_used_at
    assert used == door.at.replace(microsecond=123000)


@pytest.mark.parametrize(
    ("action", "topic", "allowed"),
    [
        ("publish", f"{JOBS}/get", True),
        ("publish", f"{JOBS}/start-next", True),
        ("publish", f"{JOBS}/j/update", True),
        ("publish", f"{JOBS}/$next/get", True),
        ("publish", f"{JOBS}/notify", False),
        ("publish", f"{JOBS}/j/update/accepted", False),
        ("publish", "$aws/things/door/jobs/get", False),
        ("publish", "$aws/events/job/j/completed", False),
        ("publish", "", False),
        ("subscribe", f"{JOBS}/#", True),
        ("subscribe", f"{JOBS}/notify-next", True),
        ("subscribe", f"{JOBS}/+/update/accepted", True),
        ("subscribe", "$aws/things/door/jobs/#", False),
        ("subscribe", "$aws/things/+/jobs/#", False),
        ("subscribe", "#", False),
        ("subscribe", "$SYS/#", False),
        ("subscribe", "", False),
        ("ALL", f"{JOBS}/get", False),
        ("", f"{JOBS}/get", False),
    ],
)
def test_a_thing_may_do_what_it_may_on_every_broker_of_ours(door, action, topic, allowed):
    assert may(door, "lamp", action, topic) is allowed


@pytest.mark.parametrize(
    ("qos", "retain", "allowed"), [("0", "false", True), ("2", "false", False), ("1", "true", False)]
)
def test_nothing_is_published_to_be_kept_or_at_qos_2(door, qos, retain, allowed):
    assert may(door, "lamp", "publish", f"{JOBS}/get", qos=qos, retain=retain) is allowed


@pytest.mark.parametrize("topic", [f"{JOBS}/#", "$aws/things//jobs/#", "$aws/events/#"])
def test_whose_name_was_not_sent_may_nothing(door, topic):
    """So does an EMQX before 5.7, which knows no attributes of clients."""
    assert not may(door, "", "subscribe", topic)


def test_another_root_has_other_topics(tmp_path):
    with opened(tmp_path / "data", topics=Topics("fleet/things")) as other:
        assert may(other, "lamp", "publish", "fleet/things/lamp/jobs/get")
        assert not may(other, "lamp", "publish", f"{JOBS}/get")


@pytest.mark.parametrize(
    "body",
    [
        # The example of EMQX's documents has more than we ask for.
        {
            "clientid": "lamp",
            "username": "lamp",
            "password": "x",
            "peerhost": "127.0.0.1",
            "protocol": "mqtt",
        },
        {"clientid": None, "username": None, "password": None},
        {"clientid": 7, "username": ["lamp"], "password": {"a": 1}},
        {},
    ],
)
def test_whatever_is_said_the_answer_is_no(door, body):
    assert door.ok("POST", AUTH, body) == REFUSED
    assert door.ok("POST", ACL, body) == {"result": "deny"}


def test_numbers_and_truth_values_are_as_good_as_text(door):
    asked = {"name": "lamp", "action": "publish", "topic": f"{JOBS}/get"}
    assert door.ok("POST", ACL, {**asked, "qos": 1, "retain": False}) == {"result": "allow"}
    assert door.ok("POST", ACL, {**asked, "qos": 1, "retain": True}) == {"result": "deny"}


def test_a_store_that_is_down_lets_nobody_in_and_is_no_error(door, token, monkeypatch):
    """An error would be no opinion, and somebody else's turn."""

    def down(*_):
        raise Unavailable("the store cannot serve now")

    monkeypatch.setattr(admittance, "by_password", down)
    assert connect(door, clientid="lamp", username="lamp", password=token) == REFUSED


def test_the_questions_need_the_key_where_there_is_one(tmp_path):
    with opened(tmp_path / "data", api_key=KEY) as locked:
        assert locked("POST", AUTH, {}).status == 401
        assert locked("POST", ACL, {}).status == 401
        bearer = {"Authorization": f"Bearer {KEY}"}
        assert locked("POST", AUTH, {}, headers=bearer).body == REFUSED


def test_the_configuration_leaves_no_other_way_in():
    settings = dict(re.findall(r"^ *(no_match|deny_action) = (\w+)$", CONFIG, re.MULTILINE))
    assert settings == {"no_match": "deny", "deny_action": "disconnect"}
    assert len(re.findall(r"^ *backend = http$", CONFIG, re.MULTILINE)) == 1
    assert re.findall(r"^ *type = (\w+)$", CONFIG, re.MULTILINE) == ["http"]
    assert CONFIG.count("{") == CONFIG.count("}")
    assert set(template(AUTH).values()) == {"clientid", "username", "password"}
    assert set(template(ACL).values()) == {"client_attrs.name", "action", "topic", "qos", "retain"}
