"""Requests to AWS's planes out of the service models: what a client sends, then spoilt in a few places."""

import json
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from botocore.loaders import Loader
from botocore.model import ServiceModel, Shape, StructureShape
from hypothesis import strategies as st

SERVICES = {
    name: ServiceModel(Loader().load_service_model(name, "service-2"), name)
    for name in ("iot", "iot-jobs-data")
}
#: What no member can be said to be; escaped in the body, so that a lone surrogate arrives as one.
TEXTS = (
    *("", " ", "\t\n", "\x00", "a\x00b", "\x7f", "\u2028", "\u202egnp", "é", "\U0001f4a5" * 64, "\ud800"),
    *("a" * 65, "a" * 129, "a" * 257, "b" * 3000, "µ" * 20_000),
    *("..", ".", "/", "a/b", "%2F", "a%2Fb", "$next", "*", "#", "+", "?", "&a=b", "{", "{jobId}", "${x}"),
    *("null", "true", "-1", "1e3", "0x10", "\u0661", "1_000", "9" * 30, "NaN", "'--", '"', "\\", "%", "_"),
    *("arn:aws:iot:us-east-1:123456789012:thing/", "arn:aws:iot:::job/x", "arn:", "arn:aws:s3:::bucket/a"),
)
NUMBERS = (0, 1, -1, 2, 10, 250, 251, 10_081, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63) - 1, 10**40)
#: What an operation asks for although the model does not.
ALWAYS = {
    "AddThingToBillingGroup": ("billingGroupName", "thingName"),
    "AddThingToThingGroup": ("thingGroupName", "thingName"),
    "CreateJob": ("document",),
    "CreateJobTemplate": ("document",),
    "RemoveThingFromBillingGroup": ("thingName",),
    "RemoveThingFromThingGroup": ("thingGroupName", "thingName"),
    "UpdateThingGroupsForThing": ("thingName",),
}
_JUNK = st.one_of(
    st.sampled_from([None, True, False, 0.5, 1.0, 1e308, [], {}, [[]], [None], {"": None}, [{}] * 300]),
    st.sampled_from(NUMBERS),
    st.sampled_from(TEXTS),
    st.text(max_size=12),
    st.recursive(
        st.sampled_from([None, 1, "a", True]),
        lambda inner: (
            st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abé"), inner, max_size=2)
        ),
        max_leaves=6,
    ),
)


@dataclass(frozen=True)
class Wild:
    """A request: what goes where."""

    method: str
    target: str
    body: bytes
    headers: Mapping[str, str]


@st.composite
def requests(draw, service: str, name: str, words: Mapping[str, Sequence[Any]]) -> Wild:
    """Give requests for an operation; ``words`` are values that mean something, by the names of members."""
    model = SERVICES[service].operation_model(name)
    shape = model.input_shape
    given = {} if shape is None else _structure(draw, shape, words, ALWAYS.get(name, ()))
    for _ in range(draw(st.sampled_from((0, 0, 0, 1, 1, 2)))):
        _spoil(draw, given, words)
    return _sent(draw, model, f"/aws/{service}", given)


def _structure(
    draw, shape: StructureShape, words: Mapping[str, Sequence[Any]], always: Sequence[str] = ()
) -> dict[str, Any]:
    needed = {*shape.required_members, *always}
    optional = [each for each in shape.members if each not in needed]
    chosen = draw(st.sets(st.sampled_from(optional), max_size=2)) if optional else set()
    return {
        name: _value(draw, member, name, words)
        for name, member in shape.members.items()
        if name in needed or name in chosen
    }


def _value(draw, shape: Shape, name: str, words: Mapping[str, Sequence[Any]]) -> Any:
    """Return a value of a type, one of those for its name if there are any."""
    match shape.type_name:
        case "structure":
            return _structure(draw, shape, words)
        case "list":
            return [
                _value(draw, shape.member, name, words)
                for _ in range(draw(st.sampled_from((1, 1, 2, 2, 3, 0))))
            ]
        case "map":
            keys = draw(st.sets(st.sampled_from(shape.key.enum or words.get("key", ("a",))), max_size=3))
            return {key: _value(draw, shape.value, f"{name}{{}}", words) for key in sorted(keys)}
        case "boolean":
            return draw(st.booleans())
        case "integer" | "long" | "double" | "float":
            return draw(st.sampled_from(words.get(name, (1, 2, 5, 10))))
        case "string":
            known = words.get(name) or shape.enum
            return draw(st.sampled_from(known) if known else st.text("ab-_1", min_size=1, max_size=8))
    raise NotImplementedError(shape.type_name)


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    """Give every place in a value that something else could be in."""
    pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in pairs:
        yield node, key
        yield from _places(value)


def _spoil(draw, given: dict[str, Any], words: Mapping[str, Sequence[Any]]) -> None:
    """Put something where something else belongs, or where nothing does."""
    places = list(_places(given)) * 3 + [(given, each) for each in ("unknown", "__type", "jobId")]
    holder, key = draw(st.sampled_from(places))
    other = words[draw(st.sampled_from(sorted(words)))]
    holder[key] = deepcopy(draw(_JUNK | st.sampled_from(other)))


def _sent(draw, model, prefix: str, given: dict[str, Any]) -> Wild:
    members = {} if model.input_shape is None else model.input_shape.members
    path, query, headers, body = model.http["requestUri"].partition("?")[0], [], {}, {}
    for name, value in given.items():
        place = members[name].serialization if name in members else {}
        said = place.get("name", name)
        match place.get("location"):
            case "uri":
                # An empty piece of a path would be another operation's path.
                path = path.replace(f"{{{said}}}", _quoted(value) or "%20")
            case "querystring":
                query += [(said, _word(each)) for each in (value if isinstance(value, list) else [value])]
            case "header":
                headers[said] = "".join(c for c in _word(value) if " " <= c <= "~").strip()
            case _:
                body[name] = value
    told = urlencode(query, errors="surrogatepass", quote_via=quote)
    raw = json.dumps(body).encode() if body or draw(st.booleans()) else b""
    if model.http["method"] == "GET" and not body:
        raw = b""
    return Wild(model.http["method"], f"{prefix}{path}{'?' if told else ''}{told}", raw, headers)


def _word(value: Any) -> str:
    """Return a value as text that fits into the head of a request: what is longer no operation sees."""
    return (value if isinstance(value, str) else json.dumps(value))[:200]


def _quoted(value: Any) -> str:
    text = quote(_word(value), safe="", errors="surrogatepass")
    # A client would resolve them.
    return text.replace(".", "%2E") if text in {".", ".."} else text
