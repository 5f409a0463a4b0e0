"""What the formats of our OpenAPI document mean, for schemathesis (named to it by SCHEMATHESIS_HOOKS)."""

import json
import unicodedata
from zoneinfo import available_timezones

import schemathesis
from hypothesis import strategies as st

PLAIN = st.characters(exclude_categories=["C"])
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = st.recursive(
    LEAVES | st.text(PLAIN, max_size=20), lambda inner: st.lists(inner, max_size=3), max_leaves=5
)
DOCUMENTS = st.dictionaries(st.text(PLAIN, max_size=10), VALUES, max_size=5)


def is_plain(text):
    return not any(unicodedata.category(c)[0] == "C" for c in text)


schemathesis.openapi.format("printable-text", st.text(PLAIN, max_size=100))
schemathesis.openapi.format(
    "detail-text", st.text(PLAIN | st.sampled_from("\t\n\r"), min_size=1, max_size=100)
)
schemathesis.openapi.format("json-object", DOCUMENTS.map(json.dumps))
schemathesis.openapi.format("iana-time-zone", st.sampled_from(sorted(available_timezones())))
# None but our own signature makes one: "" is the first page.
schemathesis.openapi.format("next-token", st.just(""))


@schemathesis.hook
def filter_query(context, query):
    """What OpenAPI cannot say: these two come together."""
    return ("attributeName" in (query or {})) == ("attributeValue" in (query or {}))


@schemathesis.hook
def filter_body(context, body):
    """What JSON Schema cannot say: groups exist, templates agree, details make ten pairs in all."""
    if not isinstance(body, dict):
        return True
    two_templates = body.get("jobTemplateId") is not None and body.get("jobTemplateArn") is not None
    if two_templates or "thinggroup" in str(body.get("targets")):
        return False
    said = [body.get("statusDetails"), body.get("detailsMap")]
    said += [part.get("detailsMap") for part in said[:1] if isinstance(part, dict)]
    pairs = {name for part in said if isinstance(part, dict) for name in part}
    return len(pairs | ({"action", "progress"} & set(body))) <= 10
